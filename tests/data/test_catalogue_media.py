"""Entries whose cells are images, speech and names; others are in test_catalogue.py."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auditkit.data.catalogue import (
    CATALOGUE,
    fashion_mnist,
    fillets,
    lomiri_photographs,
    names,
    orl_faces,
    photographs,
)
from auditkit.data.fetch import FirstOf
from auditkit.data.schema import Medium, Task
from auditkit.data.tables import Table, classes, labels, split
from auditkit.errors import ChecksumError

Fetched = Callable[[str], Table]


def idx(values: np.ndarray) -> bytes:
    """The idx format by hand: two zeros, 8 for bytes, how many sizes, the sizes, the bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def test_an_idx_file_is_read_back() -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert (fashion_mnist.idx(idx(values)) == values).all()
    assert fashion_mnist.idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])).tolist() == [7, 9]


def test_fashion_rows_are_training_rows_then_test_rows() -> None:
    pixels = np.arange(3 * 28 * 28).reshape(3, 28, 28).astype(np.uint8)
    frame = fashion_mnist.clean(
        {
            "t10k-images-idx3-ubyte": idx(pixels[2:]),
            "t10k-labels-idx1-ubyte": idx(np.array([9], dtype=np.uint8)),
            "train-images-idx3-ubyte": idx(pixels[:2]),
            "train-labels-idx1-ubyte": idx(np.array([0, 6], dtype=np.uint8)),
        }
    )
    assert frame["label"].tolist() == ["t-shirt/top", "shirt", "ankle boot"]
    assert [cell.shape for cell in frame["image"]] == [(1, 28, 28)] * 3
    assert all((cell[0] == pixel).all() for cell, pixel in zip(frame["image"], pixels, strict=True))


def test_names_are_rows_of_their_list() -> None:
    files = {
        "dist.male.first": b"JAMES          3.318  3.318      1\n",
        "dist.female.first": b"MARY           2.629  2.629      1\nLEE  0.1 2.7 2\n",
    }
    assert names.clean(files).to_numpy().tolist() == [
        ["MARY", 2.629, "female"],
        ["LEE", 0.1, "female"],
        ["JAMES", 3.318, "male"],
    ]


@pytest.mark.parametrize(
    ("file", "voice"),
    [
        ("airplane/nl/let-m-divna.ogg", "m"),
        ("barrel/nl/bar_v_fotka.ogg", "v"),
        ("hanoi/cs/v-looser.ogg", "v"),
        ("fdto/cs/ted2-m.ogg", "m"),
        ("city/cs/vit-hs-klid1.ogg", None),
        ("keys/nl/rand-0-2.ogg", None),
        ("m/v/m-v.ogg", None),
    ],
)
def test_the_speaker_is_the_one_part_of_a_files_name_that_is_m_or_v(
    file: str, voice: str | None
) -> None:
    assert fillets.voice_of(file) == voice


