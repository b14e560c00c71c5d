"""`course fetch` makes a cache for machines without a network. A server on this machine gives small files."""

import hashlib
import io
import tarfile

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from helpers import served

from course_utils import cli
from course_utils.models.zoo import ZOO
from course_utils.store import datasets, downloads, weights

FULL = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
NO_TOP = FULL.replace(".h5", "_no_top.h5")
INDEX = "imagenet_class_index.json"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The folder that a server on this machine gives, in place of all the others."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "not this one"))
    monkeypatch.setattr("keras.src.applications.imagenet_utils.CLASS_INDEX", None)
    downloads.silent_hosts.clear()
    folder = tmp_path / "server"
    folder.mkdir()

    with served(folder) as url:
        monkeypatch.setattr("keras.src.applications.mobilenet_v2.BASE_WEIGHT_PATH", url)
        for name, data in datasets.DATA.items():
            moved = {"url": url + data.url.rpartition("/")[2]}
            monkeypatch.setitem(datasets.DATA, name, datasets.Data(**(vars(data) | moved)))
        for name in (FULL, NO_TOP):
            with h5py.File(folder / name, "w") as file:
                file["values"] = np.arange(len(name))
        yield folder


def fetch(*arguments):
    return CliRunner().invoke(cli.main, ["fetch", *map(str, arguments)])


@pytest.fixture
def index(server, monkeypatch):
    """The list of classes comes from another host; here it is there already."""
    whole = weights.obtain

    def obtain(file, what):
        if file.name == INDEX:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text("{}")
            return file.path, "from the cache"
        return whole(file, what)

    monkeypatch.setattr(weights, "obtain", obtain)


def test_weights_with_and_without_classifier(server, index, tmp_path):
    to = tmp_path / "room"
    done = fetch("--to", to)
    assert done.exit_code == 0, done.output
    assert {path.name for path in (to / "models").iterdir()} == {FULL, NO_TOP, INDEX, downloads.SUMS}
    assert f"{FULL}: fetched from 127.0.0.1, its hash is in SHA256SUMS now" in done.output
    assert f"{INDEX}: from the cache, as published" in done.output and f"All is in {to}" in done.output
    assert set(downloads.recorded(to / "models")) == {FULL, NO_TOP}

    (to / "models" / FULL).write_bytes((server / NO_TOP).read_bytes())  # whole, but another file
    again = fetch("--to", to)
    assert f"{FULL}: fetched from 127.0.0.1, as recorded before" in again.output
    assert f"{NO_TOP}: from the cache" in again.output
    assert (to / "models" / FULL).read_bytes() == (server / FULL).read_bytes()


def test_a_cache_that_cannot_be_written_is_used_as_it_is(server, index, tmp_path, monkeypatch):
    fetch("--to", tmp_path / "room")
    (tmp_path / "room" / "models" / downloads.SUMS).unlink()

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads, "record", full)
    done = fetch("--to", tmp_path / "room")
    assert done.exit_code == 0 and "SHA256SUMS cannot be written (No space left on device)" in done.output


def test_one_that_fails_keeps_nothing_else_from_coming(server, index, tmp_path):
    (server / FULL).unlink()
    done = fetch("--to", tmp_path / "room")
    assert done.exit_code == 1 and "status 404" in done.output and "Traceback" not in done.output
    assert (tmp_path / "room" / "models" / NO_TOP).is_file()


@pytest.fixture
def published(server, monkeypatch):
    """`published(name, content)` has the server give data of this name, with the hash of its content."""

    def publish(name, content):
        data = datasets.DATA[name]
        (server / data.url.rpartition("/")[2]).write_bytes(content)
        hashed = vars(data) | {"hash": hashlib.sha256(content).hexdigest()}
        monkeypatch.setitem(datasets.DATA, name, datasets.Data(**hashed))

    return publish


def flowers():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        for name in ("flower_photos/LICENSE.txt", "flower_photos/roses/1.jpg"):
            made = tarfile.TarInfo(name)
            made.size = 3
            file.addfile(made, io.BytesIO(b"abc"))
    return archive.getvalue()


def test_data_are_unpacked(server, published, tmp_path):
    published("flowers", flowers())
    published("news", b"1,a,b\n")
    to = tmp_path / "room"
    done = fetch("--data", "flowers, news", "--to", to)
    assert done.exit_code == 0, done.output
    found = {path.relative_to(to / "datasets").as_posix() for path in (to / "datasets").rglob("*") if path.is_file()}
    assert found == {"flower_photos/LICENSE.txt", "flower_photos/roses/1.jpg", "ag_news_test.csv"}
    for file in server.iterdir():
        file.unlink()
    assert fetch("--data", "flowers,news", "--to", to).output.count("from the cache") == 2
    (to / "datasets" / "ag_news_test.csv").write_text("cut sh")
    assert "status 404" in fetch("--data", "news", "--to", to).output


def test_an_archive_that_is_none(published, tmp_path):
    published("flowers", b"no archive")
    done = fetch("--data", "flowers", "--to", tmp_path / "room")
    assert done.exit_code == 1 and "does not hold" in done.output and "delete it" in done.output
    assert "Traceback" not in done.output


def test_unknown_names(server, tmp_path):
    done = fetch("--models", "MobileNetV7", "--to", tmp_path)
    assert done.exit_code == 2 and "'MobileNetV7' is none of" in done.output and "ResNet50" in done.output
    assert "'roses' is none of flowers, news" in fetch("--data", "roses", "--to", tmp_path).output


def test_every_model_names_its_files():
    files = [file for name in ("VGG16", "MobileNet") for file in ZOO[name].files()]
    assert [bool(file.hash) for file in files] == [True, True, True, False, False, True]
    assert ZOO["VGG16"].name.lower() in files[0].name


def test_doctor_says_what_the_cache_has(server, published, index, tmp_path, monkeypatch):
    published("news", b"1,a,b\n")
    to = tmp_path / "room"
    fetch("--models", "MobileNetV2", "--data", "news", "--to", to)
    monkeypatch.setenv("KERAS_HOME", str(to))
    output = CliRunner().invoke(cli.main, ["doctor"]).output
    assert f"2 files in {to / 'models'}, all whole" in output
    assert "flowers: not there; news: there" in output
    (to / "models" / FULL).write_bytes(b"")
    assert f"1 damaged: delete {FULL}" in CliRunner().invoke(cli.main, ["doctor"]).output
