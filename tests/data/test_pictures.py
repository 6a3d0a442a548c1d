"""Any file is opened as the bytes it holds or refused with one sentence; nothing else happens."""

import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, PngImagePlugin

from auditkit.data import pictures
from auditkit.data.picture_headers import KNOWN, MOST_SCANS, format_of
from auditkit.data.pictures import NoPicture, Picture, open_picture, quiet, suffixes
from auditkit.errors import DataError

Image.init()
STORED = [one for one in KNOWN if one in Image.SAVE]  # an older Pillow lacks AVIF
RGB = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
GREY = RGB[..., 0]


def stored(image: Image.Image | np.ndarray, form: str = "PNG", **options: object) -> bytes:
    """The bytes of a file in which Pillow stored it."""
    file = io.BytesIO()
    shown = image if isinstance(image, Image.Image) else Image.fromarray(image)
    shown.save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that claims a size and has a single row of zeros."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(width + 1 if width < 10**6 else 1)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_a_lossless_file_gives_back_the_very_bytes(form: str) -> None:
    colour, grey = open_picture(stored(RGB, form)), open_picture(stored(GREY, form))
    assert (colour.pixels == RGB.transpose(2, 0, 1)).all()
    assert (grey.pixels == GREY[None]).all()
    assert (colour.format, colour.mode, colour.notes) == (form, "RGB", ())
    assert (colour.width, colour.height) == (20, 12)


def test_every_known_format_is_opened() -> None:
    for form in STORED:
        picture = open_picture(stored(RGB, form))
        assert (picture.format, picture.pixels.shape) == (form, (3, 12, 20))
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.flags.c_contiguous
    assert {".png", ".jpg", ".webp", ".tiff", ".pgm"} <= suffixes()
    assert not {".pdf", ".eps", ".txt"} & suffixes()


def test_black_and_white_are_0_and_255() -> None:
    picture = open_picture(stored(Image.fromarray(GREY > 127)))
    assert (picture.mode, picture.notes) == ("1", ())
    assert (picture.pixels[0] == np.where(GREY > 127, 255, 0)).all()


def test_a_palette_is_looked_up() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    picture = open_picture(stored(image))
    assert picture.pixels.reshape(3, 2).tolist() == [[10, 40], [20, 50], [30, 60]]


@pytest.mark.parametrize(("alpha", "seen"), [(255, 100), (0, 255), (51, 224)])
def test_transparent_parts_are_laid_over_white(alpha: int, seen: int) -> None:
    # 51 of 255 is a fifth: 100 / 5 + 255 * 4 / 5 = 224.
    for mode, colour in (("RGBA", (100, 100, 100, alpha)), ("LA", (100, alpha))):
        picture = open_picture(stored(Image.new(mode, (3, 2), colour)))
        assert np.unique(picture.pixels).tolist() == [seen]
        assert picture.notes == (() if alpha == 255 else ("transparent parts laid over white",))
    assert len(open_picture(stored(Image.new("LA", (3, 2)))).pixels) == 1


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"])
def test_a_palette_with_transparency_is_laid_over_white_too(transparency: object) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    picture = open_picture(stored(image, transparency=transparency))
    assert picture.pixels.reshape(3, 2).tolist() == [[255, 40], [255, 50], [255, 60]]


def test_sixteen_bits_are_scaled_by_their_full_scale() -> None:
    values = np.array([[0, 128, 129, 257, 32896, 65535]], dtype=np.uint16)
    by_hand = b"P5 6 1 65535\n" + values.astype(">u2").tobytes()
    for content in (stored(values), stored(values, "TIFF"), by_hand):
        picture = open_picture(content)
        assert picture.pixels.tolist() == [[[0, 0, 1, 1, 128, 255]]]
        assert picture.notes == ("16 bits scaled to 8",)


def test_numbers_of_unknown_scale_are_stretched_and_that_is_said() -> None:
    whole = open_picture(stored(np.array([[-100, 0, 100]], dtype=np.int32), "TIFF"))
    assert whole.pixels.tolist() == [[[0, 128, 255]]]
    assert whole.notes == ("values from -100 to 100 stretched to 0 to 255",)
    share = open_picture(stored(np.array([[0.25, 0.5]], dtype=np.float32), "TIFF"))
    assert share.pixels.tolist() == [[[64, 128]]]
    assert open_picture(stored(np.full((2, 2), 7.0, np.float32), "TIFF")).pixels.max() == 0
    with pytest.raises(DataError, match="not finite"):
        open_picture(stored(np.array([[np.nan, 1]], dtype=np.float32), "TIFF"))