def test_fillets_rows_are_dutch_then_czech(cache: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    sound = io.BytesIO()
    soundfile.write(sound, np.sin(np.arange(4_000) / 9), 22_050, format="OGG", subtype="VORBIS")
    heard = ("a/cs/x-m-1", "a/nl/x-m-1", "b/nl/v-2", "b/cs/v-2", "b/cs/other")
    files = {f"{path}.ogg": sound.getvalue() for path in heard}
    frame = fillets.clean({**files, "gems/nl/zav-v-sto.ogg": b"a header and no sound"})
    assert frame.drop(columns="speech").to_numpy().tolist() == [
        ["m", "nl", "a/x-m-1"],
        ["v", "nl", "b/v-2"],
        ["m", "cs", "a/x-m-1"],
        ["v", "cs", "b/v-2"],
    ]
    steps, bands = frame["speech"][0].shape
    assert bands == 24
    assert steps == pytest.approx(4_000 / 22_050 * 50, abs=1.5)
    assert frame["speech"][0].dtype == np.float32


def test_a_portrait_is_read_whether_or_not_it_was_copied_as_text() -> None:
    pixels = np.array([[[10, 13, 7], [10, 10, 255]]], dtype=np.uint8)
    plain = b"P5\n3 2\n255\n" + pixels.tobytes()
    assert (orl_faces.pgm(plain, "it") == pixels).all()
    assert (orl_faces.pgm(plain.replace(b"\n", b"\r\n"), "it") == pixels).all()
    for broken in (plain[:-1], plain + b"x", b"P6" + plain[2:], b""):
        with pytest.raises(ChecksumError, match=r"s1/1\.pgm is no PGM image"):
            orl_faces.pgm(broken, "s1/1.pgm")


def test_people_stand_in_the_order_of_their_numbers_and_lost_portraits_are_left_out() -> None:
    files = {
        f"s{person}/{shot}.pgm": b"P5\n1 1\n255\n" + bytes([person])
        for person in (10, 9, 1)
        for shot in (8, 10, 2)
    }
    frame = orl_faces.clean(files)
    assert frame["person"].tolist() == ["s1"] * 3 + ["s9"] * 2 + ["s10"] * 3
    assert frame["shot"].tolist() == ["2", "8", "10", "2", "10", "2", "8", "10"]
    assert [int(one[0, 0, 0]) for one in frame["image"]] == [1] * 3 + [9] * 2 + [10] * 3


def saved(pixels: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=form)
    return file.getvalue()


def test_what_was_jpeg_comes_at_half_its_size_or_less_and_the_rest_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    assert (photographs.opened(saved(pixels, "PNG")) == pixels.transpose(2, 0, 1)).all()
    assert (photographs.opened(saved(pixels[..., 0], "PNG")) == pixels[..., 0]).all()
    assert photographs.opened(saved(pixels, "JPEG")).shape == (3, 30, 40)
    wide = np.zeros((300, 4_000, 3), dtype=np.uint8)
    assert photographs.opened(saved(wide, "JPEG")).shape == (3, 96, 1_280)


def test_photographs_are_those_that_a_lens_took() -> None:
    grey = saved(np.zeros((4, 6), dtype=np.uint8), "PNG")
    listed = "logo.png", "coins.png", "motorcycle_right.png", "truncated.jpg"
    files = dict.fromkeys(listed, grey)
    rows = photographs.clean(files).drop(columns="image")
    assert rows.to_numpy().tolist() == [
        ["coins", "coins.png", "no known restrictions, Brooklyn Museum"],
        ["motorcycle", "motorcycle_right.png", "not stated, Middlebury College"],
    ]
    assert not len(lomiri_photographs.clean({"analogpattern_by_Peter_Nerlich.jpg": grey}))


@pytest.mark.parametrize(
    "name",
    [
        "fashion-mnist",
        "fillets",
        "lomiri-photographs",
        "mate-photographs",
        "names",
        "orl-faces",
        "photographs",
    ],
)
def test_an_entry_says_what_there_is_to_say(name: str) -> None:
    entry = CATALOGUE[name]
    assert len(entry.problems) >= 4
    assert all(problem.endswith((".", ")")) for problem in entry.problems)
    assert all(entry.__dict__[text] for text in ("title", "licence", "citation", "notes"))


def test_the_ways_to_one_data_set_promise_the_same_files() -> None:
    several = [entry.source for _, entry in CATALOGUE.items() if isinstance(entry.source, FirstOf)]
    assert several
    for source in several:
        assert len({one.member_sha256 for one in source.sources}) == 1


@pytest.mark.network
def test_fashion_mnist_is_seventy_thousand_images_of_ten_kinds(fetched: Fetched) -> None:
    table = fetched("fashion-mnist")
    assert (table.schema.medium, table.schema.task) == (Medium.IMAGE, Task.CLASSES)
    codes = classes(table.frame, table.schema)
    assert np.bincount(codes[:60_000]).tolist() == [6_000] * 10
    assert np.bincount(codes[60_000:]).tolist() == [1_000] * 10
    # The first training image is an ankle boot, and so is the first test image.
    assert (codes[0], codes[60_000]) == (9, 9)
    first = table.frame["image"][0]
    assert (first.dtype, first.shape, first.max()) == (np.uint8, (1, 28, 28), 255)
    assert first[0, 0].max() == 0  # the background is black
    train, test = split(table, seed=0)
    assert (len(train.frame), len(test.frame)) == (60_000, 10_000)


@pytest.mark.network
def test_orl_faces_are_forty_people_of_whom_two_portraits_are_lost(fetched: Fetched) -> None:
    table = fetched("orl-faces")
    counts = table.frame["person"].value_counts()
    assert (len(counts), sorted(set(counts))) == (40, [9, 10])
    assert {one.shape for one in table.frame["image"]} == {(1, 112, 92)}
    train, test = (part.frame for part in split(table, seed=0))
    assert not set(train["person"]) & set(test["person"])
    # A line that was shifted by a byte would show as a tear: neighbours are much alike.
    steps = [np.abs(np.diff(one[0].astype(int), axis=1)).mean() for one in table.frame["image"]]
    assert max(steps) < 20


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "rows", "originals"),
    [
        ("photographs", 16, 15),
        ("mate-photographs", 12, 12),
        pytest.param("lomiri-photographs", 14, 14, marks=pytest.mark.slow),  # 8 megapixels each
    ],
)
def test_photographs_are_large_and_each_original_is_on_one_side(
    name: str, rows: int, originals: int, fetched: Fetched
) -> None:
    table = fetched(name)
    assert (len(table.frame), table.frame[table.apart].nunique()) == (rows, originals)
    assert all(min(one.shape[1:]) >= 200 for one in table.frame["image"])
    assert {len(one) for one in table.frame["image"]} <= {1, 3}
    assert not table.frame.isna().any().any()


