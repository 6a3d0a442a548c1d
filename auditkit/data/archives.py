"""Reads members out of archives in memory: nothing is unpacked to disk, no link is followed.

A pattern names a member, or several with * for any characters but the slash. Members have the
path they have in the archive; those of an sdist without its top folder (NAME-VERSION/).
"""

import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, cast

from auditkit.errors import ChecksumError

LARGEST = 1 << 28  # bytes of one member: 256 MiB
LARGEST_SUM = 1 << 30  # of the members kept
LARGEST_UNPACKED = 1 << 32  # of all that is decompressed on the way to them

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60  # bytes: name 16, time 12, owner 6, group 6, mode 8, size 10, end 2


def members(archive: Path, pattern: str) -> dict[str, bytes]:
    """The members that match, by their path below the pattern's fixed folder, sorted.

    archive is a .whl or .zip, a .tar.gz or a .deb. "a/b/*/c*.txt" gives "x/c1.txt" for
    "a/b/x/c1.txt"; a pattern without * gives the file's name. Raises ChecksumError where
    nothing matches, a match is a link, unsafe, twice there or too large, or the archive broken.
    """
    where = archive.name
    found: dict[str, bytes] = {}
    total = 0
    try:
        for path, content in _matching(archive, pattern):
            total += len(content)
            key = path[len(fixed_folder(pattern)) :].removeprefix("/")
            if key in found:
                raise _Refused(f"holds {path} twice")
            if total > LARGEST_SUM:
                raise _Refused(f"holds more than {LARGEST_SUM} bytes under {pattern}")
            found[key] = content
    except _Refused as refusal:
        raise ChecksumError(f"{where} {refusal}") from refusal
    except BROKEN as error:
        raise ChecksumError(f"{where} does not hold {pattern}: {error}") from error
    if not found:
        raise ChecksumError(f"{where} does not hold {pattern}")
    return dict(sorted(found.items()))


def fixed_folder(pattern: str) -> str:
    """The folder before the first part with a *: all matches lie below it."""
    return pattern.partition("*")[0].rpartition("/")[0]


def pack(files: Mapping[str, bytes]) -> bytes:
    """Several files as one: each name and content, sorted by name, after its length."""
    return b"".join(
        len(part).to_bytes(8, "little") + part
        for name, content in sorted(files.items())
        for part in (name.encode(), content)
    )


def unpack(packed: bytes) -> dict[str, bytes]:
    """The files that `pack` wrote. Check the bytes first: this trusts the lengths in them."""
    parts, at = [], 0
    while at < len(packed):
        size = int.from_bytes(packed[at : at + 8], "little")
        parts.append(packed[at + 8 : at + 8 + size])
        at += 8 + size
    return {name.decode(): found for name, found in zip(parts[::2], parts[1::2], strict=True)}


def members_sha256(files: Mapping[str, bytes]) -> str:
    """The checksum of several members, as a source promises it: that of `pack(files)`."""
    return sha256(pack(files)).hexdigest()


def unzipped(packed: bytes, where: str) -> bytes:
    """What gzip packed. Raises ChecksumError where it is not whole, or too large."""
    try:
        with gzip.open(io.BytesIO(packed)) as stream:
            found = stream.read(LARGEST + 1)
    except BROKEN as error:
        raise ChecksumError(f"{where} is no whole gzip file: {error}") from error
    if len(found) > LARGEST:
        raise ChecksumError(f"{where} unpacks to more than {LARGEST} bytes")
    return found


class _Refused(Exception):
    """Why an archive is not read."""


BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    OSError,  # gzip
    EOFError,
    KeyError,
    ValueError,
    NotImplementedError,  # a zip with an unknown compression
    RuntimeError,  # an encrypted zip
)


def _matching(archive: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    wanted = re.compile("[^/]*".join(re.escape(part) for part in pattern.split("*")))
    match archive.name:
        case name if name.endswith((".whl", ".zip")):
            return _in_zip(archive, wanted)
        case name if name.endswith(".tar.gz"):
            return _in_sdist(archive, wanted)
        case name if name.endswith(".deb"):
            return _in_deb(archive, wanted)
        case _:
            raise _Refused("is neither .whl, .zip, .tar.gz nor .deb")


def _in_zip(archive: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as opened:
        for one in opened.infolist():
            if wanted.fullmatch(one.filename) and not one.is_dir():
                link = one.external_attr >> 28 == 0o12  # the Unix file type, in the high half
                _require_plain(one.filename, one.file_size, link)
                yield one.filename, opened.read(one)


def _in_sdist(archive: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    with gzip.open(archive) as stream:
        yield from _in_tar(cast(IO[bytes], stream), wanted, top=1)


def _in_deb(archive: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    name, data = _data_of_deb(archive.read_bytes())
    readers = {"data.tar.xz": lzma.open, "data.tar.gz": gzip.open, "data.tar": io.BufferedReader}
    if name not in readers:
        raise _Refused(f"holds {name}, a compression that is not read here")
    with readers[name](io.BytesIO(data)) as stream:  # type: ignore[operator]
        yield from _in_tar(cast(IO[bytes], stream), wanted, top=0)


def _data_of_deb(packed: bytes) -> tuple[str, bytes]:
    """The name and the bytes of the part data.tar.* of a Debian package, an `ar` archive."""
    if not packed.startswith(AR_MAGIC):
        raise _Refused("is no Debian package")
    at = len(AR_MAGIC)
    while at + AR_HEADER <= len(packed):
        header = packed[at : at + AR_HEADER]
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        at += AR_HEADER
        if size < 0 or at + size > len(packed):
            raise _Refused("is cut short")
        if name.startswith("data.tar"):
            return name, packed[at : at + size]
        at += size + size % 2  # parts begin at even places
    raise _Refused("holds no data.tar")


def _in_tar(stream: IO[bytes], wanted: re.Pattern[str], *, top: int) -> Iterator[tuple[str, bytes]]:
    """Matching files of a tar that is read once from its begin; `top` folders are left off."""
    with tarfile.open(fileobj=cast(IO[bytes], _Bounded(stream)), mode="r|") as opened:
        for one in opened:
            path = "/".join(one.name.removeprefix("./").split("/")[top:])
            if not wanted.fullmatch(path) or one.isdir():
                continue
            _require_plain(path, one.size, not one.isreg())
            file = opened.extractfile(one)
            content = file.read() if file else b""
            if len(content) != one.size:
                raise _Refused("is cut short")
            yield path, content


def _require_plain(path: str, size: int, link: bool) -> None:
    if link:
        raise _Refused(f"holds {path} as a link or device: only plain files are read")
    if path.startswith("/") or {"..", "."} & set(PurePosixPath(path).parts):
        raise _Refused(f"holds the unsafe path {path}")
    if size > LARGEST:
        raise _Refused(f"holds {path} with {size} bytes; {LARGEST} are the most that is read")


class _Bounded:
    """A stream that stops a decompression bomb before it is through."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._read = 0

    def read(self, size: int) -> bytes:
        found = self._stream.read(size)
        self._read += len(found)
        if self._read > LARGEST_UNPACKED:
            raise _Refused(f"unpacks to more than {LARGEST_UNPACKED} bytes")
        return found
