"""Each example runs from first line to last."""

import re
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
    tested = {
        "audit_predictions.py",
        "measure_in_a_notebook.py",
        "probe_a_pretrained_encoder.py",
        "reweigh_and_train_again.py",
        "see_attention_weights.py",
        "train_a_small_cnn.py",
        "train_with_a_constraint.py",
    }
    assert {one.name for one in EXAMPLES.glob("*.py")} == tested


def test_measuring_in_a_notebook(monkeypatch, capsys):
    run("measure_in_a_notebook.py", monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert "gap 0.1" in out
    assert "broken" in out


def fetched(name: str) -> None:
    try:
        fetch(name)
    except FetchError as error:
        pytest.skip(str(error))


def test_training_a_small_cnn(monkeypatch, capsys, tmp_path):
    run("train_a_small_cnn.py", str(tmp_path), monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    right = re.search(r"right class for ([\d.]+) % of 450 rows", out)
    assert right is not None
    assert float(right[1]) > 90
    assert (tmp_path / "report.html").is_file()


@pytest.mark.network
def test_seeing_attention_weights(monkeypatch, capsys):
    fetched("names")
    run("see_attention_weights.py", "Maria", "Mario", monkeypatch=monkeypatch)
    maria, shares, mario, _ = capsys.readouterr().out.splitlines()
    assert float(maria.split()[-1]) > float(mario.split()[-1]) + 0.2  # the last letter tells
    assert sum(map(float, shares.split()[1::2])) == pytest.approx(1, abs=0.03)


@pytest.mark.network
def test_auditing_predictions(monkeypatch, capsys, tmp_path):
    fetched("compas")
    run("audit_predictions.py", str(tmp_path), monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert "African-American" in out
    assert (tmp_path / "report.html").is_file()


@pytest.mark.network
def test_probing_a_pretrained_encoder(monkeypatch, capsys, tmp_path):
    fetched("clothing-reviews")
    fetched("minilm")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    run("probe_a_pretrained_encoder.py", "240", str(tmp_path), monkeypatch=monkeypatch)
    recommended, age, finding, path = capsys.readouterr().out.splitlines()
    assert recommended.startswith("recommended: readable")
    layer, last, twin, words = map(float, re.findall(r"0\.\d\d", recommended))
    assert layer >= last > 0.7
    assert layer > max(twin, words)
    assert age.startswith("age: ")
    assert finding.startswith("recommended is read best from minilm.layers")
    assert Path(path).is_file()


@pytest.mark.network
def test_reweighing_halves_the_gap_and_costs_a_point(monkeypatch, capsys):
    fetched("adult")
    run("reweigh_and_train_again.py", monkeypatch=monkeypatch)
    before, after = (
        list(map(float, re.findall(r"[-+]?\d\.\d{3}", line)))
        for line in capsys.readouterr().out.splitlines()
    )
    assert before[0] - 0.02 < after[0] < before[0]  # accuracy
    assert after[3] < before[2]  # the gap's interval ends below where the other begins
    assert before[5] > 0 > after[5] - 0.01  # nothing is left of the amplification


@pytest.mark.filterwarnings("ignore:Setting an? ")  # of pandas, to fairlearn
@pytest.mark.network
def test_a_constraint_closes_its_own_gap_and_not_the_other(monkeypatch, capsys):
    fetched("adult")
    run("train_with_a_constraint.py", monkeypatch=monkeypatch)
    plain, parity, odds = (
        list(map(float, re.findall(r"\d\.\d{3}", line)))
        for line in capsys.readouterr().out.splitlines()
    )
    assert parity[3] < plain[2]
    assert odds[4] < parity[4]
    assert min(parity[0], odds[0]) > plain[0] - 0.04