@pytest.mark.network
def test_names_are_the_census_lists_and_no_name_crosses_the_split(fetched: Fetched) -> None:
    table = fetched("names")
    frame = table.frame
    assert (table.schema.medium, table.schema.task) == (Medium.TEXT, Task.DECISION)
    assert labels(frame, table.schema).sum() == 4_275
    assert len(frame) == 5_494
    assert table.schema.feature_names == ("name",)
    assert table.sha256 == CATALOGUE["names"].source.member_sha256  # type: ignore[union-attr]
    both = frame["name"].duplicated(keep=False)
    assert both.sum() == 2 * 331
    share = frame[both].groupby("gender")["frequency"].sum()
    assert share.round(1).to_dict() == {"female": 12.6, "male": 65.3}
    train, test = split(table, seed=3)
    assert not set(train.frame["name"]) & set(test.frame["name"])
    assert len(test.frame) == pytest.approx(len(frame) / 4, rel=0.02)


@pytest.mark.slow
@pytest.mark.network
def test_fillets_are_two_voices_in_two_languages(fetched: Fetched) -> None:
    pytest.importorskip("soundfile")
    table = fetched("fillets")
    assert (table.schema.medium, table.schema.task) == (Medium.SEQUENCE, Task.DECISION)
    train, test = split(table, seed=0)
    counts = [one.frame.groupby(["language", "voice"]).size().to_dict() for one in (train, test)]
    assert counts == [{("nl", "m"): 693, ("nl", "v"): 656}, {("cs", "m"): 698, ("cs", "v"): 657}]
    cells = table.frame["speech"]
    assert {cell.shape[1] for cell in cells} == {24}
    assert min(map(len, cells)) > 10
    assert all(np.isfinite(cell).all() for cell in cells)
    # The small fish is the higher voice: its energy lies higher on average.
    loud = np.array([np.exp(cell).mean(axis=0) for cell in cells])
    centres = fillets.FRONT.centres
    middle = (loud[:, :6] @ centres[:6]) / loud[:, :6].sum(axis=1)
    small = (table.frame["voice"] == "m").to_numpy()
    assert middle[small].mean() > middle[~small].mean()
