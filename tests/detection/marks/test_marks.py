"""A made picture says so, a real one does not, and what a re-save leaves is counted."""

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from auditkit.detection.marks.outputs import files_in
from auditkit.detection.marks.reading import Kind, declares_made, marks_of
from auditkit.detection.marks.survival import WAYS, marked, survival
from auditkit.detection.marks.writing import Provenance, contact_sheet, marked_png, xmp_packet
from auditkit.errors import DataError, UsageError

ORIGIN = Provenance(generator="gan-x", checksum="ab" * 32, tool="auditkit 0", made="image 0 of 1")


def pixels(channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (channels, 12, 10), dtype=np.uint8)


def plain(kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels()[0]).save(file, kind, **options)
    return file.getvalue()


def with_text(keyword: str, text: str) -> bytes:
    carried = PngImagePlugin.PngInfo()
    carried.add_text(keyword, text)
    return plain(pnginfo=carried)


def with_source(term: str, *, element: bool = False) -> bytes:
    uri = f"http://cv.iptc.org/newscodes/digitalsourcetype/{term}"
    name = "Iptc4xmpExt:DigitalSourceType"
    said = f"<{name}>{uri}</{name}>" if element else f'<rdf:Description {name}="{uri}"/>'
    return plain("JPEG", xmp=f"<x:xmpmeta>{said}</x:xmpmeta>".encode())


@pytest.mark.parametrize("channels", [1, 3])
def test_a_marked_picture_declares_itself_and_keeps_its_pixels(channels):
    made = marked_png(pixels(channels), ORIGIN)
    assert declares_made(marks_of(made))
    shown = np.asarray(Image.open(io.BytesIO(made)))
    back = shown[None] if channels == 1 else np.moveaxis(shown, -1, 0)
    np.testing.assert_array_equal(back, pixels(channels))


def test_the_same_picture_gives_the_same_bytes():
    assert marked_png(pixels(), ORIGIN) == marked_png(pixels(), ORIGIN)
    assert marked_png(pixels(), ORIGIN) != marked_png(pixels(seed=1), ORIGIN)


def test_the_packet_is_xml_and_no_name_breaks_it():
    odd = Provenance(generator='a"<&>\x00\x1b\ud800', checksum="", tool="", made="")
    root = ElementTree.fromstring(xmp_packet(odd).encode())
    description = next(one for one in root.iter() if one.tag.endswith("Description"))
    named = {name.rsplit("}", 1)[-1]: value for name, value in description.attrib.items()}
    assert named["AISystemUsed"] == 'a"<&>'
    assert named["DigitalSourceType"].endswith("/trainedAlgorithmicMedia")


@pytest.mark.parametrize("element", [False, True])
@pytest.mark.parametrize(
    ("term", "made"),
    [
        ("trainedAlgorithmicMedia", True),
        ("compositeWithTrainedAlgorithmicMedia", True),
        ("digitalCapture", False),
    ],
)
def test_the_source_type_is_read_wherever_xmp_has_it(term, made, element):
    (mark,) = marks_of(with_source(term, element=element))
    assert (mark.kind, mark.says, mark.made) == (Kind.SOURCE, term, made)


def test_the_settings_of_image_programs_are_a_mark():
    assert declares_made(marks_of(with_text("parameters", "a cat\nSteps: 20")))
    assert declares_made(marks_of(with_text("workflow", "{}")))


def test_the_name_of_a_program_or_camera_declares_nothing():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Camera 1"
    (mark,) = marks_of(plain("JPEG", exif=exif))
    assert (mark.kind, mark.says, mark.made) == (Kind.SOFTWARE, "Maker Camera 1", None)
    assert not declares_made(marks_of(with_text("Software", "a program")))


def test_settings_in_a_comment_of_exif_are_a_mark():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a cat Steps: 20, Sampler: x".encode("utf-16-be")
    (mark,) = marks_of(plain("JPEG", exif=exif))
    assert mark.kind is Kind.SETTINGS
    assert mark.says.startswith("a cat")


