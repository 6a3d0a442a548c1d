"""Pages that the command itself wrote, from hostile columns and from a trained network."""

from pathlib import Path

import pytest

from auditkit import cli
from auditkit.report.html import report_from_html
from tests.browser.test_page import LOCAL
from tests.report.samples import NASTY
from tests.subjects import gap_of

TEXT = "return document.body.textContent"


def reread(folder: str):
    return report_from_html(Path(folder, "report.html").read_text(encoding="utf-8"))


def shown(chromium, report, **how) -> None:
    chromium.open(report, **how)
    chromium.draw_all()
    drawn = chromium.run(
        "return [document.querySelectorAll('.plot').length,"
        " document.querySelectorAll('.plot svg.main-svg').length > 0]"
    )
    assert drawn[0] > 0
    assert drawn[1]
    assert chromium.complaints() == []
    assert [one for one in chromium.requests() if not one.startswith(LOCAL)] == []


def test_a_table_of_hostile_names_stays_inert_from_file_to_page(chromium, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    column, target = f"group {NASTY}", f"label {NASTY}"
    frame = gap_of(0.2, n=600).rename(columns={"group": column, "label": target})
    frame[column] = frame[column] + NASTY
    frame = frame.rename(columns={"merit": f"merit {NASTY}"})
    frame.to_csv("answers.csv", index=False)
    Path("audit.toml").write_text(f"title = '{NASTY}'\n", encoding="utf-8")
    command = ["report", "--predictions", "answers.csv", "--target", target, "--out", "made"]
    command += ["--prediction", "prediction", "--sensitive", column, "--config", "audit.toml"]
    assert cli.run(command) == 1
    shown(chromium, reread("made"))
    assert chromium.run("return document.images.length") == 0
    text = chromium.run(TEXT)
    for name in (f"A{NASTY}", f"B{NASTY}", column, target):
        assert name in text
    assert chromium.run("return document.querySelector('h1').textContent") == NASTY


@pytest.mark.parametrize("width", [1400, 400])
def test_a_trained_networks_report_is_drawn_without_a_complaint(
    chromium, tmp_path, monkeypatch, width
):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["train", "fnn", "--data", "breast-cancer", "--epochs", "3", "--out", "m"]) == 0
    cli.run(["report", "m", "--sensitive", "mean radius", "--out", "made"])
    shown(chromium, reread("made"), width=width)
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    assert "mean radius" in chromium.run(TEXT)
    assert "Loss by epoch" in chromium.run(TEXT)
