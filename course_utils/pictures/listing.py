"""Which picture files a folder holds: one folder for each class, with or without a split into training and test."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadTarget
from .reading import ENDINGS

_TRAINING, _VALIDATION, _TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")

Labelled = list[tuple[Path, str]]  # files, each with the name of its class


def given_split(path: Path) -> tuple[list[Path], list[Path]] | None:
    """The folders to train and to test on, where the folder comes with a split."""
    found = {child.name.lower(): child for child in _visible(path) if child.is_dir()}
    train = [found[name] for name in _TRAINING if name in found]
    validation = [found[name] for name in _VALIDATION if name in found]
    test = [found[name] for name in _TEST if name in found]
    if not train or not (validation or test):
        return None
    return (train + validation, test) if test else (train, validation)


def labelled_files(roots: list[Path]) -> tuple[Labelled, list[Path]]:
    """The picture files of the class folders in each of `roots`, and the files of other kinds there.

    Raises `BadTarget` where one of them does not hold pictures of two classes at least.
    """
    pictures: Labelled = []
    others: list[Path] = []
    for root in roots:
        found: Labelled = []
        for folder in (child for child in _visible(root) if child.is_dir()):
            for file in _files_within(folder):
                if file.suffix.lower() in ENDINGS:
                    found.append((file, folder.name))
                else:
                    others.append(file)
        _check_classes(root, {name for _, name in found})
        pictures += found
    return pictures, others


def _visible(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))


def _files_within(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            yield Path(parent) / name


def _check_classes(root: Path, classes: set[str]) -> None:
    if not classes:
        loose = any(child.suffix.lower() in ENDINGS for child in _visible(root))
        what = "its pictures lie side by side" if loose else f"no folder in it holds a {' or '.join(ENDINGS)} file"
        raise BadTarget(f"{root} has no classes, {what}: make a folder in it for the pictures of each class.")
    if len(classes) == 1:
        raise BadTarget(
            f"{root} has pictures of one class only, '{classes.pop()}', so there is nothing to tell apart: add a "
            "folder with pictures of something else."
        )
