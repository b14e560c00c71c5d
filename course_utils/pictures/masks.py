"""Pictures that say which points of another picture are what: data for segmentation, and no pictures of a class."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import BadTarget
from ..root import printable

_NAMES = "masks?|annotations?|labels?|segmentations?|seg|ground[ _-]?truths?|gt"
_MASK_OF = re.compile(rf"(?P<picture>.+?)[ _-]+({_NAMES})([ _-]*\d+)?", re.IGNORECASE)


def masks_among(files: Iterable[Path]) -> set[Path]:
    """Of pictures, those whose name is that of a mask of another one: `7_mask.png` beside `7.png`."""
    there = {(file.parent, file.stem) for file in files}
    return {file for file in files if (picture := _picture(file)) != file.stem and (file.parent, picture) in there}


def check_no_masks(root: Path, pictures: Mapping[Path, Iterable[Path]]) -> None:
    """Raise `BadTarget` where a folder in `root` holds the masks of the pictures in another; `pictures` by folder."""
    names = {folder: {_picture(file) for file in files} for folder, files in pictures.items()}
    for folder, masked in names.items():
        if not masked or not re.fullmatch(_NAMES, folder.name, re.IGNORECASE):
            continue
        for other in names:
            if other != folder and len(names[other] & masked) > len(masked) / 2:
                raise BadTarget(
                    f"{root} holds {printable(other.name)} and {printable(folder.name)} with files of the same names, "
                    "which seem to be pictures and their masks: make a folder for the pictures of each class, without "
                    f"masks, or, where {printable(folder.name)} is a class, give it another name."
                )


def _picture(file: Path) -> str:
    """The name of the picture that a file is the mask of, or its own."""
    found = _MASK_OF.fullmatch(file.stem)
    return found["picture"] if found else file.stem