def test_cmyk_becomes_rgb_and_that_is_said() -> None:
    picture = open_picture(stored(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))
    assert picture.notes == ("CMYK turned into RGB without its colour profile",)
    red, green, blue = picture.pixels.reshape(3, -1).mean(1)
    assert red > 250 > 5 > max(green, blue)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_taken(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (200, 90, 10)]
    options = {"lossless": True} if form == "WEBP" else {}
    bytes_ = stored(frames[0], form, save_all=True, append_images=frames[1:], **options)
    picture = open_picture(bytes_)
    assert picture.notes == ("the first of several frames",)
    assert set(np.unique(picture.pixels[0])) == {200}


def test_a_stored_turn_is_said_and_not_made() -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture = open_picture(stored(RGB, "JPEG", exif=exif))
    assert picture.pixels.shape == (3, 12, 20)
    assert picture.notes == ("a stored turn was not made",)


def test_a_single_pixel_is_a_picture() -> None:
    assert open_picture(stored(Image.new("L", (1, 1), 7))).pixels.tolist() == [[[7]]]


@pytest.mark.parametrize(
    "bomb",
    [
        png(50_000, 50_000),
        png(2**31 - 1, 1),
        png(12_000, 12_000),
        b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(64),
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 40000, 40000, 1, 24, *(0,) * 6),
        b"P5 99999 99999 255\n" + bytes(9),
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xfe\xff\0\xfe\xff\0" + bytes(40),
    ],
    ids=["png", "wide png", "png of which Pillow warns", "gif", "bmp", "ppm", "webp"],
)
def test_an_absurd_size_is_refused_before_room_is_made(bomb: bytes) -> None:
    with pytest.raises(DataError, match=r"too large: .*more than 100,000,000 pixels"):
        open_picture(bomb)


def lying(form: str) -> bytes:
    """A small file that says that it has 9,000 rows or more."""
    bent = bytearray(stored(RGB, form))
    match form:
        case "JPEG":
            at = bent.index(b"\xff\xc0") + 5
            bent[at : at + 4] = struct.pack(">HH", 9000, 9000)
        case "TIFF":
            at = bent.index(struct.pack("<HHII", 257, 4, 1, 12)) + 8
            bent[at : at + 4] = struct.pack("<I", 4_000_000)
        case _:
            return png(9000, 9000)
    return bytes(bent)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_a_size_that_is_a_lie_is_refused(form: str) -> None:
    with pytest.raises(DataError, match=r"says that it is \d+ x \d+ and cannot be"):
        open_picture(lying(form))


def test_text_that_unpacks_endlessly_is_refused() -> None:
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(PngImagePlugin.MAX_TEXT_CHUNK + 9)))
    with pytest.raises(DataError, match="damaged or cut off PNG"):
        open_picture(png(8, 1, text))


def tiff(*tags: tuple[int, int, int, int], claimed: int | None = None) -> bytes:
    entries = b"".join(struct.pack("<HHII", *one) for one in tags)
    count = len(tags) if claimed is None else claimed
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(64)


