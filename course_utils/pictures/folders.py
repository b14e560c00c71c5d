"""A folder of pictures as a target: one folder for each class, with or without a split into training and test.

Keras's tool for this is `keras.utils.image_dataset_from_directory`, and notebook 09 shows it. Pictures are read with
Pillow here because that tool stops at a damaged file, in the middle of training, and does not say which, ignores how
the camera was held and what is transparent, leaves WebP files out without a word, and counts an empty folder as a
class.
"""

from pathlib import Path

import numpy as np

from ..errors import BadInputSize, BadTarget
from .kept import check_room, read_files, reordered
from .labelled import Target
from .listing import given_split, labelled_files, loose_pictures, opened
from .report import first_few, named_folders, report_counts, report_dark, report_faults, report_unclear


def folder_target(path: str | Path, seed: int = 0, side: int = 224, test_share: float = 0.25) -> Target:
    """A folder of pictures as a `Target`, and what was found in it in a printed line or two.

    Either `path` holds one folder for each class; then `test_share` of each class, drawn with `seed`, is the test
    set. Or it holds the parts of a split, such as `train` and `test`, with the same folders of classes in each; then
    this split is kept. Where there are all three, validation pictures count as training pictures. One folder around it
    all is looked through. Folders within a class's folder belong to it, and links are followed; names that begin with
    a dot are ignored, and what systems put beside pictures. Pictures in no class's folder are named and left aside.

    Each picture is read by `read_picture`, uint8 (side, side, 3), and only that is kept. Damaged files are left out,
    and named; so are masks that are called after a picture beside them, and, before a split is drawn here, pictures of
    exactly the same pixels as another one. In a given split, test pictures that stand among the training pictures too
    are leakage, which is said, and they stay. A picture that stands in two classes is left out of both.

    Raises `BadTarget` for a path that is no such folder or holds too little, `BadInputSize` for an impossible `side`.
    """
    path = Path(path).expanduser()
    _check(path, side, test_share)
    name, around, path = path.resolve().name, path, opened(path)
    given = given_split(path)
    train_roots, test_roots = (given.train, given.test) if given else ([path], [])
    found = labelled_files(train_roots, test_roots)
    found.loose += loose_pictures(path) if given else []
    names = tuple(sorted({label for _, label in found.pictures}))
    check_room(path, len(found.pictures), side, copied=not given)

    kept = read_files(path, found.pictures, side)
    pictures, files, hashes = kept.pictures, kept.files, kept.hashes
    index = {name: k for k, name in enumerate(names)}
    labels = np.array([index[label] for _, label in files], "int64")
    first = _first_of_its_pixels(hashes)
    start = sum(not set(train_roots).isdisjoint(file.parents) for file, _ in files)  # of the test pictures
    unclear = _in_two_classes(hashes, labels)
    if given:
        train, test = (np.array([k for k in part if k not in unclear], "int64") for part in _parts(start, len(files)))
        copies = {k: first[k] for k in test.tolist() if first[k] < start}
        how = f"the folder's own split, {named_folders(path, train_roots)} to train and "
        how += f"{named_folders(path, test_roots)} to test"
        how += f"; left aside: {named_folders(path, given.aside)}" if given.aside else ""
    else:
        copies = {k: same for k, same in enumerate(first) if same < k and k not in unclear}
        usable = [k for k in range(len(files)) if k not in copies and k not in unclear]
        train, test = _split(labels, usable, seed, test_share)
        how = f"split by chance with seed {seed}"

    if path != around:
        how += f"; all of it lies in {path.relative_to(around).as_posix()}/"
    counts = [np.bincount(labels[part], minlength=len(names)) for part in (train, test)]
    _check_counts(path, names, *counts)
    report_counts(path, names, *counts, how)
    same_files = {files[k][0]: files[same][0] for k, same in copies.items()}
    report_faults(path, found, kept.broken, same_files, bool(given))
    report_dark(path, kept.dark)
    report_unclear(path, [files[k][0] for k in sorted(unclear)])
    if not given or unclear:  # one part after the other, so that each is a slice of a mapped file
        order = np.concatenate([train, test])
        pictures = reordered(path, pictures, hashes, order, side)
        labels = labels[order]
    question = f"Which of these: {first_few(names, 8)}?"
    n = len(train)
    return Target(name, question, pictures[:n], labels[:n], pictures[n:], labels[n:], names)


def _check(path: Path, side: int, test_share: float) -> None:
    if not isinstance(side, (int, np.integer)) or side < 8:
        raise BadInputSize(f"side={side!r} is no size for a picture: give a whole number of pixels from 8 on.")
    if not 0 < test_share < 1:
        raise BadTarget(f"test_share={test_share!r} leaves nothing to train or to test on: give a share such as 0.25.")
    if not path.is_dir():
        what = "is a file and no folder" if path.exists() else "is not there"
        raise BadTarget(f"{path} {what}: give a folder with one folder of pictures for each class.")


def _first_of_its_pixels(hashes: list[str]) -> list[int]:
    """For each picture, where the first one with exactly its pixels stands."""
    places: dict[str, int] = {}
    return [places.setdefault(value, k) for k, value in enumerate(hashes)]


def _in_two_classes(hashes: list[str], labels: np.ndarray) -> set[int]:
    """Where pictures stand whose very pixels are in another class, too."""
    classes: dict[str, set[int]] = {}
    for value, label in zip(hashes, labels.tolist(), strict=True):
        classes.setdefault(value, set()).add(label)
    return {k for k, value in enumerate(hashes) if len(classes[value]) > 1}


def _parts(start: int, end: int) -> tuple[range, range]:
    return range(start), range(start, end)


def _split(labels: np.ndarray, usable: list[int], seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures to train and to test on; of each class at least one for either, where it has two."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    places = np.array(usable, "int64")
    for k in np.unique(labels):
        own = rng.permutation(places[labels[places] == k])
        count = min(max(1, round(share * len(own))), len(own) - 1)
        test += own[:count].tolist()
        train += own[count:].tolist()
    return np.array(sorted(train), "int64"), np.array(sorted(test), "int64")


def _check_counts(path: Path, names: tuple[str, ...], train: np.ndarray, test: np.ndarray) -> None:
    for counts, kind in ((train, "training"), (test, "test")):
        if not counts.all():
            raise BadTarget(
                f"{path} has no {kind} picture of class '{names[counts.argmin()]}' that could be used: add some that "
                "are whole and no copies, or take the class out."
            )
