"""Files in, one row each out: in order, whatever is among them; and `auditkit detect` around it."""

import csv
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auditkit import cli, detecting
from auditkit.detecting import PASSED_OVER, UNREADABLE, Row, Tally, detect
from auditkit.detecting_text import lines, summary, written
from auditkit.detection.files import Detector, save_detector
from auditkit.detection.members.table import MEMBERS
from auditkit.errors import UsageError
from auditkit.runtime import Runtime, showing
from tests.detectors import planted_corpus, tiny_detector

RUNTIME = Runtime(device="cpu")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return tiny_detector()


@pytest.fixture(scope="module")
def saved(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_detector(tmp_path_factory.mktemp("detectors") / "tiny", detector))


@pytest.fixture(scope="module")
def images() -> dict[str, list[np.ndarray]]:
    corpus = planted_corpus(3, seed=9)
    return {str(label): list(rows) for label, rows in corpus.groupby("label")["image"]}


@pytest.fixture
def folder(tmp_path: Path, images: dict[str, list[np.ndarray]]) -> Path:
    """Three real images, and three made ones in a folder below."""
    (tmp_path / "made").mkdir()
    for place, (real, fake) in enumerate(zip(images["real"], images["fake"], strict=True)):
        Image.fromarray(real[0]).save(tmp_path / f"r{place}.png")
        Image.fromarray(fake[0]).save(tmp_path / "made" / f"f{place}.png")
    return tmp_path


def asked(paths: list[Path], detector: Detector, **options: float) -> list[Row]:
    return list(detect(paths, detector, RUNTIME, **options))


def names(rows: list[Row]) -> list[str]:
    return [Path(one.file).name for one in rows]


def test_files_are_answered_in_order_as_the_detector_answers(folder, images, detector) -> None:
    rows = asked([folder], detector)
    assert names(rows) == ["r0.png", "r1.png", "r2.png", "f0.png", "f1.png", "f2.png"]
    expected = detector.answers(images["real"] + images["fake"], RUNTIME)
    assert [one.answer for one in rows] == expected["answer"].tolist()
    assert [one.probability for one in rows] == pytest.approx(expected["probability"].tolist())
    assert [one.p_value for one in rows] == pytest.approx(expected["p_value"].tolist())
    assert rows[0].members == pytest.approx({name: expected[name][0] for name in MEMBERS})
    assert {one.size for one in rows} == {(32, 32)}
    assert Counter(one.answer for one in rows[3:])["fake"] >= 2


def test_why_says_what_the_answer_rests_on(folder, detector) -> None:
    rows = asked([folder], detector)
    fake = next(one for one in rows if one.answer == "fake")
    assert "members find it suspicious, most of all" in fake.why
    assert "at most 2.4 % of known real images look so suspicious" in fake.why


def test_many_batches_give_what_one_gives(folder, detector, monkeypatch) -> None:
    whole = asked([folder], detector)
    monkeypatch.setattr(detecting, "AT_ONCE", 2)
    parts = asked([folder], detector)
    assert [one.file for one in parts] == [one.file for one in whole]
    expected = pytest.approx([one.probability for one in whole], rel=1e-4)
    assert [one.probability for one in parts] == expected


