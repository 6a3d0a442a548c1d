import struct
import zlib
from base64 import b64decode

import numpy as np
import pytest

from auditkit.report.png import SIGNATURE, indexed_uri, rgb_uri


def chunks(file: bytes) -> dict[bytes, bytes]:
    assert file.startswith(SIGNATURE)
    found, at = {}, len(SIGNATURE)
    while at < len(file):
        (size,) = struct.unpack(">I", file[at : at + 4])
        name, body = file[at + 4 : at + 8], file[at + 8 : at + 8 + size]
        (check,) = struct.unpack(">I", file[at + 8 + size : at + 12 + size])
        assert check == zlib.crc32(name + body)
        found[name] = body
        at += 12 + size
    return found


def read(uri: str) -> np.ndarray:
    """What a reader of the format sees: only the two filters that we write are known here."""
    parts = chunks(b64decode(uri.removeprefix("data:image/png;base64,")))
    width, height, depth, kind, *rest = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    channels = 3 if kind == 2 else 1
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, -1)
    above, seen = np.zeros(width * channels, dtype=np.uint8), []
    for row in rows:
        assert row[0] in (0, 2)
        above = row[1:] + above if row[0] == 2 else row[1:]
        seen.append(above)
    pixels = np.stack(seen).reshape(height, width, channels)
    if kind == 2:
        return pixels
    return np.frombuffer(parts[b"PLTE"], np.uint8).reshape(-1, 3)[pixels[:, :, 0]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (28, 28), (5, 3)])
@pytest.mark.parametrize("smooth", [True, False])
def test_a_picture_is_read_as_it_was_written(shape, smooth):
    rng = np.random.default_rng(1)
    made = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    if smooth:
        made = np.add.accumulate(np.ones_like(made), axis=0, dtype=np.uint8)
    assert (read(rgb_uri(made)) == made).all()
    palette = rng.integers(0, 256, (90, 3), dtype=np.uint8)
    places = made[:, :, 0] % 90
    assert (read(indexed_uri(places, palette)) == palette[places]).all()


def test_the_smaller_of_the_two_ways_to_write_a_row_is_taken():
    slope = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    marks = [
        zlib.decompress(chunks(b64decode(rgb_uri(one).split(",")[1]))[b"IDAT"])[0]
        for one in (slope, np.tile(noise[:, :1], (1, 64, 1)))
    ]
    assert marks == [2, 0]
