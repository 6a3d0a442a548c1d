"""How many marks are still there after a picture was saved again, as people do it.

Metadata live in the file and not in the pixels: what becomes of them is decided by the program
that saves, and by nothing that the generator can do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, PngImagePlugin

from auditkit.data.pictures import quiet
from auditkit.detection.marks.containers import XMP_KEYWORD
from auditkit.detection.marks.reading import declares_made, marks_of
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval

FORMATS = ("PNG", "JPEG", "WEBP")
LARGEST = 50_000_000  # pixels: a larger picture is not opened
OF_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16")  # modes that a PNG can hold
OF_SEGMENT = 65_504  # bytes of XMP that a JPEG has room for in one piece
QUALITIES = (95, 85, 75, 60, 50)


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way of saving a picture again: bytes to bytes. careful ones pass on what they read."""

    title: str
    apply: Callable[[bytes], bytes]
    careful: bool = False


@dataclass(frozen=True, kw_only=True)
class Survival:
    """The share of marked files that still declare a generator's work after one way."""

    way: Way
    kept: Estimate


def share(true: int, n: int, method: str) -> Estimate:
    """A share with Wilson's interval; undefined of nothing."""
    if not n:
        return undefined("there is no file to look at", method=method)
    low, high = rate_interval(true, n)
    return Estimate(value=true / n, low=float(low), high=float(high), n=n, method=method)


def marked(files: Sequence[bytes]) -> Estimate:
    """The share of files that declare, by some mark, that a generator made them."""
    return share(sum(map(_declares, files)), len(files), "guarded Wilson interval")


def survival(files: Sequence[bytes]) -> tuple[Survival, ...]:
    """What is left of the marks of files that have one, for each of `WAYS`.

    Files without a mark, and those that cannot be opened, are left out.
    """
    own = [one for one in files if _declares(one) and _opens(one)]
    method = "guarded Wilson interval"
    return tuple(
        Survival(
            way=way, kept=share(sum(_declares(way.apply(one)) for one in own), len(own), method)
        )
        for way in WAYS
    )


def _declares(content: bytes) -> bool:
    return declares_made(marks_of(content))


def _opens(content: bytes) -> bool:
    try:
        _opened(content)
    except DataError:
        return False
    return True


def _opened(content: bytes) -> Image.Image:
    try:
        with quiet:
            found = Image.open(BytesIO(content), formats=FORMATS)
        if found.width * found.height > LARGEST:
            raise DataError(f"a picture of {found.size} pixels is too large to be saved again")
        found.load()
    except DataError:
        raise
    except Exception as error:  # decoders fail in any way on bytes that somebody bent
        raise DataError(f"a picture cannot be opened to be saved again: {error}") from error
    return found


def _copied(content: bytes) -> bytes:
    return content


def _as_png(content: bytes) -> bytes:
    return _saved(_opened(content), "PNG")


def _halved(content: bytes) -> bytes:
    """At half the width and height, saved as PNG."""
    found = _opened(content)
    small = found.resize((max(found.width // 2, 1), max(found.height // 2, 1)))
    return _saved(small, "PNG")


def _as_jpeg(quality: int) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        return _saved(_plain(_opened(content)), "JPEG", quality=quality)

    return apply


def _carefully_as_png(content: bytes) -> bytes:
    found = _opened(content)
    carried = PngImagePlugin.PngInfo()
    if "xmp" in found.info:
        carried.add_itxt(XMP_KEYWORD.decode(), _text(found.info["xmp"]))
    return _saved(found, "PNG", pnginfo=carried)


def _carefully_as_jpeg(content: bytes) -> bytes:
    found = _opened(content)
    told = {}
    if 0 < len(_bytes(found.info.get("xmp", b""))) <= OF_SEGMENT:  # a longer one is lost
        told = {"xmp": _bytes(found.info["xmp"])}
    return _saved(_plain(found), "JPEG", quality=75, **told)


def _plain(found: Image.Image) -> Image.Image:
    """As a JPEG can hold it, without what was read beside the pixels."""
    return found if found.mode in ("L", "RGB") else found.convert("RGB")


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    if kind == "PNG" and picture.mode not in OF_PNG:
        picture = picture.convert("RGB")
    picture.save(file, kind, **options)
    return file.getvalue()


def _text(packet: bytes | str) -> str:
    return packet if isinstance(packet, str) else packet.decode("utf-8", "replace")


def _bytes(packet: bytes | str) -> bytes:
    return packet.encode() if isinstance(packet, str) else packet


WAYS: tuple[Way, ...] = (
    Way(title="copied as it is", apply=_copied),
    Way(title="saved again as PNG", apply=_as_png),
    *(Way(title=f"saved as JPEG {one}", apply=_as_jpeg(one)) for one in QUALITIES),
    Way(title="resized to half", apply=_halved),
    Way(title="saved as PNG with its XMP", apply=_carefully_as_png, careful=True),
    Way(title="saved as JPEG 75 with its XMP", apply=_carefully_as_jpeg, careful=True),
)
