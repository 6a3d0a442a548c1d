"""A user's folder as a corpus: what places and labels.csv say, which parts follow."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from auditkit.detection.corpus import (
    FAKE,
    GENERATOR,
    IMAGE,
    LABEL,
    NOBODY,
    ORIGINAL,
    PART,
    REAL,
    SOURCE,
    Part,
    require_corpus,
)
from auditkit.detection.folders import NOTES, UNUSED, read_corpus
from auditkit.errors import DataError, UsageError
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu")


def lay(folder: Path, *files: str, size: tuple[int, int] = (8, 6)) -> Path:
    """Grey images of a size (height, width), each of one level."""
    for level, file in enumerate(files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(size, level % 256, dtype=np.uint8)).save(path)
    return folder


def rows(corpus: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(corpus[[LABEL, GENERATOR, SOURCE, ORIGINAL]].itertuples(index=False, name=None))


def many(tmp_path: Path, generators: Mapping[str, str], n: int = 20) -> pd.DataFrame:
    """n real images, and as many of each generator under names of the pattern."""
    files = [f"real/{i}.png" for i in range(n)]
    files += [
        f"fake/{one}/{name.format(i)}.png" for one, name in generators.items() for i in range(n)
    ]
    return read_corpus(lay(tmp_path, *files), RUNTIME)


def test_labels_generators_sources_and_originals_are_read_from_places(tmp_path: Path) -> None:
    lay(
        tmp_path,
        "real/sea/a.png",
        "real/town/b.jpg",
        "fake/gan/a.png",
        "fake/gan/town/c.png",
        "fake/gan/deep/er/d.png",
        "fake/e.png",
        "real/.hidden/x.png",
        "other/y.png",
    )
    (tmp_path / "real" / "notes.txt").write_text("no image")
    corpus = read_corpus(tmp_path, RUNTIME)
    require_corpus(corpus, "it")
    assert rows(corpus) == [
        (REAL, NOBODY, "sea", "a"),
        (REAL, NOBODY, "town", "b"),
        (FAKE, "unnamed", "unnamed", "e"),
        (FAKE, "gan", "sea", "a"),  # of the real image of its name
        (FAKE, "gan", "unnamed", "d"),
        (FAKE, "gan", "town", "c"),
    ]
    assert corpus[IMAGE][0].shape == (1, 8, 6)
    (note,) = corpus.attrs[NOTES]
    assert note.startswith("Of 2 made images it is not known which set")


def test_where_real_images_have_one_source_it_is_that_of_all_fakes(tmp_path: Path) -> None:
    corpus = read_corpus(lay(tmp_path, "real/sea/a.png", "fake/gan/z.png"), RUNTIME)
    assert set(corpus[SOURCE]) == {"sea"}


def test_labels_csv_tells_originals_sources_parts_and_groups(tmp_path: Path) -> None:
    lay(tmp_path, "real/1.png", "real/2.png", "fake/gan/3.png")
    (tmp_path / "labels.csv").write_text(
        "file,original,source,part,age\n"
        "./fake/gan/3.png,anna,passports,train,old\n"
        "real/1.png,anna,passports,train,old\n"
        "real/2.png,bert,,test,young\n"
    )
    corpus = read_corpus(tmp_path, RUNTIME)
    assert corpus[ORIGINAL].tolist() == ["anna", "bert", "anna"]
    assert corpus[SOURCE].tolist() == ["passports", "unnamed", "passports"]
    assert corpus[PART].tolist() == ["train", "test", "train"]
    assert corpus["age"].tolist() == ["old", "young", "old"]


def test_a_photograph_with_a_number_for_a_name_is_the_same_told_or_not(tmp_path: Path) -> None:
    lay(tmp_path, "real/1.png", "real/2.png", "fake/gan/1.png", "fake/gan/2.png")
    (tmp_path / "labels.csv").write_text("file,original\nreal/1.png,1\nreal/2.png,2\n")
    corpus = read_corpus(tmp_path, RUNTIME)
    assert corpus[ORIGINAL].tolist() == ["1", "2", "1", "2"]
    assert (corpus.groupby(ORIGINAL)[PART].nunique() == 1).all()


def test_of_three_generators_one_is_calibrated_on_and_one_tested_on(tmp_path: Path) -> None:
    own = {one: one + "-{}" for one in ("a", "b", "c", "d")}  # images that nobody took
    corpus = many(tmp_path, own)
    of = {part: set(corpus[GENERATOR][corpus[PART] == part]) - {NOBODY} for part in (*Part, UNUSED)}
    assert sorted(map(len, of.values())) == [0, 1, 1, 2]
    assert (len(of[Part.TRAIN]), of[UNUSED]) == (2, set())
    assert set.union(*of.values()) == set("abcd")
    reals = corpus[corpus[LABEL] == REAL]
    assert reals[PART].value_counts().to_dict() == {"train": 10, "calibration": 8, "test": 2}


@pytest.mark.parametrize("generators", ["ab", "abc"])
def test_remade_images_bring_no_original_and_no_generator_into_a_part_that_knows_it(
    tmp_path: Path, generators: str
) -> None:
    corpus = many(tmp_path, dict.fromkeys(generators, "{}"))  # each real image remade by all
    used = corpus[corpus[PART] != UNUSED]
    assert used.groupby(ORIGINAL)[PART].nunique().max() == 1
    fitted = set(used[GENERATOR][used[PART] == Part.TRAIN]) - {NOBODY}
    later = set(used[GENERATOR][used[PART] != Part.TRAIN]) - {NOBODY}
    assert fitted
    assert later
    assert not fitted & later
    for part in Part:
        assert set(used[LABEL][used[PART] == part]) == {REAL, FAKE}
    assert corpus.attrs[NOTES] == []


def test_of_one_generator_it_is_said_that_none_is_held_out(tmp_path: Path) -> None:
    corpus = many(tmp_path, {"gan": "{}"})
    assert set(corpus[PART]) == set(Part)
    (note,) = corpus.attrs[NOTES]
    assert note.startswith("All made images are of one generator, 'gan': none can be held out")


def test_the_same_folder_and_seed_give_the_same_parts(tmp_path: Path) -> None:
    first = many(tmp_path, {"a": "{}", "b": "{}"})
    assert read_corpus(tmp_path, RUNTIME)[PART].tolist() == first[PART].tolist()
    other = read_corpus(tmp_path, Runtime(device="cpu", seed=1))
    assert other[PART].tolist() != first[PART].tolist()


def test_of_a_large_image_the_middle_is_kept_where_a_square_of_jpeg_begins(
    tmp_path: Path,
) -> None:
    lay(tmp_path, "real/a.png", "fake/b.png")
    ramp = np.tile(np.arange(410, dtype=np.uint16) // 2, (300, 1)).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "real" / "a.png")
    kept = read_corpus(tmp_path, RUNTIME)[IMAGE][0]
    assert kept.shape == (1, 256, 256)
    assert kept[0, 0, 0] == 72 // 2  # half of 410 - 256 is 77, and nine squares end at 72


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ("no column 'file' in .*labels.csv", "name\nreal/1.png\n"),
        ("names 'real/9.png', which is no image there.*'real/1.png'", "file\nreal/9.png\n"),
        ("names 'real/1.png' twice", "file,age\nreal/1.png,1\nreal/1.png,2\n"),
        ("has a column 'label', which the folders tell", "file,label\nreal/1.png,fake\n"),
        ("is 'empty' of some image; .*train, calibration", "file,part\nreal/1.png,test\n"),
        (
            "images of the original 'anna' in train and in test",
            "file,original,part\nreal/1.png,anna,train\nfake/2.png,anna,test\n",
        ),
    ],
)
def test_what_labels_csv_cannot_say_is_said(tmp_path: Path, told: str, labels: str) -> None:
    lay(tmp_path, "real/1.png", "fake/2.png")
    (tmp_path / "labels.csv").write_text(labels)
    with pytest.raises(DataError, match=told):
        read_corpus(tmp_path, RUNTIME)


def test_a_folder_that_is_none_or_lacks_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no folder .*nowhere"):
        read_corpus(tmp_path / "nowhere", RUNTIME)
    with pytest.raises(DataError, match="has no image in real/"):
        read_corpus(tmp_path, RUNTIME)
    with pytest.raises(DataError, match="has no image in fake/"):
        read_corpus(lay(tmp_path, "real/a.png"), RUNTIME)


def test_images_that_cannot_be_opened_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    lay(tmp_path, "real/a.png", "fake/b.png")
    (tmp_path / "real" / "broken.png").write_bytes(b"nothing")
    (tmp_path / "fake" / "cut.png").write_bytes((tmp_path / "fake" / "b.png").read_bytes()[:40])
    (tmp_path / "real" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")  # not left out
    with pytest.raises(DataError, match=r"3 of 5 images in .* cannot be opened.*real/broken.png"):
        read_corpus(tmp_path, RUNTIME)
