"""Small pictures as PNG: pixels of a palette or of three channels, packed by zlib alone."""

import struct
import zlib
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB, PALETTE = 2, 3  # colour types of the format


def rgb_uri(pixels: NDArray[np.uint8]) -> str:
    """An address of the picture itself; pixels is (height, width, 3)."""
    return _uri(png(pixels, RGB))


def indexed_uri(places: NDArray[np.uint8], palette: NDArray[np.uint8]) -> str:
    """The same of a picture whose pixels, (height, width), are places in a palette, (n, 3)."""
    return _uri(png(places[:, :, None], PALETTE, palette))


def png(pixels: NDArray[np.uint8], kind: int, palette: NDArray[np.uint8] | None = None) -> bytes:
    """The file: each row as it is or less the row above, whichever packs smaller.

    W3C 2003, "Portable Network Graphics (PNG) Specification", second edition.
    """
    height, width, channels = pixels.shape
    flat = pixels.reshape(height, width * channels)
    above = np.vstack([np.zeros_like(flat[:1]), flat[:-1]])
    packed = min(
        (_packed(flat, 0), _packed(flat - above, 2)), key=len
    )  # bytes wrap around, as the format wants it
    parts = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    if palette is not None:
        parts.append(_chunk(b"PLTE", palette.astype(np.uint8).tobytes()))
    return b"".join([SIGNATURE, *parts, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")])


def _packed(rows: NDArray[np.uint8], filtered: int) -> bytes:
    marks = np.full((len(rows), 1), filtered, dtype=np.uint8)
    return zlib.compress(np.hstack([marks, rows]).tobytes(), 9)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _uri(file: bytes) -> str:
    return f"data:image/png;base64,{b64encode(file).decode()}"
