"""A folder of pictures as a target: one folder for each class, with or without a split into training and test.

Keras's tool for this is `keras.utils.image_dataset_from_directory`, and notebook 09 shows it. Pictures are read with
Pillow here because that tool stops at a damaged file, in the middle of training, and does not say which, ignores how
the camera was held and what is transparent, leaves WebP files out without a word, and counts an empty folder as a
class.
"""

import hashlib
import os
import warnings
from collections import deque
from pathlib import Path

import numpy as np

from .cache import cache_folder, cached_arrays, fingerprint, mapped_pictures
from .downloads import shown
from .errors import BadInputSize, BadPictures, BadTarget
from .progress import bar
from .targets import Target

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
_TRAINING, _VALIDATION, _TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")

Labelled = list[tuple[Path, str]]  # files, each with the name of its class


def folder_target(path: str | Path, seed: int = 0, side: int = 224, test_share: float = 0.25) -> Target:
    """A folder of pictures as a `Target`, and what was found in it in a printed line or two.

    Either `path` holds one folder for each class; then `test_share` of each class, drawn with `seed`, is the test
    set. Or it holds `train` and `test` (or `val`, `validation`), with one folder for each class in both; then this
    split is kept. Where there are all three, validation pictures count as training pictures. Folders within a class's
    folder belong to it; whatever begins with a dot is ignored.

    Each picture is read by `read_picture`, uint8 (side, side, 3), and only that is kept. Damaged files are left out,
    and named. So are pictures of exactly the same pixels as another one, before a split is drawn here; in a given
    split, test pictures that stand among the training pictures too are leakage, which is said, and they stay.

    Raises `BadTarget` for a path that is no such folder or holds too little, `BadInputSize` for an impossible `side`.
    """
    path = Path(path).expanduser()
    if not isinstance(side, (int, np.integer)) or side < 8:
        raise BadInputSize(f"side={side!r} is no size for a picture: give a whole number of pixels from 8 on.")
    if not 0 < test_share < 1:
        raise BadTarget(f"test_share={test_share!r} leaves nothing to train or to test on: give a share such as 0.25.")
    if not path.is_dir():
        what = "is a file and no folder" if path.exists() else "is not there"
        raise BadTarget(f"{path} {what}: give a folder with one folder of pictures for each class.")
    roots = _given_split(path)
    others: list[Path] = []
    train, test = ([pair for root in part for pair in _labelled(root, others)] for part in roots or ([path], []))
    names = tuple(sorted({name for _, name in train + test}))
    _enough_room(path, len(train + test), side, copied=not roots)
    pictures, files, broken, digests = _read(path, train + test, side)
    labels = np.array([names.index(name) for _, name in files], "int64")
    first = {digest: k for k, digest in reversed(list(enumerate(digests)))}  # where each picture stands first
    if roots:
        start = len(set(train) & set(files))  # of the test pictures
        parts = [np.arange(start), np.arange(start, len(files))]
        copies = {k: first[digests[k]] for k in parts[1] if first[digests[k]] < start}
        named = [" and ".join(f"{root.name}/" for root in part) for part in roots]
        how = f"the folder's own split, {named[0]} to train and {named[1]} to test"
    else:
        copies = {k: first[digest] for k, digest in enumerate(digests) if first[digest] < k}
        parts = _split(labels, sorted(set(range(len(files))) - set(copies)), seed, test_share)
        how = f"split by chance with seed {seed}"
    counts = [np.bincount(labels[part], minlength=len(names)) for part in parts]
    for count, kind in zip(counts, ("training", "test"), strict=True):
        if not count.all():
            raise BadTarget(
                f"{path} has no {kind} picture of class '{names[count.argmin()]}' that could be used: add some that "
                "are whole and no copies, or take the class out."
            )
    listed = ", ".join(f"{name} {a} + {b}" for name, a, b in zip(names[:12], *counts, strict=False))
    listed += ", …" if len(names) > 12 else ""
    found = f"{len(parts[0])} training + {len(parts[1])} test pictures of {len(names)} classes"
    print(f"{path.name}: {found} ({listed}); {how}.")
    _report(path, others, broken, {files[k][0]: files[same][0] for k, same in copies.items()}, bool(roots))
    question = f"Which of these: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}?"
    if not roots:  # one part after the other, so that both can be mapped, too
        order = np.concatenate(parts)
        key = fingerprint(digests, [int(k) for k in order])
        pictures = mapped_pictures(_name("split", path, side), key, side, lambda: (pictures[k] for k in order))
        labels, parts = labels[order], [np.arange(len(parts[0])), np.arange(len(parts[0]), len(order))]
    train, test = (slice(part[0], part[-1] + 1) for part in parts)
    return Target(path.name, question, pictures[train], labels[train], pictures[test], labels[test], names)


def read_picture(file: str | Path, side: int) -> np.ndarray:
    """One picture file as uint8 (side, side, 3), RGB: the largest square in its middle, resized (antialiased).

    The square keeps the proportions of things, as the networks of the zoo saw them; what stands at the two ends of a
    long picture is lost. Turned as the camera was held; transparent parts on white; of an animation the first
    picture; 16 bits brought to 8. Raises `BadPictures` where the file is not there or damaged.
    """
    from PIL import Image, ImageOps

    file = Path(file).expanduser()
    if not file.is_file():
        raise BadPictures(f"{file} is not there, or is no file: give the path of one picture.")
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore")  # Pillow's own remarks on odd metadata and on large pictures
            image.draft(None, (2 * side, 2 * side))  # a large photograph is decoded at a fraction of its size
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):  # 16 bits: Pillow's convert would cut them off at 255
                image = Image.fromarray(np.round(np.asarray(image, "float32") / 257).clip(0, 255).astype("uint8"))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return np.asarray(ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BICUBIC))
    except MemoryError:
        raise
    except Exception:  # on a damaged file, Pillow raises nearly every class there is
        raise BadPictures(f"{file} is damaged or no picture: open it in a viewer, and save it again.") from None


