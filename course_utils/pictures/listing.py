"""Which picture files a folder holds: one folder for each class, with or without a split into training and test."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadTarget
from .reading import ENDINGS

_ROLES = {"train": ("train",), "validation": ("val", "dev"), "test": ("test",)}  # what the names of parts have in them
_USUAL = ("train", "training", "val", "valid", "validation", "test", "testing")  # whatever lies in them

Labelled = list[tuple[Path, str]]  # files, each with the name of its class


@dataclass(frozen=True)
class Split:
    """The folders of a split that a folder comes with: to train, to test, and those that are no part of it."""

    train: list[Path]
    test: list[Path]
    aside: list[Path]


def opened(path: Path) -> Path:
    """`path`, or, where it holds one folder of folders and no picture, as archives unpack, what lies in that one."""
    while len(inner := _folders(path)) == 1 and not _pictures(path) and not _pictures(inner[0]) and _folders(inner[0]):
        path = inner[0]
    return path


def given_split(path: Path) -> Split | None:
    """The parts of the split that the folder comes with, or None where it holds classes.

    It is a split where several folders in it hold folders of pictures under the same names; what their own names say
    tells which part is which. Raises `BadTarget` where these say nothing.
    """
    parts = {folder: opened(folder) for folder in _folders(path)}
    called = [folder for folder in parts if folder.name.lower() in _USUAL]
    if {"train"} < {_role(folder.name) for folder in called}:
        classes = {folder: _classes(parts[folder]) for folder in called}
    else:
        classes = {folder: _classes(inner) for folder, inner in parts.items() if not _pictures(inner)}
        classes = {folder: names for folder, names in classes.items() if len(names) > 1}
        if len(classes) < 2:
            return None
        common = set.intersection(*classes.values())
        if len(common) < max(2, len(set.union(*classes.values())) / 2):
            return None
    roles = defaultdict(list)
    for folder in classes:
        roles[_role(folder.name)].append(parts[folder])
    if "" in roles or "train" not in roles or len(roles) < 2:
        first, second, *_ = sorted(folder.name for folder in classes)
        raise BadTarget(
            f"{path} holds {first} and {second}, with the same folders in both ({', '.join(sorted(common)[:2])}, …): "
            "name them train and test if they are the parts of a split, and if they are the classes, put the pictures "
            "of each side by side."
        )
    aside = [folder for folder in parts if folder not in classes]
    validation, test = roles["validation"], roles["test"]
    train = roles["train"]
    return Split(train + validation, test, aside) if test else Split(train, validation, aside)


def class_name(folder: Path) -> str:
    """The name of the class whose pictures a folder holds, its accents in one form however they were typed."""
    return unicodedata.normalize("NFC", folder.name)


def labelled_files(roots: list[Path]) -> tuple[Labelled, list[Path], list[str]]:
    """The picture files of the class folders in each of `roots`, the files of other kinds there, and empty classes.

    Names that differ by capital letters only are one class, in the spelling that comes first. Raises `BadTarget` where
    one of `roots` does not hold pictures of two classes at least.
    """
    pictures: Labelled = []
    others: list[Path] = []
    empty: list[str] = []
    spelling: dict[str, str] = {}
    for root in roots:
        found: Labelled = []
        for folder in _folders(root):
            name = spelling.setdefault(class_name(folder).casefold(), class_name(folder))
            files = list(files_within(folder))
            own = [file for file in files if file.suffix.lower() in ENDINGS]
            found += [(file, name) for file in own]
            others += [file for file in files if file.suffix.lower() not in ENDINGS]
            if files and not own:
                empty.append(name)
        _check_classes(root, {name for _, name in found})
        pictures += found
    return pictures, others, empty


def files_within(folder: Path) -> Iterator[Path]:
    """The files of a folder, however deep, in the order of their names; names that begin with a dot are left aside."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            yield Path(parent) / name


def _role(name: str) -> str:
    return next((role for role, words in _ROLES.items() if any(word in name.lower() for word in words)), "")


def _visible(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))


def _folders(folder: Path) -> list[Path]:
    return [child for child in _visible(folder) if child.is_dir() and child.name != "__MACOSX"]


def _pictures(folder: Path) -> bool:
    """Whether pictures lie in the folder itself."""
    return any(child.suffix.lower() in ENDINGS and child.is_file() for child in _visible(folder))


def _classes(folder: Path) -> set[str]:
    """The names of the folders in it that hold pictures, however deep."""
    return {
        class_name(child).casefold()
        for child in _folders(folder)
        if any(file.suffix.lower() in ENDINGS for file in files_within(child))
    }


def _check_classes(root: Path, classes: set[str]) -> None:
    if not classes:
        loose = _pictures(root)
        what = "its pictures lie side by side" if loose else f"no folder in it holds a {' or '.join(ENDINGS)} file"
        raise BadTarget(f"{root} has no classes, {what}: make a folder in it for the pictures of each class.")
    if len(classes) == 1:
        raise BadTarget(
            f"{root} has pictures of one class only, '{classes.pop()}', so there is nothing to tell apart: add a "
            "folder with pictures of something else."
        )