@pytest.mark.parametrize(
    ("bytes_", "told"),
    [
        (tiff(claimed=60_000), "a directory of 60,000 tags"),
        (tiff((273, 4, 1 << 30, 0)), "tag 273 has 1,073,741,824 values"),
        (tiff(claimed=30), "its directory of tags is cut off"),
        (tiff((34665, 4, 1, 26))[:26] + b"\xff\xff" + bytes(64), "a directory of 65,535 tags"),
        (tiff((277, 3, 1, 60_000)), "a pixel has 60,000 numbers"),
        (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 50), "a directory of"),
        (b"II+\0\x08\0\0\0" + b"\xff" * 16, "its directory of tags is cut off"),
    ],
    ids=["many tags", "many values", "cut off", "exif", "samples", "64 bits", "far off"],
)
def test_a_tiff_with_absurd_tags_is_refused(bytes_: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        open_picture(bytes_)


def test_a_flat_jpeg_is_no_lie() -> None:
    options = {"quality": 1, "optimize": True, "progressive": True}
    flat = stored(Image.new("L", (4000, 4000)), "JPEG", **options)
    assert open_picture(flat).width == 4000


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    jpeg = stored(RGB, "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    scans = jpeg[:last] + jpeg[last:-2] * (MOST_SCANS + 1) + jpeg[-2:]
    with pytest.raises(DataError, match="scans, which no camera"):
        open_picture(scans)
    assert open_picture(jpeg).format == "JPEG"


@pytest.mark.parametrize("form", STORED)
def test_a_file_that_is_cut_off_is_refused(form: str) -> None:
    whole = stored(RGB, form)
    with pytest.raises(DataError):
        open_picture(whole[: len(whole) // 2])


def test_what_is_no_image_is_told_from_one_that_is_broken() -> None:
    for content in (b"", b"hello", b"%PDF-1.7", b"\0" * 99, b"P7\nWIDTH 1", b"<svg/>"):
        with pytest.raises(NoPicture):
            open_picture(content)
        assert format_of(content) is None
    with pytest.raises(DataError) as broken:
        open_picture(b"\x89PNG\r\n\x1a\n")
    assert not isinstance(broken.value, NoPicture)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of what has the name of a picture and is none."""
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
    return tmp_path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices are of Unix")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("folder.png", "is no file but a folder"),
        ("pipe.png", "is no file but a pipe"),
        ("loop.png", "cannot be read: too many levels"),
        ("gone.png", "cannot be read: no such file"),
        ("nul\0.png", "cannot be read"),
        ("x" * 5000, "cannot be read: file name too long"),
        ("/dev/zero", "is no file but a device"),
    ],
)
def test_what_is_no_plain_file_is_refused_and_never_waited_for(
    odd: Path, name: str, told: str
) -> None:
    with pytest.raises(DataError, match=told):
        open_picture(odd / name)


def test_a_file_is_opened_whatever_its_name(tmp_path: Path) -> None:
    for name in (b"line\nbreak.png", b"\x1b[31mred", b"\xff\xfe.jpg", "grün.webp".encode()):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.write_bytes(stored(RGB))
        assert open_picture(path).format == "PNG"


def test_a_file_that_is_too_long_is_not_read_whole(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 1 << 20)
    path = tmp_path / "sparse.png"
    path.write_bytes(stored(RGB))
    os.truncate(path, 1 << 40)
    with pytest.raises(DataError, match="more than 1 MiB"):
        open_picture(path)
    path.write_bytes(b"")
    os.truncate(path, 1 << 40)
    with pytest.raises(NoPicture):  # by its first bytes
        open_picture(path)


def test_pillow_and_its_warnings_are_as_they_were() -> None:
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, list(warnings.filters))
    # 95 megapixels: Pillow warns of it, and it is read.
    large = stored(Image.new("1", (19_000, 5_000)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(open_picture, [large, *[stored(RGB)] * 20]))
    assert found[0].width == 19_000
    assert (
        ImageFile.LOAD_TRUNCATED_IMAGES,
        Image.MAX_IMAGE_PIXELS,
        list(warnings.filters),
    ) == before
    with pytest.raises(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(large))


def test_threads_that_come_and_go_leave_warnings_to_the_last_of_them() -> None:
    before = warnings.filters
    with quiet:
        with quiet:
            pass
        warnings.warn_explicit("hidden", UserWarning, "file", 1, module="PIL.Image")
        with pytest.warns(UserWarning, match="shown"):
            warnings.warn_explicit("shown", UserWarning, "file", 1, module="somebody")
    assert warnings.filters is before
    with pytest.raises(UserWarning, match="seen"):
        warnings.warn_explicit("seen", UserWarning, "file", 1, module="PIL.Image")


WHOLE = [stored(RGB, form) for form in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")] + [
    stored(RGB, "JPEG", progressive=True),
    stored(RGB, "TIFF", compression="tiff_lzw"),
    stored(Image.fromarray(RGB).quantize(8), "GIF"),
]


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_mangled_bytes_give_a_picture_or_a_data_error(data: st.DataObject) -> None:
    bent = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(bent) - 1))
        match data.draw(st.sampled_from(["put", "cut", "double"])):
            case "put":
                bent[at] = data.draw(st.integers(0, 255))
            case "cut":
                del bent[max(at, 1) :][:20]
                bent = bent[: max(at, 1)] if data.draw(st.booleans()) else bent
            case _:
                bent[at:at] = bent[at : at + 40]
    assert is_handled(open_picture, bytes(bent))


def is_handled(opened: Callable[[bytes], Picture], content: bytes) -> bool:
    try:
        found = opened(content)
    except DataError as error:
        return "\n" not in str(error)
    return found.pixels.dtype == np.uint8 and found.pixels.shape[0] in (1, 3)
