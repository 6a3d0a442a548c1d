"""What the first bytes of an image file say, read before a decoder is let near it.

A decoder trusts lengths and counts that anybody can write. Here they are looked at first.
"""

import struct
from collections.abc import Iterator

# What a file of each format begins with: pairs of place and bytes, all of which must be there.
SIGNATURES: tuple[tuple[str, tuple[tuple[int, bytes], ...]], ...] = (
    ("PNG", ((0, b"\x89PNG\r\n\x1a\n"),)),
    ("JPEG", ((0, b"\xff\xd8\xff"),)),
    ("GIF", ((0, b"GIF87a"),)),
    ("GIF", ((0, b"GIF89a"),)),
    ("WEBP", ((0, b"RIFF"), (8, b"WEBP"))),
    ("TIFF", ((0, b"II*\0"),)),
    ("TIFF", ((0, b"MM\0*"),)),
    ("TIFF", ((0, b"II+\0"),)),  # with offsets of 64 bits
    ("TIFF", ((0, b"MM\0+"),)),
    ("AVIF", ((4, b"ftypavif"),)),
    ("AVIF", ((4, b"ftypavis"),)),
    *(
        ("PPM", ((0, b"P" + kind + space),))
        for kind in (b"%c" % n for n in b"123456")
        for space in (b"\n", b" ", b"\t", b"\r")
    ),
    ("BMP", ((0, b"BM"),)),
)
KNOWN = tuple(dict.fromkeys(name for name, _ in SIGNATURES))
LONGEST_HEAD = 32  # bytes that `format_of` looks at

MOST_TAGS = 4096  # of one directory of a TIFF
MOST_VALUES = 1 << 18  # of one tag: strips of an image of 100 megapixels are far fewer
MOST_SCANS = 500  # of a progressive JPEG: each costs a pass over the whole image, for a few bytes
ORIENTATION, DIRECTORIES = 274, (34665, 34853, 40965)  # the latter: Exif, GPS, interoperability
# Pixels that a byte can hold at most: of a JPEG one bit for each square of 8 x 8; of a PNG one bit
# each, packed 1,032 times, which is what deflate can do; of a TIFF that is not packed one bit each.
DENSEST = {"JPEG": 512, "PNG": 8 * 1032, "TIFF, raw": 8}
SAMPLES, MOST_SAMPLES = 277, 8  # numbers of one pixel of a TIFF
PLAIN = (1, 2, 7)  # types of values that are kept as the bytes they are


def format_of(head: bytes) -> str | None:
    """Which of the KNOWN formats a file with these first bytes is of."""
    for name, parts in SIGNATURES:
        if all(head[at : at + len(part)] == part for at, part in parts):
            return name
    return None


def announced_size(form: str, content: bytes) -> tuple[int, int] | None:
    """Width and height of a GIF or WebP, whose decoders make room for them before they tell."""
    if form == "GIF" and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
        return width, height
    if form != "WEBP" or len(content) < 30:
        return None
    kind = content[12:16]
    if kind == b"VP8X":
        return _three(content[24:27]) + 1, _three(content[27:30]) + 1
    if kind == b"VP8L":
        packed = int.from_bytes(content[21:25], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", content[26:30])
    return width & 0x3FFF, height & 0x3FFF


def absurdity(form: str, content: bytes) -> str:
    """What a header claims that no camera or program writes, or nothing."""
    if form == "JPEG":
        scans = content.count(b"\xff\xda")
        if content.find(b"\xff\xc2") >= 0 and scans > MOST_SCANS:
            return f"it has {scans:,} scans"
    if form == "TIFF":
        return _absurd_tags(content)
    return ""


def is_lie(form: str, packing: str, size: tuple[int, int], content: bytes) -> bool:
    """Whether there are too few bytes for the size; decoders fill what is missing with black.

    packing is what the header of a TIFF calls it, else empty.
    """
    kind = "TIFF, raw" if packing == "raw" else form
    return kind in DENSEST and size[0] * size[1] > DENSEST[kind] * len(content)


def orientation(exif: bytes) -> int:
    """How a viewer is to turn the image, from 1 (not at all) to 8; 1 where nothing is said."""
    try:
        for tag, _, count, value in _tags(exif.removeprefix(b"Exif\0\0")):
            if tag == ORIENTATION and count == 1 and 1 <= value <= 8:
                return value
    except (struct.error, OverflowError, ValueError):  # metadata that are broken say nothing
        pass
    return 1


def _absurd_tags(content: bytes) -> str:
    try:
        places: list[int | None] = [None]
        for tag, kind, count, value in _tags(content):
            if kind not in PLAIN and count > MOST_VALUES:
                return f"tag {tag} has {count:,} values"
            if tag == SAMPLES and count == 1 and value > MOST_SAMPLES:
                return f"a pixel has {value:,} numbers"
            if tag in DIRECTORIES:
                places.append(value)
        for place in places[1:]:
            for tag, kind, count, _ in _tags(content, place):
                if kind not in PLAIN and count > MOST_VALUES:
                    return f"tag {tag} has {count:,} values"
    except (struct.error, OverflowError):
        return "its directory of tags is cut off"
    except ValueError as error:
        return str(error)
    return ""


def _tags(content: bytes, place: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and value (or where it is) of one directory; the first without a place."""
    order = "<" if content[:2] == b"II" else ">"
    (magic,) = struct.unpack_from(f"{order}H", content, 2)
    large = magic == 43
    entry = f"{order}HHQ" if large else f"{order}HHI"
    at = place
    if at is None:
        (at,) = struct.unpack_from(
            f"{order}Q" if large else f"{order}I", content, 8 if large else 4
        )
    (count,) = struct.unpack_from(f"{order}Q" if large else f"{order}H", content, at)
    if count > MOST_TAGS:
        raise ValueError(f"a directory of {count:,} tags")
    at += 8 if large else 2
    for _ in range(count):
        tag, kind, values = struct.unpack_from(entry, content, at)
        long_ = f"{order}Q" if large else f"{order}I"
        short = kind == 3 and values == 1
        at += struct.calcsize(entry)
        (value,) = struct.unpack_from(f"{order}H" if short else long_, content, at)
        at += struct.calcsize(long_)
        yield tag, kind, values, value


def _three(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
