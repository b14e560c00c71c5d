"""TensorFlow's flower_photos, five kinds of flowers, where the user has fetched them."""

import os
from dataclasses import replace
from pathlib import Path

from ..errors import SourceUnavailable
from ..store.datasets import DATA
from ..store.weights import data_folder
from .folders import folder_target
from .labelled import Target

FETCH = f"`course fetch --data flowers` brings photographs of flowers ({DATA['flowers'].megabytes} MB)."


def flowers_folder() -> Path | None:
    """Where the flowers are: in Keras's cache of data, or as `flowers5` in the folder that `COURSE_DATA` names."""
    places = [data_folder() / DATA["flowers"].made]
    if folder := os.environ.get("COURSE_DATA"):
        places.append(Path(folder) / "flowers5")
    return next((place for place in places if place.is_dir()), None)


def flowers(seed: int) -> Target:
    """Five classes, 224 x 224 pixels; `seed` splits them, a quarter to test on. Raises `SourceUnavailable`."""
    folder = flowers_folder()
    if folder is None:
        raise SourceUnavailable(f"The flowers are not there, and the course does not fetch them unasked: {FETCH}")
    return replace(folder_target(folder, seed), name="flowers", question="Which kind of flower?")