def _visible(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))


def _given_split(path: Path) -> tuple[list[Path], list[Path]] | None:
    """The folders to train and to test on, where the folder comes with a split."""
    found = {child.name.lower(): child for child in _visible(path) if child.is_dir()}
    train, validation, test = (
        [found[name] for name in kind if name in found] for kind in (_TRAINING, _VALIDATION, _TEST)
    )
    if not train or not (validation or test):
        return None
    return (train + validation, test) if test else (train, validation)


def _labelled(root: Path, others: list[Path]) -> Labelled:
    """The picture files of each class folder in `root`; files of other kinds are added to `others`."""
    found: Labelled = []
    for folder in (child for child in _visible(root) if child.is_dir()):
        for parent, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(name for name in files if not name.startswith(".")):
                file = Path(parent) / name
                if file.suffix.lower() in ENDINGS:
                    found.append((file, folder.name))
                else:
                    others.append(file)
    classes = {name for _, name in found}
    if not classes:
        loose = any(child.suffix.lower() in ENDINGS for child in _visible(root))
        what = "its pictures lie side by side" if loose else f"no folder in it holds a {' or '.join(ENDINGS)} file"
        raise BadTarget(f"{root} has no classes, {what}: make a folder in it for the pictures of each class.")
    if len(classes) == 1:
        raise BadTarget(
            f"{root} has pictures of one class only, '{classes.pop()}', so there is nothing to tell apart: add a "
            "folder with pictures of something else."
        )
    return found


def _split(labels: np.ndarray, usable: list[int], seed: int, share: float) -> list[np.ndarray]:
    """Which pictures to train and to test on; of each class at least one for either, where it has two."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for k in np.unique(labels):
        own = rng.permutation([place for place in usable if labels[place] == k])
        count = min(max(1, round(share * len(own))), len(own) - 1)
        test += own[:count].tolist()
        train += own[count:].tolist()
    return [np.array(sorted(part), "int64") for part in (train, test)]


def _enough_room(path: Path, pictures: int, side: int, copied: bool) -> None:
    import psutil

    needed, memory = pictures * side * side * 3 * (1 + copied), psutil.virtual_memory().available
    place = next(folder for folder in (cache_folder(), *cache_folder().parents) if folder.is_dir())
    disk = psutil.disk_usage(str(place)).free
    if needed > 0.8 * max(memory, disk):
        raise BadTarget(
            f"{path} has {pictures:,} pictures, which take {needed / 1e9:.1f} GB at {side} x {side} pixels, and "
            f"{disk / 1e9:.1f} GB are free on the disk of {shown(place)}: give a smaller side=, or take a part of them."
        )


def _name(kind: str, path: Path, side: int) -> str:
    return f"{kind}-{fingerprint(str(path.resolve()), int(side))[:16]}"


def _stamp(file: Path) -> list:
    try:
        found = file.stat()
    except OSError:  # a link to nowhere
        return [str(file)]
    return [str(file), found.st_size, found.st_mtime_ns]


def _read(path: Path, files: Labelled, side: int) -> tuple[np.ndarray, Labelled, list[Path], list[str]]:
    """The pictures that can be read, the files that they are from, the files that cannot, and the pictures' SHA-256."""
    key = fingerprint(int(side), [_stamp(file.resolve()) for file, _ in files])
    seen: dict[str, str] = {}  # of each file, the hash of its pixels, "" where it cannot be read

    def read():
        for file, _ in bar(files, label=path.name, unit="pictures"):
            try:
                picture = read_picture(file, side)
            except BadPictures:
                seen[str(file)] = ""
                continue
            seen[str(file)] = hashlib.sha256(picture).hexdigest()
            yield picture

    def hashes():
        if len(seen) < len(files):  # the pictures are kept, and their hashes are not
            deque(read(), maxlen=0)
        return {"hashes": np.array([seen[str(file)] for file, _ in files])}

    pictures = mapped_pictures(_name("folder", path, side), key, side, read)
    found = cached_arrays(key, hashes)["hashes"].tolist()
    whole = [pair for pair, value in zip(files, found, strict=True) if value]
    broken = [file for (file, _), value in zip(files, found, strict=True) if not value]
    return pictures, whole, broken, [value for value in found if value]


def _report(path: Path, others: list[Path], broken: list[Path], copies: dict[Path, Path], given: bool) -> None:
    """Say what was left out, and what the test must not be trusted for."""

    def some(files) -> str:
        names = [file.relative_to(path).as_posix() for file in files]
        return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")

    if others:
        kinds = ", ".join(sorted({file.suffix.lower() or "no ending" for file in others}))
        print(f"Files of other kinds were left aside, {len(others)} of them ({kinds}); read are {', '.join(ENDINGS)}.")
    if broken:
        print(f"Damaged files were left out, {len(broken)} of them: {some(broken)}.")
    if copies:
        which = f"{len(copies)} of them: {some(copies)}; the first is the same as {some([next(iter(copies.values()))])}"
        if given:
            print(
                f"Leakage: there are test pictures that stand among the training pictures too, {which}. Take them out "
                "of one of the two, for a model is no better for knowing them."
            )
        else:
            print(f"Copies were left out, so that none is in training and test, {which}.")