def test_no_more_is_opened_than_was_asked_for(folder, detector, monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(detecting, "AT_ONCE", 2)
    real = detecting.open_picture
    monkeypatch.setattr(
        detecting, "open_picture", lambda path, where: opened.append(path) or real(path, where)
    )
    rows = detect([folder], detector, RUNTIME)
    assert not opened
    next(rows)
    assert len(opened) == 2


def test_a_broken_file_has_a_row_and_the_others_go_on(folder, detector) -> None:
    whole = (folder / "r0.png").read_bytes()
    (folder / "q.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("not an image")
    (folder / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + b"0" * 100)
    (folder / "picture").write_bytes(whole)  # by its bytes, whatever its name
    (folder / "up").symlink_to(folder)
    (folder / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(folder / "pipe.gif")
    rows = {Path(one.file).name: one for one in asked([folder], detector)}
    assert rows["q.png"].answer == UNREADABLE
    assert "cut off PNG file" in rows["q.png"].why
    assert rows["q.png"].probability is None
    assert rows["picture"].answer == rows["r0.png"].answer
    assert rows["notes.txt"].answer == rows["up"].answer == PASSED_OVER
    assert rows["loop.jpg"].answer == rows["pipe.gif"].answer == UNREADABLE
    assert rows["phone.HEIC"].answer == UNREADABLE  # a picture, and not one that was found real
    assert "no image of a format that is known here" in rows["phone.HEIC"].why
    assert len(rows) == 13


def test_what_the_user_names_is_never_passed_over(folder, detector) -> None:
    (folder / "notes.txt").write_text("not an image")
    rows = asked([folder / "notes.txt", folder / "gone", folder / "r0.png"], detector)
    assert [one.answer for one in rows][:2] == [UNREADABLE, UNREADABLE]
    assert "no such file" in rows[1].why
    assert rows[2].answer in ("real", "abstain")


def test_a_tiny_image_has_no_answer_and_no_numbers(tmp_path, detector) -> None:
    for width, height in ((1, 1), (15, 200), (300, 2)):
        Image.new("RGBA", (width, height)).save(tmp_path / "small.png")
        (row,) = asked([tmp_path], detector)
        assert (row.answer, row.probability, row.p_value) == ("abstain", None, None)
        assert row.why == (
            "too small: the shorter side has fewer than 16 pixels; transparent parts laid over "
            "white"
        )
        assert row.size == (width, height)


def test_progress_is_counted_to_its_end(folder, detector) -> None:
    told: list[object] = []

    class Bar:
        def __init__(self, label: str, total: int) -> None:
            told.append((label, total))

        def __enter__(self):
            return lambda: told.append("tick")

        def __exit__(self, *_: object) -> None:
            told.append("end")

    with showing(Bar):
        asked([folder], detector)
    assert told == [("images", 6), *["tick"] * 6, "end"]


@pytest.mark.parametrize("alpha", [0.0, 0.001, 1.0, float("nan")])
def test_an_alpha_that_cannot_be_kept_is_refused(folder, detector, alpha) -> None:
    with pytest.raises(UsageError, match="cannot be kept: calibrated on 40"):
        detect([folder], detector, RUNTIME, alpha=alpha)


def test_a_folder_with_nothing_in_it_is_refused(tmp_path, detector) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    with pytest.raises(UsageError, match="there is no file in"):
        detect([tmp_path], detector, RUNTIME)


EVIL = Row(
    file=os.fsdecode(b"=cmd\n\x1b[31m,\xff\"'.png"), answer="fake", why="=1+1", probability=1.0,
    p_value=1 / 3, size=(20, 10), members={"azimuthal": 2.5},
)  # fmt: skip
BLANK = Row(file="-a.png", answer=UNREADABLE, why="it is no file but a pipe: give an image")


def test_csv_is_one_line_a_row_and_no_formula() -> None:
    head, *body = lines([EVIL, BLANK], "csv")
    table = list(csv.DictReader(io.StringIO("\n".join([head, *body]))))
    assert table[0] == {
        "file": "'=cmd\\n\\x1b[31m,\\udcff\"'.png",
        "answer": "fake",
        "probability": "1.0",
        "p_value": "0.333333",
        "width": "20",
        "height": "10",
        "why": "'=1+1",
    }
    assert (table[1]["file"], table[1]["probability"], table[1]["width"]) == ("'-a.png", "", "")


def test_json_gives_back_the_very_name() -> None:
    first, second = (json.loads(one) for one in lines([EVIL, BLANK], "json"))
    assert first["file"] == EVIL.file
    assert os.fsencode(first["file"]).endswith(b"\xff\"'.png")
    assert first["members"] == {"azimuthal": 2.5}
    assert (second["probability"], second["width"]) == (None, None)
    assert all(one.isascii() and "\n" not in one for one in lines([EVIL, BLANK], "json"))


def test_the_table_is_aligned_and_steers_no_terminal() -> None:
    head, first, second = lines([EVIL, BLANK], "table")
    assert first == ("fake        >0.99   0.333       20x10  =cmd\\n\\x1b[31m,\\udcff\"'.png: =1+1")
    assert second.index("-a.png") == first.index("=cmd") == head.index("file: why")


def test_a_file_is_written_whole_or_not_at_all(tmp_path) -> None:
    def broken() -> Iterator[Row]:
        yield EVIL
        raise KeyboardInterrupt

    out = tmp_path / "out.csv"
    out.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        written(broken(), out, "csv")
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]
    assert out.read_text() == "before"
    written([EVIL, BLANK], out, "csv")
    assert len(out.read_text().splitlines()) == 3
    with pytest.raises(UsageError, match="cannot write"):
        written([], tmp_path / "gone" / "out.csv", "csv")


def test_the_summary_counts_and_says_what_is_not_promised(detector) -> None:
    tally = Tally()
    over = Row(file="notes.txt", answer=PASSED_OVER, why="")
    assert list(tally.counted([EVIL, BLANK, over])) == [EVIL, BLANK]
    told = list(summary(tally, detector, 0.05))
    assert told[0] == (
        "1 fake, 0 real, 0 without an answer, 1 unreadable; passed over, no images: 1, such as "
        "notes.txt"
    )
    assert '"fake" is said of at most 5 % of real images like those' in told[1]
    assert "meadow (40), sea (40); of others nothing is promised" in told[1]
    assert "limit: It was never tested on video." in told


def row(answer: str) -> Row:
    return Row(file="x", answer=answer, why="")


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (["real", "real", PASSED_OVER], 0),
        (["real", "abstain", "fake", UNREADABLE], 1),
        (["real", "abstain"], 3),
        (["real", UNREADABLE], 3),
        ([UNREADABLE], 2),
        ([PASSED_OVER], 2),
    ],
)
def test_the_exit_code_says_what_was_found(monkeypatch, saved, capsys, answers, code) -> None:
    monkeypatch.setattr(detecting, "detect", lambda *_, **__: map(row, answers))
    assert cli.run(["detect", "x", "--model", saved]) == code
    shown = capsys.readouterr().out.splitlines()[1:]
    assert len(shown) == len(answers) - answers.count(PASSED_OVER)


