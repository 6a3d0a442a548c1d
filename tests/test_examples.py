"""Each example runs from first line to last."""

import runpy
import sys
from pathlib import Path

import pytest

from auditkit.data.catalogue import fetch
from auditkit.errors import FetchError

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_every_example_is_run_here():
    tested = {"audit_predictions.py", "measure_in_a_notebook.py"}
    assert {one.name for one in EXAMPLES.glob("*.py")} == tested


def test_measuring_in_a_notebook(monkeypatch, capsys):
    run("measure_in_a_notebook.py", monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert "gap 0.1" in out
    assert "broken" in out


@pytest.mark.network
def test_auditing_predictions(monkeypatch, capsys, tmp_path):
    try:
        fetch("compas")
    except FetchError as error:
        pytest.skip(str(error))
    run("audit_predictions.py", str(tmp_path), monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert "African-American" in out
    assert (tmp_path / "report.html").is_file()
