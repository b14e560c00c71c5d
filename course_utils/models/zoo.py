"""The image models of `keras.applications`: one table of what is known of each, and how fast it is here."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnknownSource
from ..store.weights import KerasFile, wanted
from .cuts import named_cuts

KERAS = "keras.io/api/applications"
MOBILENET_V3 = "docstring of keras.applications.MobileNetV3Large (Howard et al. 2019)"
CONVNEXT = "Liu et al. 2022, the authors' table of their weights at 224 pixels"

# Names of the block outputs, as a regular expression for each family.
_CUTS = {
    "VGG": r"block\d_pool|fc\d",
    "ResNet": r"conv1_relu|conv\d_block\d+_out",
    "ResNetV2": r"conv1_conv|conv\d_block\d+_out|post_relu",
    "Inception": r"stem_max_pooling2d(_2)?|mixed\d+",
    "InceptionResNetV2": r"stem_max_pooling2d(_2)?|mixed_\d[ab]|block\d+_\d+_ac|conv_7b_ac",
    "Xception": r"block1_conv2_act|block\d+_add|block14_sepconv2_act",
    "MobileNet": r"conv1_relu|conv_pw_\d+_relu",
    "MobileNetV2": r"Conv1_relu|expanded_conv_project_BN|block_\d+_(project_BN|add)|block_13_expand_relu|out_relu",
    "MobileNetV3": r"conv_activation|expanded_conv(_\d+)?_(project_bn|add)|conv_1_activation",
    # A dense block reads all that came before inside it, so its end is what counts, and the transition after it.
    "DenseNet": r"conv1_relu|pool\d_(relu|pool)|relu",
    "NASNet": r"stem_bn1|reduction_concat_\w+|normal_concat_\d+",
    "EfficientNet": r"stem_activation|block\d\w_(project_bn|add)|top_activation",
    "EfficientNetV2": r"stem_activation|block1\w_(project_activation|add)|block[2-9]\w_(project_bn|add)|top_activation",
    # Keras adds ConvNeXt's shortcuts with a bare +, which is no layer: what can be cut are the ends of its stages.
    "ConvNeXt": r"convnext_\w+_(stem|downsampling_block_\d|head_layernorm|layer_normalization)",
}


@dataclass(frozen=True)
class ZooEntry:
    """One model of `keras.applications`, with its classifier of the 1,000 ImageNet classes.

    `size` is the side of its square input in pixels; `parameters` are counted in the Keras model; `megabytes` is
    the weights file as published, or 4 bytes a parameter where nothing is (in MiB, as Keras gives it); `top1` and
    `top5` are per cent of the ImageNet validation set, as `published` says, None where no figure is. Accuracies of
    different publishers do not compare to a tenth of a per cent.
    """

    name: str
    family: str
    module: str
    size: int
    megabytes: int
    top1: float
    top5: float | None
    parameters: int
    published: str = KERAS

    @property
    def pattern(self) -> str:
        """Which layers are cut points: a regular expression on their names."""
        return _CUTS[self.family]

    def build(self, weights: str | None, classifier: bool = True, input_size: tuple[int, int] | None = None):
        """The Keras model itself, by its function in `keras.applications`. `weights` None leaves it untrained.

        Cuts that Keras merely numbered get lasting names, the same in every load.
        """
        import keras

        shape = (*(input_size or (self.size, self.size)), 3)
        with warnings.catch_warnings():  # the MobileNets warn of every size that has no weights of its own
            warnings.simplefilter("ignore")
            model = getattr(keras.applications, self.name)(weights=weights, include_top=classifier, input_shape=shape)
        for name, layer in self._named_cuts(model).items():
            layer.name = name
        return model

    def files(self) -> list[KerasFile]:
        """What it needs: its weights with and without the classifier, and the names of the classes."""
        from keras.applications.imagenet_utils import decode_predictions

        files = [wanted(lambda top=top: self.build("imagenet", top)) for top in (True, False)]
        return [*dict.fromkeys(files), wanted(lambda: decode_predictions(np.zeros((1, 1000))))]

    def preprocess(self, pictures: Any) -> Any:
        """Scale float32 pictures, 0 … 255, with the model's own `preprocess_input`; as a layer of a model, too."""
        import keras

        if not keras.utils.is_keras_tensor(pictures):
            pictures = np.array(pictures, "float32")  # a copy: Keras's function changes an array in its place
        return getattr(keras.applications, self.module).preprocess_input(pictures)

    def cuts(self, model) -> tuple[str, ...]:
        """Names of the block outputs of a model made by `build`, from input to output.

        Everything that later layers see passes through a cut; NASNet alone has no such blocks, each of its cells
        reads the two cells before it.
        """
        return tuple(self._named_cuts(model))

    def _named_cuts(self, model) -> dict[str, Any]:
        return named_cuts(model, self.pattern, skipped_over=self.family == "NASNet")


