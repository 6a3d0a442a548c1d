"""What a file carries is found by its bytes; a file that lies gives what stands before the lie."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from auditkit.detection.marks.containers import MOST, PARTS, PNG, Carried, mime_of, parts
from auditkit.detection.marks.reading import marks_of

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'


def picture() -> Image.Image:
    return Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))


def saved(kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture().convert("RGB").save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_a_png_has_texts_of_three_kinds():
    carried = PngImagePlugin.PngInfo()
    carried.add_text("plain", "a")
    carried.add_text("packed", "b" * 100, zip=True)
    carried.add_itxt("wide", "ü", lang="de")
    carried.add_itxt("wide and packed", "ü" * 100, zip=True)
    found = {one.name: one.body for one in parts(saved("PNG", pnginfo=carried))}
    assert found["plain"] == b"a"
    assert found["packed"] == b"b" * 100
    assert found["wide"] == "ü".encode()
    assert found["wide and packed"] == ("ü" * 100).encode()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_xmp_and_exif_are_found_in(kind):
    exif = Image.Exif()
    exif[0x0131] = "a program"
    found = parts(saved(kind, xmp=XMP, exif=exif))
    assert {one.kind for one in found} == {Carried.XMP, Carried.EXIF}
    assert next(one.body for one in found if one.kind is Carried.XMP) == XMP


def test_a_comment_of_a_jpeg_is_a_text():
    assert [(one.name, one.body) for one in parts(saved("JPEG", comment=b"hello"))] == [
        ("comment", b"hello")
    ]


def test_in_another_file_a_search_finds_xmp():
    tiff = b"II*\0 what a TIFF holds" + XMP
    assert mime_of(tiff) is None
    assert [one.kind for one in parts(tiff)] == [Carried.XMP]


def test_a_text_that_unfolds_to_gigabytes_stays_small():
    bomb = PNG + chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(20 * MOST), 9))
    assert len(parts(bomb)[0].body) <= MOST


def test_of_a_million_texts_some_are_read():
    assert len(parts(PNG + chunk(b"tEXt", b"a\0b") * (2 * PARTS))) == PARTS


@pytest.mark.parametrize("content", [b"", b"\x89PNG", PNG, PNG + b"\xff" * 7, b"\xff\xd8\xff"])
def test_a_file_cut_off_carries_nothing(content):
    assert parts(content) == ()


def test_a_chunk_that_lies_about_its_length_ends_the_search():
    lying = PNG + struct.pack(">I4s", 2**31, b"tEXt") + b"key\0value"
    assert [(one.name, one.body) for one in parts(lying)] == [("key", b"value")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mangled_files_are_read_without_a_fault(data):
    carried = PngImagePlugin.PngInfo()
    carried.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    exif = Image.Exif()
    exif[0x0131] = "a program"
    whole = bytearray(
        data.draw(
            st.sampled_from(
                [
                    saved("PNG", pnginfo=carried, exif=exif),
                    saved("JPEG", xmp=XMP, exif=exif),
                    saved("WEBP", xmp=XMP, exif=exif),
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    marks_of(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
