"""Fetch a file: resumed where an earlier try stopped, checked, never half a file under its name, never a silent wait.

A list of hashes, `SHA256SUMS`, stands for files whose publisher gives none: `sha256sum -c` reads it, too.
"""

import hashlib
import http.client
import os
import re
import shutil
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psutil

from ..errors import DamagedFile, SourceUnavailable
from ..progress import bar
from ..root import with_tilde, written_whole

PATIENCE = 3.0  # seconds for a server to show that it is there
STALL = 30.0  # seconds without a byte that end a download
SUMS = "SHA256SUMS"

silent_hosts: dict[str, str] = {}  # those that did not answer, and why: nobody should wait for them twice


def unreachable(url: str) -> str:
    """Why a file cannot be fetched, in a few words, or "" where it can."""
    host = urllib.parse.urlsplit(url).hostname
    if host in silent_hosts:
        return silent_hosts[host]
    found = [f"{host} did not answer within {PATIENCE:.0f} seconds"]

    def ask():
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE):
                found[0] = ""
        except urllib.error.HTTPError as problem:
            found[0] = f"{host} answered with status {problem.code}"
        except TimeoutError:
            pass
        except (OSError, http.client.HTTPException) as problem:
            if not isinstance(getattr(problem, "reason", None), (TimeoutError, socket.timeout)):
                found[0] = f"there is no connection to {host}"

    # Looking up a host's name knows no time limit, so it waits in a thread that nobody has to wait for.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if found[0] and "status" not in found[0]:
        silent_hosts[host] = found[0]
    return found[0]


def file_hash(path: Path, kind: str = "sha256") -> str:
    """A file's hash in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def intact(path: Path, expected: str | None = None) -> bool:
    """Whether a file has the hash that it should, and whether an HDF5 file is whole.

    `expected` is its published MD5 or SHA-256; without one, what `record` wrote down counts, if anything.
    """
    import h5py

    expected = expected or recorded(path.parent).get(path.name)
    if expected and file_hash(path, "md5" if len(expected) == 32 else "sha256") != expected:
        return False
    try:
        if path.suffix == ".h5":
            h5py.File(path).close()
    except OSError:
        return False
    return True


def recorded(folder: Path) -> dict[str, str]:
    """The SHA-256 of the folder's files by their names, as `record` wrote them down."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {found[2]: found[1] for line in lines if (found := re.fullmatch(r"([0-9a-f]{64})  (.+)", line))}


def record(path: Path) -> None:
    """Write a file's SHA-256 down in the `SHA256SUMS` beside it."""
    known = recorded(path.parent) | {path.name: file_hash(path)}
    with written_whole(path.parent / SUMS) as beside:
        beside.write_text("".join(f"{value}  {name}\n" for name, value in sorted(known.items())), "utf-8")


def fetch(url: str, path: Path, what: str, expected: str | None = None) -> None:
    """Fetch `url` to `path`, going on from what an earlier try left; what is there already is replaced at the end only.

    `expected` is the published MD5 or SHA-256, where there is one; `what` names the file in a sentence. Raises
    `SourceUnavailable` where it cannot be had or written, `DamagedFile` where something else came.
    """
    host = urllib.parse.urlsplit(url).hostname
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        left = _taken_over(path)
    except OSError as problem:
        raise _unwritable(what, path.parent, problem) from None
    try:
        answer, start = _ask(url, left)
        with answer:
            more = int(answer.headers.get("Content-Length") or 0)
            if more > shutil.disk_usage(path.parent).free:
                raise SourceUnavailable(
                    f"The file of {what} needs {more >> 20:,} MB more, and the disk of {with_tilde(path.parent)} "
                    "has not so much free: make room, or choose another folder."
                )
            part = path.with_name(f".{_tag(answer)}-{os.getpid()}-{path.name}")
            try:
                out = part.open("ab" if start else "wb")
            except OSError as problem:
                raise _unwritable(what, path.parent, problem) from None
            with out, bar(total=-(-(start + more) >> 20) or None, label=path.name, unit="MB") as progress:
                progress.update(start >> 20)
                while some := answer.read(1 << 20):
                    out.write(some)
                    progress.update(1)
                if more and out.tell() != start + more:
                    raise http.client.IncompleteRead(b"")
        if not intact(part, expected):
            part.unlink()
            raise DamagedFile(
                f"What came from {url} is not the file of {what}, or not all of it: try again, perhaps from "
                "another network."
            )
        os.replace(part, path)
    except (OSError, http.client.HTTPException) as problem:
        path.with_name(f".-{os.getpid()}-{path.name}").unlink(missing_ok=True)  # of no named version: no way to go on
        reason = getattr(problem, "strerror", None) or getattr(problem, "reason", None) or type(problem).__name__
        raise SourceUnavailable(
            f"The file of {what} did not come whole from {host} ({reason}): try again, the next try goes on where "
            "this one stopped, if the server can."
        ) from None


def _unwritable(what: str, folder: Path, problem: OSError) -> SourceUnavailable:
    return SourceUnavailable(
        f"The file of {what} was not fetched, as nothing can be written to {with_tilde(folder)} ({problem.strerror}): "
        "set the variable KERAS_HOME to a folder of your own."
    )


def _tag(answer) -> str:
    """What tells one version of a file from the next: of what the server calls it. "" where it does not say."""
    version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    return hashlib.sha256(version.encode()).hexdigest()[:12] if version else ""


def _taken_over(path: Path) -> Path | None:
    """What a process that runs no longer left of `path`, renamed so that no other process goes on with it too."""
    for left in path.parent.iterdir():
        found = re.fullmatch(rf"(\.[0-9a-f]*)-(\d+)-{re.escape(path.name)}", left.name)
        if not found or int(found[2]) != os.getpid() and psutil.pid_exists(int(found[2])):
            continue
        own = left.with_name(f"{found[1]}-{os.getpid()}-{path.name}")
        try:
            left.rename(own)
        except FileNotFoundError:  # somebody else was quicker
            continue
        return own
    return None


def _ask(url: str, left: Path | None):
    """The server's answer, and at which byte it starts: where `left` ends, if the server still has this version."""
    start = left.stat().st_size if left else 0
    if start:
        request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"})
        try:
            answer = urllib.request.urlopen(request, timeout=STALL)
        except urllib.error.HTTPError as problem:
            if problem.code != 416:  # out of range: this version is shorter, or is here whole
                raise
        else:
            if answer.status == 206 and left.name.startswith(f".{_tag(answer)}-") and _tag(answer):
                return answer, start
            answer.close()
    if left:
        left.unlink()
    return urllib.request.urlopen(url, timeout=STALL), 0
