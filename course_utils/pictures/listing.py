"""Which picture files a folder holds: one folder for each class, with or without a split into training and test."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadTarget
from ..root import printable
from .reading import ENDINGS

_ROLES = {"train": ("train",), "validation": ("val", "dev"), "test": ("test",)}  # what the names of parts have in them
_USUAL = ("train", "training", "val", "valid", "validation", "test", "testing")  # whatever lies in them
# What systems put beside pictures, often with thumbnails of them.
_SYSTEM = ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found")
# How pictures are called that say which points of another one are what: data for segmentation.
_MASKS = "masks?|annotations?|labels?|segmentations?|seg|ground[ _-]?truths?|gt"
_MASK_OF = re.compile(rf"(?P<picture>.+?)[ _-]+({_MASKS})([ _-]*\d+)?", re.IGNORECASE)

Labelled = list[tuple[Path, str]]  # files, each with the name of its class


@dataclass(frozen=True)
class Split:
    """The folders of a split that a folder comes with: to train, to test, and those that are no part of it."""

    train: list[Path]
    test: list[Path]
    aside: list[Path]


@dataclass
class Found:
    """What lies in folders of classes: pictures, masks of them, other files, classes without pictures, pictures of no
    class."""

    pictures: Labelled = field(default_factory=list)
    masks: Labelled = field(default_factory=list)
    others: Labelled = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    loose: list[Path] = field(default_factory=list)


def opened(path: Path) -> Path:
    """`path`, or, where it holds one folder with pictures and no picture itself, as archives unpack, that folder."""
    while not loose_pictures(path):
        inner = [folder for folder in _folders(path) if _any_picture(folder)]
        if len(inner) != 1 or loose_pictures(inner[0]):
            break
        path = inner[0]
    return path


def given_split(path: Path) -> Split | None:
    """The parts of the split that the folder comes with, or None where it holds classes.

    It is a split where several folders in it hold folders of pictures under the same names; what their own names say
    tells which part is which. Raises `BadTarget` where these say nothing, or parts and classes stand side by side.
    """
    parts = {folder: opened(folder) for folder in _folders(path)}
    called = [folder for folder in parts if folder.name.lower() in _USUAL]
    if {"train"} < {_role(folder.name) for folder in called}:
        classes = {folder: _classes(parts[folder]) for folder in called}
    else:
        classes = {folder: _classes(inner) for folder, inner in parts.items() if not loose_pictures(inner)}
        classes = {folder: names for folder, names in classes.items() if len(names) > 1}
        common = set.intersection(*classes.values()) if len(classes) > 1 else set()
        if len(common) < max(2, len(set().union(*classes.values())) / 2):
            _check_no_part(path, parts, classes)
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


def _check_no_part(path: Path, folders: Iterable[Path], within: dict[Path, set[str]]) -> None:
    """Raise `BadTarget` where what would be a class looks like a part of a split; `within` names folders in it."""
    classes = [folder for folder in folders if _any_picture(folder)]
    roles = {_role(folder.name) for folder in classes}
    doubtful = classes if len(roles) > 1 and "" not in roles else []
    for folder in classes:
        others = {class_name(other).casefold() for other in classes if other != folder}
        inside, role = within.get(folder, set()), folder.name.lower() in _USUAL and _role(folder.name)
        if role in ("validation", "test") or (role and inside) or (len(others) > 1 and others <= inside):
            doubtful = [folder, *doubtful]
    if doubtful:
        names, which = [printable(folder.name) for folder in classes], printable(doubtful[0].name)
        raise BadTarget(
            f"{path} holds {', '.join(names[:5])}{', …' if len(names) > 5 else ''}, so it is not clear whether "
            f"'{which}' is a class: if it is a part of a split, put a folder for each class into train and into test, "
            "if nobody knows the classes of its pictures, move it elsewhere, if it is a class, give it another name."
        )


def class_name(folder: Path) -> str:
    """The name of the class whose pictures a folder holds, its accents in one form however they were typed."""
    return unicodedata.normalize("NFC", printable(folder.name))


def labelled_files(roots: list[Path], tests: list[Path]) -> Found:
    """What the class folders in each of `roots` and then of `tests` hold, and the pictures beside these folders.

    Names that differ by capital letters only are one class, in the spelling that comes first. Raises `BadTarget` where
    one of them does not hold pictures of two classes at least.
    """
    found = Found()
    spelling: dict[str, str] = {}
    for root in roots + tests:
        here: set[str] = set()
        pictures: dict[Path, list[Path]] = {}
        found.loose += loose_pictures(root)
        for folder in _folders(root):
            name = spelling.setdefault(class_name(folder).casefold(), class_name(folder))
            files = list(files_within(folder))
            pictures[folder] = list(filter(_is_picture, files))
            masks = _masks_among(pictures[folder])
            own = [(file, name) for file in pictures[folder] if file not in masks]
            found.pictures += own
            found.masks += [(file, name) for file in sorted(masks)]
            found.others += [(file, name) for file in files if not _is_picture(file)]
            if own:
                here.add(name)
            elif files:
                found.empty.append(name)
        _check_no_masks(root, pictures)
        _check_classes(root, here, root in tests)
    return found


def _masks_among(files: Iterable[Path]) -> set[Path]:
    """Of pictures, those whose name is that of a mask of another one: `7_mask.png` beside `7.png`."""
    there = {(file.parent, file.stem) for file in files}
    return {file for file in files if (picture := _picture(file)) != file.stem and (file.parent, picture) in there}


def _check_no_masks(root: Path, pictures: Mapping[Path, Iterable[Path]]) -> None:
    """Raise `BadTarget` where a folder in `root` holds the masks of the pictures in another; `pictures` by folder."""
    names = {folder: {_picture(file) for file in files} for folder, files in pictures.items()}
    for folder, masked in names.items():
        if not masked or not re.fullmatch(_MASKS, folder.name, re.IGNORECASE):
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


def loose_pictures(folder: Path) -> list[Path]:
    """The pictures that lie in the folder itself."""
    return [child for child in _visible(folder) if _is_picture(child) and child.is_file()]


def files_within(folder: Path) -> Iterator[Path]:
    """The files of a folder, however deep, in the order of their names, also behind links to folders elsewhere.

    Names that begin with a dot are left aside, and what programs keep for themselves. Raises `BadTarget` where it holds
    a folder that cannot be read.
    """
    above, seen = Path(folder).resolve(), set()
    for parent, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        here = Path(parent).resolve()
        if here in seen or (here != above and here in above.parents):  # a link that leads back
            folders.clear()
            continue
        seen.add(here)
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for name in sorted(name for name in files if not _hidden(name)):
            yield Path(parent) / name


def _unreadable(problem: OSError) -> None:
    raise BadTarget(
        f"{printable(str(problem.filename))} cannot be read ({problem.strerror}): get the right to read it, or move it "
        "elsewhere."
    ) from None


def _role(name: str) -> str:
    return next((role for role, words in _ROLES.items() if any(word in name.lower() for word in words)), "")


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _SYSTEM


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if not _hidden(child.name))
    except OSError as problem:
        _unreadable(problem)


def _folders(folder: Path) -> list[Path]:
    return [child for child in _visible(folder) if child.is_dir()]


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in ENDINGS


def _any_picture(folder: Path) -> bool:
    """Whether it holds pictures, however deep."""
    return any(map(_is_picture, files_within(folder)))


def _classes(folder: Path) -> set[str]:
    """The names of the folders in it that hold pictures, however deep."""
    return {class_name(child).casefold() for child in _folders(folder) if _any_picture(child)}


def _check_classes(root: Path, classes: set[str], test: bool) -> None:
    unlabelled = f", or move {printable(root.name)} elsewhere if nobody knows their classes" if test else ""
    if not classes:
        loose = loose_pictures(root)
        what = "its pictures lie side by side" if loose else f"no folder in it holds a {' or '.join(ENDINGS)} file"
        raise BadTarget(
            f"{root} has no classes, {what}: make a folder in it for the pictures of each class{unlabelled}."
        )
    if len(classes) == 1:
        (only,) = classes
        raise BadTarget(
            f"{root} has pictures of one class only, '{only}', so there is nothing to tell apart: add a folder with "
            f"pictures of something else, or give {only} itself if the classes lie in it{unlabelled}."
        )