def test_the_command_answers_a_folder(folder, saved, capsys, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    assert cli.run(["detect", "made", "r0.png", "--model", saved, "--format", "json"]) == 1
    told = capsys.readouterr()
    found = [json.loads(one) for one in told.out.splitlines()]
    assert [one["file"] for one in found] == [*(f"made/f{i}.png" for i in range(3)), "r0.png"]
    assert "limit: It was never tested on diffusion models." in told.err
    assert cli.run(["detect", ".", "--model", saved, "--out", "rows.csv", "--format", "csv"]) == 1
    assert capsys.readouterr().out == "rows.csv\n"
    assert len(Path("rows.csv").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--format", "xml"], "no format 'xml'; there are table, json, csv"),
        (["--out", "gone/rows.csv"], "its folder does not exist"),
        (["--alpha", "2"], "alpha 2 cannot be kept"),
        (["--model", "nowhere"], "no detector in nowhere"),
    ],
)
def test_wrong_use_is_one_line(folder, saved, capsys, monkeypatch, options, told) -> None:
    monkeypatch.chdir(folder)
    model = [] if "--model" in options else ["--model", saved]
    assert cli.run(["detect", "r0.png", *model, *options]) == 2
    seen = capsys.readouterr()
    assert (seen.out, seen.err.count("\n")) == ("", 1)
    assert told in seen.err


@pytest.mark.parametrize("out", [None, "rows.csv"])
def test_what_was_answered_is_not_lost_when_interrupted(
    folder, saved, capsys, monkeypatch, out
) -> None:
    def interrupted(*_: object, **__: object) -> Iterator[Row]:
        yield from (row("real"), row("real"))
        raise KeyboardInterrupt

    monkeypatch.chdir(folder)
    monkeypatch.setattr(detecting, "detect", interrupted)
    options = [] if out is None else ["--out", out]
    assert cli.run(["detect", ".", "--model", saved, "--format", "csv", *options]) == 130
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == (3 if out is None else 0)
    assert told.err.startswith("auditkit: interrupted after 2 files; ")
    assert not Path("rows.csv").exists()


def test_a_name_that_standard_output_cannot_spell_loses_no_row(saved, monkeypatch) -> None:
    told = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(told, encoding="ascii"))
    named = Row(file="größe.png", answer="real", why="")
    monkeypatch.setattr(detecting, "detect", lambda *_, **__: iter([named, row("real")]))
    with pytest.raises(SystemExit):
        cli.main(["detect", "x", "--model", saved])
    sys.stdout.flush()
    assert [one.split()[-1] for one in told.getvalue().splitlines()[1:]] == [
        b"gr\\xf6\\xdfe.png:",
        b"x:",
    ]


def test_rows_come_out_one_by_one(saved, monkeypatch) -> None:
    seen: list[str] = []

    class Terminal(io.StringIO):
        def flush(self) -> None:
            seen.append(self.getvalue())

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(detecting, "detect", lambda *_, **__: map(row, ["real", "fake"]))
    cli.run(["detect", "x", "--model", saved])
    assert [one.count("\n") for one in seen][:3] == [1, 2, 3]
