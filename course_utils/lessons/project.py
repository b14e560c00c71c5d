"""Lesson 09, a project of one's own: the folder to work in, its samples and faults, and pictures to ask about."""

import os
import tempfile
from pathlib import Path

import numpy as np

from ..models import stored
from ..pictures.arrays import resized
from ..pictures.labelled import Target
from ..pictures.listing import files_within, given_split, opened
from ..pictures.reading import ENDINGS
from ..sources import Source
from ..targets import load_target

KERAS_READS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # image_dataset_from_directory, Keras 3.15


class Workshop:
    """A temporary folder to work in, with the reader's own paths as they are found from there."""

    def __init__(self, folder: str | None, model_file: str | None, results: str | None, source: str):
        self._home = Path.cwd()
        self._folder = self._from_home(folder)
        self.model_file, wanted = self._from_home(model_file), self._from_home(results)
        self.source = str(self._from_home(source)) if source.lower().endswith(stored.ENDINGS) else source
        self._place = tempfile.TemporaryDirectory()
        os.chdir(self._place.name)
        self.results = wanted or Path(self._place.name) / "results"
        self.results.mkdir(parents=True, exist_ok=True)
        self.known: dict = {}
        if source == "drawings":
            self.known["source_licence"] = "MIT, as the course's; its pictures were drawn by a program"

    def _from_home(self, path: str | None) -> Path | None:
        return (self._home / Path(path).expanduser()).resolve() if path else None

    def folder(self, seed: int) -> Path:
        """The reader's folder, or one of sample pictures that is written now."""
        if self._folder:
            return self._folder
        write_surfaces(Path("surfaces"), 30, seed)
        self.known |= {
            "purpose": "an exercise in a course on transfer learning",
            "not_for": "any decision about anything",
            "origin": "crops of scikit-image's photographs brick, grass, gravel, moon and tissue",
            "split": "left part of each photograph to train, right part to test, a gap between",
            "not_tested": ["other photographs: all pictures of a class come from a single one"],
        }
        return Path("surfaces")

    def close(self) -> None:
        """Go back to where the notebook lies, and take the folder away."""
        os.chdir(self._home)
        self._place.cleanup()
        print("The temporary folder is gone. To keep the model and its card, set RESULTS at the top.")


def write_surfaces(folder: Path, per_class: int, seed: int) -> None:
    """Turned crops of five grey photographs as picture files, in train/<class> and test/<class>, a gap between."""
    from PIL import Image
    from skimage import color, data

    tissue = (255 * color.rgb2gray(data.immunohistochemistry())).astype("uint8")
    photographs = {"brick": data.brick(), "grass": data.grass(), "gravel": data.gravel()}
    photographs |= {"moon": data.moon(), "tissue": tissue}
    rng = np.random.default_rng([seed, 9])
    for part, left, right in (("train", 0, 0.6), ("test", 0.66, 1)):
        for name, photograph in photographs.items():
            (folder / part / name).mkdir(parents=True)
            width = photograph.shape[1]
            region = Image.fromarray(photograph[:, int(left * width) : int(right * width)])
            for k in range(per_class):
                half = int(rng.integers(8, 21))
                reach = 1.42 * half + 1  # so that the corners stay inside when it is turned
                x, y = (int(rng.uniform(reach, side - reach)) for side in region.size)
                turned = region.rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC, center=(x, y))
                crop = np.asarray(turned.crop((x - half, y - half, x + half, y + half)), float)
                contrast, light = rng.uniform(25, 50), rng.uniform(90, 165)
                crop = (crop - crop.mean()) / (crop.std() + 5) * contrast + light
                file = folder / part / name / f"{name}{k:02}.{'png' if k % 3 else 'jpg'}"
                Image.fromarray(crop.clip(0, 255).astype("uint8")).save(file)


def faulty_folder(target: Target) -> Path:
    """A small folder with a damaged file, a file that is no picture, and a training picture in the test."""
    from PIL import Image

    faulty = Path("faulty")
    sets = (("train", target.pictures, target.labels), ("test", target.test_pictures, target.test_labels))
    first, second = target.class_names[:2]
    for part, pictures, labels in sets:
        for k, name in enumerate((first, second)):
            (faulty / part / name).mkdir(parents=True, exist_ok=True)
            for number, picture in enumerate(pictures[labels == k][:4]):
                Image.fromarray(picture).save(faulty / part / name / f"{number}.png")
    whole = (faulty / "train" / first / "0.png").read_bytes()
    (faulty / "train" / first / "1.png").write_bytes(whole[: len(whole) // 2])
    (faulty / "train" / second / "notes.txt").write_text("buy more film")
    (faulty / "test" / first / "copy.png").write_bytes(whole)
    return faulty


def training_part(folder: Path) -> Path:
    """Where the folders of the classes are that are trained on; sample pictures where Keras's own tool reads none."""
    split = given_split(opened(folder))
    place = split.train[0] if split else opened(folder)
    if any(path.suffix.lower() in KERAS_READS for path in files_within(place)):
        return place
    print(f"Keras's own tool reads {', '.join(KERAS_READS)} only, so it is shown with the sample pictures.")
    write_surfaces(Path("samples"), 30, 0)
    return Path("samples/train")


def first_batch(data) -> None:
    """Tell the classes and the first batch of a `tf.data.Dataset`, or that it stops at a damaged file."""
    import tensorflow as tf

    print("classes:", data.class_names)
    try:
        pictures, labels = next(iter(data))
        print("one batch:", pictures.shape, pictures.dtype.name, "labels", labels.shape)
    except tf.errors.OpError as problem:
        print("It stops at a damaged file and does not say which:", type(problem).__name__)


def small_digits(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits at 32 x 32 pixels, and what they are."""
    target = load_target("digits", seed)
    return target.pictures[:, ::2, ::2], target.labels


def sized(pictures: np.ndarray, source: Source) -> np.ndarray:
    """Pictures 0 … 255 at the source's size, not scaled: what a file made by `deployable` takes."""
    return resized(pictures, source.input_size)


def a_test_file(folder: Path) -> Path:
    """Some picture of the folder, where there is a test part one of that."""
    split = given_split(opened(folder))
    place = split.test[0] if split else folder
    return min(path for path in files_within(place) if path.suffix.lower() in ENDINGS)
