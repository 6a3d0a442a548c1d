import os
from pathlib import Path

import pytest

from auditkit.errors import UsageError
from auditkit.report import files
from auditkit.report.files import ensure_writable, write_report
from auditkit.report.html import report_from_html
from auditkit.report.json import dumps, loads
from tests.report.samples import empty, sample


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_the_folder_is_made_and_holds_both_files_and_nothing_else(tmp_path):
    path = write_report(sample(), tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "report.html"
    assert names(path.parent) == ["report.html", "report.json"]
    text = (path.parent / "report.json").read_text("utf-8")
    assert text == dumps(sample())
    assert dumps(loads(text)) == dumps(report_from_html(path.read_text("utf-8"))) == text


def test_files_can_be_read_by_whom_the_umask_says(tmp_path):
    path = write_report(empty(), tmp_path)
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_run_that_dies_leaves_the_old_report_and_no_rest(tmp_path, monkeypatch):
    write_report(empty(), tmp_path)
    before = {one: (tmp_path / one).read_bytes() for one in names(tmp_path)}

    def die(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(KeyboardInterrupt):
        write_report(sample(), tmp_path)
    assert {one: (tmp_path / one).read_bytes() for one in names(tmp_path)} == before


def test_a_format_that_cannot_be_drawn_writes_nothing(tmp_path, monkeypatch):
    def fail(report: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(files, "FORMATS", {".json": dumps, ".html": fail})
    with pytest.raises(ZeroDivisionError):
        write_report(empty(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("write", [lambda folder: write_report(empty(), folder), ensure_writable])
@pytest.mark.parametrize("kind", ["a file", "below a file", "too long", "null", "page is a folder"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, write, kind):
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    (tmp_path / "odd" / "report.html").mkdir(parents=True)
    folder = {
        "a file": tmp_path / "taken",
        "below a file": tmp_path / "taken" / "below",
        "too long": tmp_path / ("x" * 300),
        "null": f"{tmp_path}/a\0b",
        "page is a folder": tmp_path / "odd",
    }[kind]
    with pytest.raises(UsageError, match="cannot write the report to") as error:
        write(folder)
    assert "\n" not in str(error.value)
    assert "--out DIR" in str(error.value)
    assert names(tmp_path) == ["odd", "taken"]
    assert names(tmp_path / "odd") == ["report.html"]


def test_asking_whether_a_folder_can_be_written_leaves_nothing_behind(tmp_path):
    ensure_writable(tmp_path / "not" / "yet")
    assert names(tmp_path) == []
    ensure_writable(tmp_path)
    assert names(tmp_path) == []