@pytest.mark.parametrize("content", [plain(), plain("JPEG"), with_text("Title", "parameters")])
def test_a_picture_without_marks_has_none(content):
    assert not declares_made(marks_of(content))


def test_what_a_stranger_wrote_cannot_steer_a_terminal():
    (mark,) = marks_of(with_text("parameters", "\x1b[31mred\nline" + "x" * 500))
    assert mark.says.isprintable()
    assert len(mark.says) < 150


def test_the_share_of_marked_files_is_counted():
    found = marked([marked_png(pixels(), ORIGIN), plain(), plain(), plain()])
    assert (found.value, found.n) == (0.25, 4)
    assert found.low < 0.25 < found.high


def test_a_plain_save_loses_the_mark_and_a_careful_one_keeps_it():
    kept = survival([marked_png(pixels(seed=i), ORIGIN) for i in range(5)])
    assert [one.way.title for one in kept] == [one.title for one in WAYS]
    for one in kept:
        whole = one.way.careful or one.way.title == "copied as it is"
        assert one.kept.value == (1.0 if whole else 0.0), one.way.title
        assert one.kept.n == 5


def test_without_marks_nothing_can_survive():
    assert not any(one.kept.defined for one in survival([plain()]))


def test_a_marked_file_that_cannot_be_opened_is_left_out():
    cut = marked_png(pixels(), ORIGIN)[:-30]
    assert declares_made(marks_of(cut))
    kept = survival([cut, marked_png(pixels(), ORIGIN)])
    assert {one.kept.n for one in kept} == {1}


def test_what_a_format_cannot_hold_is_lost_and_no_fault():
    file = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(file, "JPEG", xmp=xmp_packet(ORIGIN).encode())
    assert {one.kept.n for one in survival([file.getvalue()])} == {1}
    carried = PngImagePlugin.PngInfo()
    carried.add_itxt("XML:com.adobe.xmp", xmp_packet(ORIGIN) + " " * 70_000)
    kept = {one.way.title: one.kept.value for one in survival([plain(pnginfo=carried)])}
    assert kept["saved as PNG with its XMP"] == 1
    assert kept["saved as JPEG 75 with its XMP"] == 0  # a segment of a JPEG ends at 64 KiB


def test_of_long_texts_the_beginning_is_looked_at(monkeypatch):
    monkeypatch.setattr("auditkit.detection.marks.reading.LOOKED_AT", 50)
    (mark,) = marks_of(with_text("parameters", " " * 60 + "a cat"))
    assert mark.says == "parameters: "


def test_a_contact_sheet_holds_each_picture_once():
    four = np.stack([np.full((1, 2, 2), value, dtype=np.uint8) for value in (10, 20, 30, 40)])
    sheet = contact_sheet(four, gap=1)
    assert sheet.shape == (1, 7, 7)
    assert sheet[0, 1:3, 1:3].tolist() == [[10, 10], [10, 10]]
    assert sheet[0, 4:6, 4:6].tolist() == [[40, 40], [40, 40]]
    assert {int(one) for one in np.unique(sheet)} == {10, 20, 30, 40, 255}


def test_a_folder_is_read_in_order_and_links_are_not(tmp_path: Path):
    (tmp_path / "below").mkdir()
    (tmp_path / "b.png").write_bytes(b"b")
    (tmp_path / "a.JPG").write_bytes(b"a")
    (tmp_path / "note.txt").write_bytes(b"no")
    (tmp_path / "below" / "c.webp").write_bytes(b"c")
    (tmp_path / "link.png").symlink_to(tmp_path / "b.png")
    assert files_in(tmp_path, 10) == [b"a", b"b", b"c"]
    assert files_in(tmp_path, 2) == [b"a", b"b"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no PNG"):
        files_in(tmp_path, 3)
    with pytest.raises(UsageError, match="no folder"):
        files_in(tmp_path / "none", 3)
