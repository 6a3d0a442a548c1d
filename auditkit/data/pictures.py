"""Opens an image file that may come from anybody: whole and as bytes, or refused with a sentence.

Formats are those of a closed list, told by their first bytes and never by the file's name. The
size is read and judged before anything is decoded. Nothing blocks: only plain files are opened.

What is made of a picture: one or three channels of bytes, at the size it is stored in. Transparent
parts are laid over white; of several frames the first is taken; a stored turn (Exif) is not made,
since turning changes no trace; colour profiles are ignored. `notes` say what was done.
"""

import io
import os
import stat
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from auditkit.data.picture_headers import (
    KNOWN,
    LONGEST_HEAD,
    absurdity,
    announced_size,
    format_of,
    is_lie,
    orientation,
)
from auditkit.errors import DataError

MOST_PIXELS = 100_000_000
MOST_BYTES = 1 << 28  # of a file: 256 MiB
Pixels = NDArray[np.uint8]


# Endings of pictures that are not opened: whoever has a folder of them is told, file by file.
CLOSED = frozenset(
    [
        ".heic",
        ".heif",
        ".hif",
        ".jxl",
        ".jp2",
        ".j2k",
        ".psd",
        ".tga",
        ".ico",
        ".exr",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".orf",
        ".raf",
        ".rw2",
        ".svg",
    ]
)


class NoPicture(DataError):
    """The bytes are not those of an image in one of the formats that are opened."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """An image as it was stored: pixels (1 or 3, height, width) uint8, and how they came about.

    format is one of `picture_headers.KNOWN`, mode the file's own in Pillow's words ("RGBA",
    "I;16"); notes say in words what was left out or converted.
    """

    pixels: Pixels
    format: str
    mode: str
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[2])


def open_picture(content: bytes | Path, where: str = "") -> Picture:
    """The picture in a file or in its bytes; `where` names it in messages.

    Raises NoPicture where it is none, DataError where it is cut off, damaged, too large, or where
    the file cannot be read or is a folder, pipe or device. Never anything else.
    """
    named = where or (f"{str(content)!r}" if isinstance(content, Path) else "the image")
    if isinstance(content, Path):
        content = _read(content, named)
    form = _required_format(content[:LONGEST_HEAD], named)
    if claim := absurdity(form, content):
        raise DataError(f"{named} is refused: {claim}, which no camera or program writes")
    _require_size(announced_size(form, content), named)
    try:
        with quiet, Image.open(io.BytesIO(content), formats=(form,)) as opened:
            return _opened(opened, form, content, named)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{named} is {form} by its first bytes alone: copy it again") from error
    except Image.DecompressionBombError as error:
        raise DataError(_too_large("it", named)) from error
    except MemoryError as error:
        raise DataError(f"{named} needs more memory than there is: scale it down") from error
    except Exception as error:  # decoders fail in any way on bytes that somebody bent
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(
            f"{named} is a damaged or cut off {form} file ({reason}): copy it again"
        ) from error


def suffixes() -> frozenset[str]:
    """Endings that files of these formats have, such as ".png"; a name proves nothing."""
    return frozenset(end for end, form in Image.registered_extensions().items() if form in KNOWN)


class _Quiet:
    """Inside, warnings of Pillow's are not shown: what they tell is refused, or no matter.

    The list of filters is the whole program's, so that threads that come and go must not each put
    back what they found: the first one in sets it and the last one out puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught: warnings.catch_warnings[Any] | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._caught is not None:
                self._caught.__exit__(None, None, None)
                self._caught = None


quiet = _Quiet()


