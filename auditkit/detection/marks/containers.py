"""What a picture's file carries beside its pixels: read from its bytes, and never decoded.

Nothing here trusts a length: a file that is cut off or lies gives what stands before the fault.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
MOST = 1 << 20  # bytes of one text that are unpacked or looked at
PARTS = 256  # of one file; a stranger's may have millions
XMP_KEYWORD = b"XML:com.adobe.xmp"
XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
APP1, APP11, COMMENT, SCAN = 0xE1, 0xEB, 0xFE, 0xDA  # markers of JPEG
ALONE = {0x01, 0xFF, *range(0xD0, 0xD9)}  # markers that no length follows


class Carried(StrEnum):
    """What kind of thing is carried."""

    XMP = "xmp"
    EXIF = "exif"
    TEXT = "text"
    MANIFEST = "manifest"  # of C2PA, in JUMBF boxes


@dataclass(frozen=True)
class Part:
    """One thing that a file carries; name is a text's keyword."""

    kind: Carried
    body: bytes
    name: str = ""


def mime_of(content: bytes) -> str | None:
    """image/png, image/jpeg or image/webp by the first bytes; None for another."""
    if content.startswith(PNG):
        return "image/png"
    if content.startswith(JPEG):
        return "image/jpeg"
    webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return "image/webp" if webp else None


def parts(content: bytes) -> tuple[Part, ...]:
    """Everything that a PNG, JPEG or WebP carries, and what a search finds in another file."""
    readers = {"image/png": _of_png, "image/jpeg": _of_jpeg, "image/webp": _of_webp}
    found: list[Part] = []
    for one in readers.get(mime_of(content) or "", _of_another)(content):
        found.append(one)
        if len(found) == PARTS:
            break
    return tuple(found)


def _of_png(content: bytes) -> Iterator[Part]:
    place = len(PNG)
    while place + 8 <= len(content):
        length, name = struct.unpack_from(">I4s", content, place)
        body = content[place + 8 : place + 8 + length]
        place += 12 + length
        match name:
            case b"tEXt":
                keyword, _, text = body.partition(b"\0")
                yield _text(keyword, text)
            case b"zTXt":
                keyword, _, packed = body.partition(b"\0")
                yield _text(keyword, _unpacked(packed[1:]))
            case b"iTXt":
                yield from _international(body)
            case b"eXIf":
                yield Part(Carried.EXIF, body)
            case b"caBX":
                yield Part(Carried.MANIFEST, body)
            case b"IEND":
                return


def _international(body: bytes) -> Iterator[Part]:
    keyword, _, rest = body.partition(b"\0")
    packed = rest[:1] == b"\1"
    _, _, rest = rest[2:].partition(b"\0")  # the language
    _, _, text = rest.partition(b"\0")  # the keyword, translated
    yield _text(keyword, _unpacked(text) if packed else text)


def _text(keyword: bytes, text: bytes) -> Part:
    if keyword == XMP_KEYWORD:
        return Part(Carried.XMP, text)
    return Part(Carried.TEXT, text, keyword.decode("latin-1"))


def _unpacked(packed: bytes) -> bytes:
    """The beginning of a packed text; nothing where it is none. A bomb stays packed."""
    try:
        return zlib.decompressobj().decompress(packed, MOST)
    except zlib.error:
        return b""


def _of_jpeg(content: bytes) -> Iterator[Part]:
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker == SCAN:
            return
        (length,) = struct.unpack_from(">H", content, place + 2)
        body = content[place + 4 : place + 2 + length]
        place += 2 + max(length, 2)
        if marker == APP1 and body.startswith(XMP_SEGMENT):
            yield Part(Carried.XMP, body.removeprefix(XMP_SEGMENT))
        elif marker == APP1 and body.startswith(b"Exif\0\0"):
            yield Part(Carried.EXIF, body[6:])
        elif marker == APP11 and b"c2pa" in body:
            yield Part(Carried.MANIFEST, body)
        elif marker == COMMENT:
            yield Part(Carried.TEXT, body, "comment")


def _of_webp(content: bytes) -> Iterator[Part]:
    kinds = {b"XMP ": Carried.XMP, b"EXIF": Carried.EXIF, b"C2PA": Carried.MANIFEST}
    place = 12
    while place + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, place)
        body = content[place + 8 : place + 8 + length]
        place += 8 + length + length % 2
        if name in kinds:
            yield Part(kinds[name], body.removeprefix(b"Exif\0\0"))


def _of_another(content: bytes) -> Iterator[Part]:
    """XMP is made to be found by a search, and boxes of C2PA have its name in them."""
    start = content.find(b"<x:xmpmeta")
    if start >= 0:
        yield Part(Carried.XMP, content[start : start + MOST])
    box = content.find(b"jumb")
    if box >= 0 and b"c2pa" in content[box : box + 256]:
        yield Part(Carried.MANIFEST, content[box : box + MOST])
