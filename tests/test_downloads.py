"""Files are fetched whole, go on where they stopped, and are checked. A server on this machine gives them."""

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from course_utils.errors import DamagedFile, SourceUnavailable
from course_utils.store import downloads

CONTENT = bytes(range(256)) * 20_000  # 5 MB


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Server(http.server.ThreadingHTTPServer):
    """Gives `content`, from any byte on; `breaks_at` ends a connection early, `tag` names the version."""

    def __init__(self):
        self.content, self.tag, self.breaks_at, self.asked, self.ranges = CONTENT, '"one"', None, [], True
        self.busy = False
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.server.busy:
            return self.send_error(503)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(self.server.content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if self.server.tag:
            self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(len(self.server.content) - start))
        self.end_headers()
        self.wfile.write(self.server.content[start : self.server.breaks_at])


@pytest.fixture
def server():
    running = Server()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def stopped(server, path, at=3 << 20):
    """A first try that the server breaks off."""
    server.breaks_at = at
    with pytest.raises(SourceUnavailable, match="goes on where this one stopped"):
        downloads.fetch(server.url, path, "a test")
    server.breaks_at = None
    server.asked.clear()
    assert not path.exists()


def test_a_broken_download_goes_on(server, tmp_path):
    path = tmp_path / "deep" / "file.bin"
    stopped(server, path)
    downloads.fetch(server.url, path, "a test", hashlib.sha256(CONTENT).hexdigest())
    assert server.asked == [f"bytes={3 << 20}-"]
    assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]


def test_another_version_is_fetched_from_its_start(server, tmp_path):
    stopped(server, tmp_path / "file.bin")
    server.tag, server.content = '"two"', CONTENT[::-1]
    downloads.fetch(server.url, tmp_path / "file.bin", "a test")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT[::-1]
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("lacks", ["ranges", "tag"])
def test_a_server_that_cannot_go_on_starts_afresh(server, tmp_path, lacks):
    setattr(server, lacks, "")
    stopped(server, tmp_path / "file.bin")
    assert len(list(tmp_path.iterdir())) == (lacks == "ranges")
    downloads.fetch(server.url, tmp_path / "file.bin", "a test")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_that_is_busy_costs_nothing(server, tmp_path):
    stopped(server, tmp_path / "file.bin")
    (tmp_path / ".not-ours-file.bin").write_text("left alone")
    server.busy = True
    with pytest.raises(SourceUnavailable, match="Service Unavailable"):
        downloads.fetch(server.url, tmp_path / "file.bin", "a test")
    server.busy = False
    server.asked.clear()
    downloads.fetch(server.url, tmp_path / "file.bin", "a test")
    assert server.asked == [f"bytes={3 << 20}-"] and (tmp_path / ".not-ours-file.bin").exists()


def test_all_there_but_not_yet_named(server, tmp_path):
    """As when a process was killed at the last moment: the server has nothing more to give."""
    stopped(server, tmp_path / "file.bin")
    (left,) = tmp_path.iterdir()
    left.write_bytes(CONTENT)
    downloads.fetch(server.url, tmp_path / "file.bin", "a test")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_what_a_living_process_fetches_is_left_to_it(server, tmp_path):
    stopped(server, tmp_path / "file.bin")
    (left,) = tmp_path.iterdir()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    theirs = left.rename(left.with_name(left.name.replace(f"-{os.getpid()}-", f"-{other.pid}-")))
    downloads.fetch(server.url, tmp_path / "file.bin", "a test")
    assert server.asked == [None] and theirs.stat().st_size == 3 << 20
    other.communicate(b"\n")
    downloads.fetch(server.url, tmp_path / "file.bin", "a test")
    assert server.asked[1:] == [f"bytes={3 << 20}-"] and not theirs.exists()


def test_something_else_replaces_nothing(server, tmp_path):
    (tmp_path / "file.bin").write_text("as it was")
    with pytest.raises(DamagedFile, match="is not the file of a test"):
        downloads.fetch(server.url, tmp_path / "file.bin", "a test", "0" * 64)
    assert (tmp_path / "file.bin").read_text() == "as it was" and len(list(tmp_path.iterdir())) == 1


def test_no_room(server, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(SourceUnavailable, match="needs 4 MB more"):
        downloads.fetch(server.url, tmp_path / "file.bin", "a test")
    assert not list(tmp_path.iterdir())


def test_hashes_are_recorded_and_checked(tmp_path):
    for name in ("b c.bin", "a.bin"):
        (tmp_path / name).write_bytes(name.encode())
        downloads.record(tmp_path / name)
    assert downloads.intact(tmp_path / "a.bin") and downloads.intact(tmp_path / "b c.bin")
    done = subprocess.run(["sha256sum", "-c", downloads.SUMS], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "a.bin: OK\nb c.bin: OK\n"
    (tmp_path / "a.bin").write_bytes(b"altered")
    assert not downloads.intact(tmp_path / "a.bin")
    assert downloads.intact(tmp_path / "a.bin", hashlib.md5(b"altered").hexdigest())  # a published one counts more
    (tmp_path / downloads.SUMS).write_bytes(b"\xff no list")
    assert downloads.intact(tmp_path / "a.bin")
