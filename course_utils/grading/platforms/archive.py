"""The files of a download, an archive or a folder of what was in it."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...errors import GradingFailed

_OF_SYSTEMS = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")  # nobody's work
_UTF_8 = 0x800  # a flag of an archive's entry


@dataclass(frozen=True)
class Entry:
    """A file of a download: the parts of its path, which lead nowhere else, and what reads it."""

    parts: tuple[str, ...]
    read: Callable[[], bytes]

    @property
    def path(self) -> str:
        return "/".join(self.parts)


@contextmanager
def open_download(download: Path) -> Iterator[list[Entry]]:
    """The files of an archive, or of a folder and those in it, in order. Raises `GradingFailed`."""
    if download.is_dir():
        found = [path for path in sorted(download.rglob("*")) if path.is_file() and not path.is_symlink()]
        made = [_entry(path.relative_to(download).as_posix(), _told(path.read_bytes, path)) for path in found]
        yield [entry for entry in made if entry]
        return
    try:
        archive = zipfile.ZipFile(download)
    except FileNotFoundError:
        raise GradingFailed(f"There is no {download}: give the archive or the folder that was downloaded.") from None
    except (OSError, zipfile.BadZipFile) as problem:
        why = getattr(problem, "strerror", None) or "it is cut short, or no zip archive"
        raise GradingFailed(f"{download} cannot be read ({why}): download it again.") from None
    with archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        made = [_entry(_name(m), _told(partial(archive.read, m), f"{download}, '{_name(m)}'")) for m in members]
        yield sorted((entry for entry in made if entry), key=lambda entry: entry.parts)


def _told(read: Callable[[], bytes], what: object) -> Callable[[], bytes]:
    """What reads a file, and says in a sentence where that fails: on a disk, or in an archive damaged or locked."""

    def told() -> bytes:
        try:
            return read()
        except (OSError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
            why = getattr(problem, "strerror", None) or "it is damaged, or locked by a password"
            raise GradingFailed(f"{what} cannot be read ({why}): download it again.") from None

    return told


def _name(member: zipfile.ZipInfo) -> str:
    """A name as it was meant: platforms write UTF-8 and do not always say so, and then it is read as MS-DOS's."""
    if not member.flag_bits & _UTF_8:
        try:
            return member.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return member.filename


def _entry(name: str, read: Callable[[], bytes]) -> Entry | None:
    name = name.encode(errors="replace").decode()
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))
    if not parts or set(parts) & set(_OF_SYSTEMS) or parts[-1].startswith("._"):
        return None
    return Entry(parts, read)
