"""`--compare activation=relu,sigmoid`: the same training with other values of one choice."""

import json
from pathlib import Path

import pytest

from auditkit import cli
from auditkit.models.files import load


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_activations_are_trained_alike_and_the_report_compares_their_idle_units(here):
    command = ["train", "fnn", "--data", "diabetes", "--epochs", "4", "--out", "m"]
    assert cli.run([*command, "--compare", "activation=relu,sigmoid,tanh"]) == 0
    card = load(Path("m")).card
    found = card.comparison
    assert [one.value for one in found.variants] == ["relu", "sigmoid", "tanh"]
    assert found.metric == "R²"
    kept = card.training.history[card.training.best_epoch - 1]
    own = found.variants[0]
    assert own.dead_units == kept.dead_units, "the checkpoint's own training is not repeated"
    assert own.seconds == card.training.seconds
    assert len({one.score for one in found.variants}) == 3, "each was trained"
    assert found.variants[1].dead_units == 0, "a sigmoid has no floor at 0 to die on"
    assert cli.run(["report", "m", "--out", "r"]) in (0, 1, 3)
    report = json.loads(Path("r/report.json").read_text())
    idle = next(one for one in report["results"] if one["name"] == "dead-units")
    assert [one["title"] for one in idle["sections"]] == ["What activation does"]
    drawn = idle["sections"][0]["views"]
    assert {one["kind"] if "kind" in one else one["type"] for one in drawn} == {
        "bars",
        "intervals",
        "table",
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("activation", "name=value,value"),
        ("activation=relu", "name=value,value"),
        ("activation=relu,nonsense", "'nonsense'"),
        ("nonsense=1,2", "unknown --set 'nonsense'"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(here, capsys, asked, said):
    assert cli.run(["train", "fnn", "--data", "diabetes", "--compare", asked]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not list(here.iterdir())


@pytest.mark.parametrize("asked", [["--learning-curve"], ["--compare", "width=4,8"]])
def test_generators_are_not_compared_without_a_judge(here, capsys, asked):
    assert cli.run(["train", "gan", "--data", "digits", *asked]) == 2
    err = capsys.readouterr().err
    assert "--judge" in err
    assert err.count("\n") == 1
    assert not list(here.iterdir())


def test_a_judge_has_learned_from_the_same_rows_as_the_generator_and_no_others(here, capsys):
    small = ["--epochs", "1", "--set", "width=4"]
    assert cli.run(["train", "cnn", "--data", "digits", "--out", "same", *small]) == 0
    assert (
        cli.run(["train", "cnn", "--data", "digits", "--out", "other", "--seed", "1", *small]) == 0
    )
    assert cli.run(["train", "gan", "--data", "digits", "--out", "g", *small]) == 0
    assert cli.run(["report", "g", "--judge", "same", "--out", "r"]) in (0, 1, 3)
    report = json.loads(Path("r/report.json").read_text())
    made = next(one for one in report["results"] if one["name"] == "generation")
    assert made["findings"], "with a judge the images are judged"
    capsys.readouterr()
    assert cli.run(["report", "g", "--judge", "other", "--out", "r2"]) == 2
    assert "has learned from test images" in capsys.readouterr().err
