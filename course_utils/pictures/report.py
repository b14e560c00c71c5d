"""What is said of a folder of pictures: how it was read, what was left out, what its test must not be trusted for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..root import printable
from .listing import Found, Labelled
from .reading import ENDINGS, fault

_FEW = 5  # files or classes that are named


def report_counts(path: Path, names: tuple[str, ...], train: np.ndarray, test: np.ndarray, how: str) -> None:
    """One line: how many pictures of each class there are to train and to test, (classes,), and how they were split."""
    by_class = [f"{name} {a} + {b}" for name, a, b in zip(names, train, test, strict=True)]
    found = f"{train.sum()} training + {test.sum()} test pictures of {len(names)} classes"
    print(f"{printable(path.resolve().name)}: {found} ({first_few(by_class, 12)}); {how}.")


def report_faults(path: Path, found: Found, broken: Labelled, copies: dict[Path, Path], given: bool) -> None:
    """What was left out, with the classes that lost it; `copies` maps files to those that they are copies of."""
    every = Counter(name for _, name in found.pictures + found.masks + found.others)

    def some(files: Iterable[Path]) -> str:
        return first_few([printable(file.relative_to(path).as_posix()) for file in files], _FEW)

    def by_class(files: Labelled) -> str:
        lost = Counter(name for _, name in files)
        return first_few([f"{name} {count} of {every[name]}" for name, count in lost.most_common()], _FEW)

    def named(files: Labelled) -> str:
        where = f" ({by_class(files)})" if len(files) > _FEW else ""  # whose names do not tell all classes
        return f"{len(files)} of them{where}: {some(file for file, _ in files)}"

    if found.loose:
        print(f"Pictures in no class's folder were left aside, {len(found.loose)} of them: {some(found.loose)}.")
    if found.masks:
        print(f"Masks of pictures beside them, by their names, were left aside, {named(found.masks)}.")
    if found.others:
        kinds = ", ".join(sorted({printable(file.suffix.lower()) or "no ending" for file, _ in found.others}))
        print(
            f"Files of other kinds were left aside, {len(found.others)} of them ({kinds}), of "
            f"{by_class(found.others)}; read are {', '.join(ENDINGS)}."
        )
    if found.empty:
        empty = sorted(set(found.empty))
        print(f"Classes of which no file can be read are left out, {len(empty)} of them: {first_few(empty, _FEW)}.")
    faults: dict[tuple[str, str], Labelled] = {}
    for file, name in broken:
        faults.setdefault(fault(file), []).append((file, name))
    for (what, advice), files in faults.items():
        print(f"{what} were left out, {named(files)}{advice}.")
    if copies:
        which = f"{len(copies)} of them: {some(copies)}; the first is the same as {some([next(iter(copies.values()))])}"
        if given:
            print(
                f"Leakage: there are test pictures that stand among the training pictures too, {which}. Take them out "
                "of one of the two, for a model is no better for knowing them."
            )
        else:
            print(f"Copies were left out, so that none is in training and test, {which}.")


def report_dark(path: Path, files: Labelled) -> None:
    """That nothing can be seen in these pictures."""
    if files:
        which = first_few([printable(file.relative_to(path).as_posix()) for file, _ in files], _FEW)
        print(
            f"Nearly black are {len(files)} of the pictures: {which}. If they hold 12 bits in files of 16, as some "
            "microscopes and scanners write them, save them again with white as the largest number."
        )


def report_unclear(path: Path, files: list[Path]) -> None:
    """That the same pixels stand in two classes, in these files."""
    if files:
        which = first_few([printable(file.relative_to(path).as_posix()) for file in files], 6)
        print(f"The same pixels stand in two classes, so these pictures were left out, {len(files)} of them: {which}.")


def first_few(names: Sequence[str], count: int) -> str:
    """The first `count` names in a sentence, and three dots where there are more."""
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")


def named_folders(path: Path, roots: list[Path]) -> str:
    """Folders in `path`, in a sentence."""
    return " and ".join(f"{printable(root.relative_to(path).as_posix())}/" for root in roots)
