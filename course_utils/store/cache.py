"""Results that take more than a second are kept, under a key made of everything that they depend on."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ..root import written_whole


def results_folder() -> Path:
    """Where results are kept: `COURSE_CACHE` where it is set, else the user's own cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("COURSE_CACHE") or user_cache_path("transfer-learning-course"))


def fingerprint(*parts: Any) -> str:
    """SHA-256 over arrays (type, shape and values) and over anything that JSON can hold."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, (np.ndarray, np.generic)):  # a weight that is one number comes as a number of NumPy's
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).view("uint8").data)  # of bfloat16, NumPy gives no other view
        else:
            digest.update(json.dumps(part, sort_keys=True).encode() + b"\n")  # or 1, 23 would be 12, 3
    return digest.hexdigest()


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Keep a result, whole. A full or read-only disk costs only the cache."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as beside:
            write(beside)


def cached_arrays(key: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays kept under `key` (a `fingerprint`), or else what `compute` gives, which is then kept."""
    path = results_folder() / f"{key}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile):
        pass  # not there, or damaged: make it anew
    arrays = compute()
    _write(path, lambda file: np.savez(file, **arrays))
    return arrays


def mapped_rows(
    name: str, key: str, shape: tuple[int, ...], kind: str, make: Callable[[], Iterable[np.ndarray]]
) -> np.ndarray:
    """Arrays of one `shape` and type (`kind`, such as "uint8"), (n, *shape), in a file that is mapped.

    So the system can have their memory back. `make` gives them one by one where they are not kept under `key` (a
    `fingerprint`); of each `name` only the latest are kept. Where nothing can be written, they are in memory, and
    read-only as well.
    """
    path = results_folder() / f"{name}-{key[:32]}.{kind}"
    if not path.is_file():

        def write(file: Path) -> None:
            with file.open("wb") as out:
                for row in make():
                    out.write(np.ascontiguousarray(row, kind).data)

        _write(path, write)
        if not path.is_file():
            rows = np.fromiter(make(), np.dtype((kind, shape)))  # no list, which takes several times the memory
            rows.flags.writeable = False
            return rows
        for old in path.parent.glob(f"{name}-*.{kind}"):
            with suppress(OSError):  # mapped elsewhere, on Windows
                if old != path:
                    old.unlink()
    if not path.stat().st_size:  # which cannot be mapped
        return np.empty((0, *shape), kind)
    return np.memmap(path, kind, "r").reshape(-1, *shape)


def cached_table(name: str, settings: dict[str, Any], compute: Callable[[], Any]) -> Any:
    """A table of results (anything that JSON can hold) for these settings: loaded where it is known, else computed.

    Looked for among the tables that come with the course, then in the cache; one made with other settings is not
    used. Prints one line that says where it came from. `COURSE_SHIP_TABLES` in the environment makes a computed
    table one that comes with the course (`course notebooks` sets it).
    """
    settings = json.loads(json.dumps(settings))  # as it will look when it is read back: tuples become lists
    shipped = _shipped(name)
    own = results_folder() / f"{name}-{fingerprint(settings)[:16]}.json"
    places = {shipped: "that comes with the course", own: "that this machine computed before"}
    if ship := os.environ.get("COURSE_SHIP_TABLES"):
        del places[own]  # what comes with the course is made by the course as it is now
    for path, where in places.items():
        try:
            kept = json.loads(path.read_text("utf-8"))
            made_with, table = kept["settings"], kept["table"]
        except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged
            continue
        if made_with == settings:
            print(f"Table '{name}': loaded the one {where}, made with these very settings.")
            return table
    print(f"Table '{name}': there is none for these settings yet, so it is computed now and kept.")
    table = json.loads(json.dumps(compute()))  # the same now as when it is loaded
    if ship:
        ship_table(name, settings, table)
    else:
        _write(own, lambda file: file.write_text(_told(settings, table), "utf-8"))
    return table


def ship_table(name: str, settings: dict[str, Any], table: Any) -> Path:
    """Make a table one that comes with the course, in place of an earlier one, and return its path."""
    _write(_shipped(name), lambda file: file.write_text(_told(settings, table), "utf-8"))
    return _shipped(name)


def _shipped(name: str) -> Path:
    return Path(str(files("course_utils") / "data" / "tables" / f"{name}.json"))


def _told(settings: dict[str, Any], table: Any) -> str:
    return json.dumps({"settings": settings, "table": table}) + "\n"
