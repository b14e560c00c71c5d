"""Target tasks: what we want to learn from little data. Photographs, digits, drawings, or a folder of your own."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np

from .errors import BadTarget
from .pictures.digits import digits, turned_digits
from .pictures.flowers import FETCH, flowers, flowers_folder
from .pictures.labelled import Target
from .pictures.photographs import labelled_crops
from .pictures.windows import blur, windows
from .world import shapes, tasks

TARGETS: dict[str, Callable[[int], Target]] = {
    "windows": windows,
    "blur": blur,
    "unseen shapes": tasks.unseen_shapes,
    "unseen shapes and textures": tasks.unseen_shapes_and_textures,
    "stripe orientation": tasks.stripe_orientation,
    "pose": tasks.pose,
    "count": tasks.count,
    "size": tasks.size,
    "digits": digits,
    "turned digits": turned_digits,
}


@lru_cache(maxsize=8)
def _built(name: str, seed: int) -> Target:
    return TARGETS[name](seed)


def load_target(name: str | Path, seed: int = 0) -> Target:
    """A target by its name; `seed` renders other pictures of the same task, or splits those that there are.

    `name` is one of `TARGETS`; "flowers", TensorFlow's flower_photos, where they were fetched; "photographs", which
    takes the flowers where they are there and the windows where not; or the path of a folder of pictures
    (`pictures.folders.folder_target`). What real pictures it took is printed. Raises `BadTarget` where the name is not
    known, and `SourceUnavailable` where the flowers are not there.
    """
    if name == "photographs":
        name = "flowers" if flowers_folder() else "windows"
        if name == "windows":
            print(f"windows: pieces of photographs of installed packages, in grey. {FETCH}")
    if name == "flowers":
        return flowers(seed)
    if name in TARGETS:
        return _built(name, seed)
    if isinstance(name, Path) or (
        isinstance(name, str) and name and (re.search(r"[/\\]", name) or Path(name).is_dir())
    ):
        from .pictures.folders import folder_target

        return folder_target(name, seed)
    known = ("photographs", "flowers", *TARGETS)
    near = get_close_matches(str(name), known, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(known)}, or give a folder's path."
    raise BadTarget(f"There is no target named '{name}': {hint}")


def near_target(source, seed: int = 0, folder: str | Path | None = None) -> Target:
    """The target that lies near to what a source knows: your `folder`, or photographs, or drawings for drawings."""
    return load_target(folder or ("unseen shapes" if source.name == "drawings" else "photographs"), seed)


def own_pictures(source, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Labelled pictures from a source's own world: uint8 (n, h, w, 3), class indices (n,), its class names.

    The source of drawings gets freshly rendered ones. A source with ImageNet's classes gets random crops and
    mirror images of the sample photographs whose class is known: few motifs, so read figures on them as a check,
    not as an accuracy. Raises `BadTarget` for a source of other classes: nobody has told us what it knows.
    """
    if source.name == "drawings":
        return *shapes.render_source(n, seed), source.class_names
    crops = labelled_crops(source.class_names, n, seed)
    if crops is None:
        raise BadTarget(
            f"No labelled pictures are known for source '{source.name}': "
            "use 'drawings' or an ImageNet source here, or bring labelled pictures of your own."
        )
    return *crops, source.class_names
