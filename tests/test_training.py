"""From a name and a recipe to a checkpoint: precedence of choices, and the learning curve."""

from pathlib import Path

import numpy as np
import pytest

from auditkit.errors import ConfigError, UsageError
from auditkit.models import files
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.presets import PRESETS
from auditkit.results import Status
from auditkit.runner import run_checks
from auditkit.runtime import Runtime
from auditkit.subject import Subject
from auditkit.training import TrainingData, _counted, plan_of, train_checkpoint
from tests.media import rows

FEATURES = ("merit", "noise", "branch")


def test_what_is_given_comes_before_the_preset_and_the_preset_before_the_defaults():
    preset = PRESETS["fnn", "diabetes"]["quick"]
    plan = plan_of("fnn", "diabetes", "quick", {"learning_rate": 0.5, "width": 8, "bins": 9})
    assert (plan.recipe.learning_rate, plan.options.width, plan.coding.bins) == (0.5, 8, 9)
    assert plan.recipe.epochs == preset.recipe.epochs
    assert plan.options.depth == preset.options["depth"]
    assert plan.engine == preset.engine
    assert plan_of("fnn", "people.csv", "quick").recipe.epochs == 30, "the plain default"


def test_dashes_are_underscores_and_every_part_can_be_set():
    given = {"batch-size": 7, "memory_mb": 3, "channels-last": False}
    plan = plan_of("cnn", "digits", "quick", given)
    assert (plan.recipe.batch_size, plan.engine.memory_mb) == (7, 3)
    assert not plan.engine.channels_last


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"widht": 3}, "unknown --set 'widht' of fnn;.*did you mean 'width'"),
        ({"latent": 3}, "unknown --set 'latent' of fnn"),
        ({"width": 1.5}, "whole number"),
        ({"flip": 1}, "true or false"),
    ],
    ids=str,
)
def test_a_choice_that_is_none_is_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        plan_of("fnn", "adult", "quick", given)
    with pytest.raises(UsageError, match="no preset 'best'"):
        plan_of("fnn", "adult", "best")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkpoint with a learning curve, of a small file."""
    folder = tmp_path_factory.mktemp("curve")
    rows(1200).frame.to_csv(folder / "people.csv", index=False)
    data = TrainingData(
        name=str(folder / "people.csv"), target="label", positive="1", features=FEATURES
    )
    plan = plan_of(
        "fnn", data.name, "quick", {"epochs": 2, "width": 16, "embedding": 4, "batch_size": 64}
    )
    done = train_checkpoint(
        plan, data, folder / "out", runtime=Runtime(device="cpu"), learning_curve=True
    )
    return done, data, folder / "out"


def test_the_curve_has_five_points_of_rising_rows_and_ends_in_the_model_itself(made):
    done, _, out = made
    curve = files.load(out).card.curve
    assert curve == done.card.curve
    assert (curve.metric, curve.higher, curve.ideal) == ("accuracy", True, 1.0)
    counts = np.array([one.rows for one in curve.points])
    assert counts / counts[-1] == pytest.approx([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1], rel=0.05)
    assert counts[-1] == pytest.approx(0.85 * 900, abs=2)  # the rest chose the epoch
    last, score = curve.points[-1], done.scores["accuracy"]
    assert (last.score, (last.low, last.high)) == (score.value, score.interval)
    assert all(one.low <= one.score <= one.high for one in curve.points)
    assert all(one.seconds > 0 for one in curve.points)
    assert curve.errors == [1 - one.score for one in curve.points]


def test_the_score_that_counts_is_the_presets_own_and_else_the_first():
    plan = plan_of("gru", "clothing-reviews", "quick")
    assert _counted(plan, {"accuracy": "a", "AUC": "b"}) == ("AUC", "b")
    assert _counted(plan, {"accuracy": "a"}) == ("accuracy", "a")


def test_the_report_tells_of_the_hunger_for_data(made):
    _, data, out = made
    card = files.load(out).card
    runtime = Runtime(device="cpu")
    model = CheckpointModel(checkpoint=files.load(out), runtime=runtime, name="m")
    subject = Subject(predictor=model, table=data.table(), train=None, card=card, runtime=runtime)
    (hunger,) = (one for one in run_checks(subject).results if one.rule == "AK405")
    assert hunger.status is Status.MEASURED
    metrics = [one.metric for one in hunger.findings]
    assert metrics == ["exponent of the learning curve", "gain from ten times the rows"]


def test_nothing_else_is_left_beside_the_checkpoint(made):
    assert {one.name for one in Path(made[2]).iterdir()} == {files.WEIGHTS, files.CARD}