_TABLE = [
    # name, family, module, size, MB, top-1, top-5, parameters
    ("Xception", "Xception", "xception", 299, 88, 79.0, 94.5, 22_910_480),
    ("VGG16", "VGG", "vgg16", 224, 528, 71.3, 90.1, 138_357_544),
    ("VGG19", "VGG", "vgg19", 224, 549, 71.3, 90.0, 143_667_240),
    ("ResNet50", "ResNet", "resnet", 224, 98, 74.9, 92.1, 25_636_712),
    ("ResNet50V2", "ResNetV2", "resnet_v2", 224, 98, 76.0, 93.0, 25_613_800),
    ("ResNet101", "ResNet", "resnet", 224, 171, 76.4, 92.8, 44_707_176),
    ("ResNet101V2", "ResNetV2", "resnet_v2", 224, 171, 77.2, 93.8, 44_675_560),
    ("ResNet152", "ResNet", "resnet", 224, 232, 76.6, 93.1, 60_419_944),
    ("ResNet152V2", "ResNetV2", "resnet_v2", 224, 232, 78.0, 94.2, 60_380_648),
    ("InceptionV3", "Inception", "inception_v3", 299, 92, 77.9, 93.7, 23_851_784),
    ("InceptionResNetV2", "InceptionResNetV2", "inception_resnet_v2", 299, 215, 80.3, 95.3, 55_873_736),
    ("MobileNet", "MobileNet", "mobilenet", 224, 16, 70.4, 89.5, 4_253_864),
    ("MobileNetV2", "MobileNetV2", "mobilenet_v2", 224, 14, 71.3, 90.1, 3_538_984),
    ("MobileNetV3Small", "MobileNetV3", "mobilenet_v3", 224, 10, 68.1, None, 2_554_968, MOBILENET_V3),
    ("MobileNetV3Large", "MobileNetV3", "mobilenet_v3", 224, 21, 75.6, None, 5_507_432, MOBILENET_V3),
    ("DenseNet121", "DenseNet", "densenet", 224, 33, 75.0, 92.3, 8_062_504),
    ("DenseNet169", "DenseNet", "densenet", 224, 57, 76.2, 93.2, 14_307_880),
    ("DenseNet201", "DenseNet", "densenet", 224, 80, 77.3, 93.6, 20_242_984),
    ("NASNetMobile", "NASNet", "nasnet", 224, 23, 74.4, 91.9, 5_326_716),
    ("NASNetLarge", "NASNet", "nasnet", 331, 343, 82.5, 96.0, 88_949_818),
    ("EfficientNetB0", "EfficientNet", "efficientnet", 224, 29, 77.1, 93.3, 5_330_571),
    ("EfficientNetB1", "EfficientNet", "efficientnet", 240, 31, 79.1, 94.4, 7_856_239),
    ("EfficientNetB2", "EfficientNet", "efficientnet", 260, 36, 80.1, 94.9, 9_177_569),
    ("EfficientNetB3", "EfficientNet", "efficientnet", 300, 48, 81.6, 95.7, 12_320_535),
    ("EfficientNetB4", "EfficientNet", "efficientnet", 380, 75, 82.9, 96.4, 19_466_823),
    ("EfficientNetB5", "EfficientNet", "efficientnet", 456, 118, 83.6, 96.7, 30_562_527),
    ("EfficientNetB6", "EfficientNet", "efficientnet", 528, 166, 84.0, 96.8, 43_265_143),
    ("EfficientNetB7", "EfficientNet", "efficientnet", 600, 256, 84.3, 97.0, 66_658_687),
    ("EfficientNetV2B0", "EfficientNetV2", "efficientnet_v2", 224, 29, 78.7, 94.3, 7_200_312),
    ("EfficientNetV2B1", "EfficientNetV2", "efficientnet_v2", 240, 34, 79.8, 95.0, 8_212_124),
    ("EfficientNetV2B2", "EfficientNetV2", "efficientnet_v2", 260, 42, 80.5, 95.1, 10_178_374),
    ("EfficientNetV2B3", "EfficientNetV2", "efficientnet_v2", 300, 59, 82.0, 95.8, 14_467_622),
    ("EfficientNetV2S", "EfficientNetV2", "efficientnet_v2", 384, 88, 83.9, 96.7, 21_612_360),
    ("EfficientNetV2M", "EfficientNetV2", "efficientnet_v2", 480, 220, 85.3, 97.4, 54_431_388),
    ("EfficientNetV2L", "EfficientNetV2", "efficientnet_v2", 480, 479, 85.7, 97.5, 119_027_848),
    ("ConvNeXtTiny", "ConvNeXt", "convnext", 224, 109, 82.1, None, 28_589_128, CONVNEXT),
    ("ConvNeXtSmall", "ConvNeXt", "convnext", 224, 192, 83.1, None, 50_223_688, CONVNEXT),
    ("ConvNeXtBase", "ConvNeXt", "convnext", 224, 338, 85.8, None, 88_591_464, CONVNEXT),
    ("ConvNeXtLarge", "ConvNeXt", "convnext", 224, 754, 86.6, None, 197_767_336, CONVNEXT),
    ("ConvNeXtXLarge", "ConvNeXt", "convnext", 224, 1336, 87.0, None, 350_196_968, CONVNEXT),
]
ZOO = {row[0]: ZooEntry(*row) for row in _TABLE}


def zoo_table() -> list[ZooEntry]:
    """Every image model of `keras.applications`, in the order of Keras's own page."""
    return list(ZOO.values())


def time_per_picture(name: str, pictures: int = 8, repeats: int = 3) -> float:
    """Seconds that a model needs to classify one picture on this machine, in a batch of `pictures`.

    Measured on an untrained copy: the speed does not depend on the values of the weights, so nothing has to be
    downloaded, and the copy is thrown away. The best of `repeats`, after one run to warm up. Raises `UnknownSource`.
    """
    if name not in ZOO:
        raise UnknownSource(f"There is no model '{name}' in keras.applications: choose one of {', '.join(ZOO)}.")
    entry = ZOO[name]
    model = entry.build(weights=None)
    x = np.random.default_rng(0).uniform(0, 255, (pictures, entry.size, entry.size, 3)).astype("float32")
    model.predict_on_batch(x)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.predict_on_batch(x)
        seconds.append(time.perf_counter() - start)
    return min(seconds) / pictures