def _read(path: Path, named: str) -> bytes:
    """A plain file's bytes. Opening neither waits for a pipe's other end nor wakes a device."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{named} is no file but {_kind(path)}: give an image")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - with flags of our own
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{named} is no file: give an image")
            head = file.read(LONGEST_HEAD)
            _required_format(head, named)
            rest = file.read(MOST_BYTES - len(head) + 1)
    except (OSError, ValueError) as error:
        seen = (getattr(error, "strerror", None) or str(error)).lower()
        raise DataError(f"{named} cannot be read: {seen}") from error
    if len(head) + len(rest) > MOST_BYTES:
        raise DataError(f"{named} has more than {MOST_BYTES >> 20} MiB: give a smaller copy")
    return head + rest


def _kind(path: Path) -> str:
    tests: tuple[tuple[Callable[[], bool], str], ...] = (
        (path.is_dir, "a folder"),
        (path.is_fifo, "a pipe"),
        (path.is_socket, "a socket"),
    )
    return next((name for test, name in tests if test()), "a device")


def _required_format(head: bytes, named: str) -> str:
    form = format_of(head)
    if form is None:
        seen = "an empty file" if not head else "no image of a format that is known here"
        raise NoPicture(f"{named} is {seen}; opened are {', '.join(KNOWN)}")
    Image.init()
    if form not in Image.OPEN:
        raise NoPicture(f"{named} is {form}, which the Pillow installed here does not open")
    return form


def _require_size(size: tuple[int, int] | None, named: str) -> None:
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        raise DataError(_too_large(f"{size[0]:,} x {size[1]:,} pixels", named))


def _too_large(what: str, named: str) -> str:
    return f"{named} is too large: {what} would be more than {MOST_PIXELS:,} pixels; cut it smaller"


def _opened(opened: Image.Image, form: str, content: bytes, named: str) -> Picture:
    _require_size(opened.size, named)
    packing = str(opened.info.get("compression", "")) if form == "TIFF" else ""
    if is_lie(form, packing, opened.size, content):
        raise DataError(f"{named} says that it is {opened.width} x {opened.height} and cannot be")
    notes = []
    mode = opened.mode
    deep = any(";16" in str(one[3]) for one in getattr(opened, "tile", ()))
    if getattr(opened, "is_animated", False):
        notes.append("the first of several frames")
    opened.load()
    if deep and not mode.startswith("I"):
        notes.append("16 bits a channel, of which the upper 8 are kept")
    if orientation(opened.info.get("exif", b"")) != 1 and form != "TIFF":
        notes.append("a stored turn was not made")
    pixels, more = _bytes(opened, form, named)
    if pixels.size == 0:
        raise DataError(f"{named} has no pixels")
    return Picture(pixels=pixels, format=form, mode=mode, notes=(*notes, *more))


def _bytes(opened: Image.Image, form: str, named: str) -> tuple[Pixels, list[str]]:
    """Pixels of any mode as bytes, and what was done to them."""
    mode = opened.mode
    if mode.startswith(("I", "F")):
        sixteen = mode != "F" and (mode != "I" or form in _WIDE)
        return _scaled(np.asarray(opened), named, sixteen=sixteen)
    if opened.has_transparency_data:
        return _over_white(opened)
    notes = ["CMYK turned into RGB without its colour profile"] if mode == "CMYK" else []
    wanted = "L" if mode in ("1", "L") else "RGB"
    return _laid(opened if mode == wanted else opened.convert(wanted)), notes


_WIDE = ("PNG", "PPM")  # formats of which Pillow gives 16 bits in integers of 32


def _over_white(opened: Image.Image) -> tuple[Pixels, list[str]]:
    grey = opened.mode in ("1", "L", "LA", "La")
    whole = opened.convert("LA" if grey else "RGBA")
    alpha = whole.getchannel("A")
    colour = whole.convert("L" if grey else "RGB")
    if alpha.getextrema() == (255, 255):
        return _laid(colour), []
    ground = Image.new(colour.mode, colour.size, "white")
    ground.paste(colour, mask=alpha)
    return _laid(ground), ["transparent parts laid over white"]


def _scaled(values: NDArray[Any], named: str, *, sixteen: bool) -> tuple[Pixels, list[str]]:
    """Grey of more than 8 bits, by its full scale where that is known, else by what is there."""
    if sixteen:
        scaled = (values.astype(np.int64).clip(0, 65535) + 128) // 257
        return scaled.astype(np.uint8)[None], ["16 bits scaled to 8"]
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise DataError(f"{named} holds values that are not finite numbers; store it anew")
    low, high = float(numbers.min()), float(numbers.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    share = (numbers - low) / ((high - low) or 1.0)
    return np.rint(255 * share).astype(np.uint8)[None], [
        f"values from {low:g} to {high:g} stretched to 0 to 255"
    ]


def _laid(image: Image.Image) -> Pixels:
    """(height, width[, channels]) to (channels, height, width)."""
    found = np.asarray(image, dtype=np.uint8)
    return found[None] if found.ndim == 2 else np.ascontiguousarray(found.transpose(2, 0, 1))
