"""Each architecture trains a step, saves, reloads to equal outputs, is exported, is audited."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from auditkit import explained
from auditkit.data.schema import Medium
from auditkit.data.tables import split
from auditkit.errors import ModelError, UsageError
from auditkit.models import files
from auditkit.models.base import ARCHITECTURES, fed
from auditkit.models.batches import Batch
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.exporting import export_network
from auditkit.models.objectives import objective_of
from auditkit.models.preparation import part_of
from auditkit.models.presets import PRESETS, preset_of
from auditkit.models.recipe import Engine
from auditkit.results import Status
from auditkit.runner import run_checks
from auditkit.runtime import Runtime
from auditkit.scores import SCORES, scores
from auditkit.subject import Subject
from auditkit.training import plan_of
from tests.media import TABLES, images, trained

NAMES = list(ARCHITECTURES)
ANSWERED = {"transduction", "language", "performance", "class-performance", "generation"}


def shown(model, card, table, *, rows: int, start: int = 0) -> tuple[torch.Tensor, ...]:
    """What the network's forward takes for some rows of a table."""
    frame = table.frame.iloc[start : start + rows]
    part = part_of(frame, table, card.head, card.encoder, Engine(), "cpu")
    batch = next(iter(part.batches([np.arange(min(rows, len(part)))])))
    objective = objective_of(card.head, smoothing=0.0)
    ready = Batch(inputs=fed(batch.inputs, "cpu"), targets=batch.targets)
    torch.manual_seed(0)
    return objective.shown(model, ready)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each architecture trained once for this module, by name: network, card and folder."""
    folder = tmp_path_factory.mktemp("checkpoints")
    found = {}

    def get(name: str):
        if name not in found:
            model, card = trained(name)
            found[name] = (model, card, files.save(folder / name, model, card))
        return found[name]

    return get


def test_every_architecture_has_a_planted_table_to_learn_from():
    assert set(NAMES) == set(TABLES)


@pytest.mark.parametrize("name", NAMES)
def test_it_saves_and_reloads_to_equal_outputs(name, made):
    model, card, folder = made(name)
    loaded = files.load(folder)
    inputs = shown(model, card, TABLES[name](), rows=4)
    with torch.no_grad():
        assert torch.equal(model(*inputs), loaded.model(*inputs))
    # NaN is unlike itself: cards are compared as they are written.
    sealed = {**card.to_dict(), "weights_sha256": loaded.card.weights_sha256}
    assert json.loads(json.dumps(sealed)) == json.loads(json.dumps(loaded.card.to_dict()))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_exported_with_equal_outputs_for_any_number_of_rows(name, made):
    model, card, _ = made(name)
    table = TABLES[name]()
    inputs = shown(model, card, table, rows=4)
    program = export_network(model, inputs).module()
    with torch.no_grad():
        for count in (4, 2, 3):
            some = tuple(one[:count] for one in inputs)
            torch.testing.assert_close(program(*some), model(*some), rtol=1e-4, atol=1e-5)


@pytest.fixture
def briefly(monkeypatch):
    """Explanations are judged and weighed on few rows: here they must run, not be sure."""
    for name in ("JUDGED_ON", "WEIGHED_ON"):
        monkeypatch.setattr(explained, name, dict.fromkeys(Medium, 5))


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize("name", NAMES)
def test_it_is_audited_by_every_check_that_applies_and_the_rest_say_why(name, made):
    _, card, folder = made(name)
    table = TABLES[name]()
    train, test = split(table, seed=0)
    runtime = Runtime(device="cpu")
    judge = None
    if name.endswith("gan"):
        judge = CheckpointModel(
            checkpoint=files.load(made("cnn")[2]), runtime=runtime, name="judge"
        )
    subject = Subject(
        predictor=CheckpointModel(checkpoint=files.load(folder), runtime=runtime, name=name),
        table=test,
        train=train,
        card=card,
        runtime=runtime,
        judge=judge,
    )
    report = run_checks(subject)
    broken = [(one.name, one.reason) for one in report.results if one.status is Status.BROKEN]
    assert not broken
    idle = [one for one in report.results if one.status is Status.NOT_APPLICABLE]
    assert all(len(one.reason.split()) > 2 for one in idle), "each says why"
    ran = {one.name for one in report.results} - {one.name for one in idle}
    assert len(ran & ANSWERED) == 1, "one check says whether it works"
    assert {"cost", "training-course"} <= ran
    found = scores(subject)
    assert found
    assert set(found) <= set(SCORES)


@pytest.mark.parametrize("pair", list(PRESETS), ids="-".join)
def test_every_preset_fits_its_network_and_its_score_is_one_that_is_measured(pair):
    for name, preset in PRESETS[pair].items():
        plan = plan_of(*pair, name)
        assert plan.recipe == preset.recipe
        assert preset.metric in SCORES


def test_a_full_preset_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="has no full preset: use quick"):
        preset_of("cnn", "digits", "full")


def test_a_checkpoint_of_another_architecture_is_refused(made, tmp_path):
    model, _, _ = made("cnn")
    _, card, _ = made("fnn")
    with pytest.raises(ModelError, match="do not fit"):
        files.load(files.save(tmp_path / "mixed", model, card))


def test_images_of_another_size_are_refused_with_both_sizes(made):
    _, _, folder = made("cnn")
    predictor = CheckpointModel(
        checkpoint=files.load(folder), runtime=Runtime(device="cpu"), name="m"
    )
    with pytest.raises(Exception, match=r"row 1 .* is 12 x 12 .* takes 8 x 8 with 1 channel"):
        predictor.outputs(images(4, side=12).frame)


def test_a_judge_must_be_a_classifier_of_such_images(made):
    _, card, _ = made("gan")
    runtime = Runtime(device="cpu")
    for name in ("fnn", "gan"):
        judge = CheckpointModel(checkpoint=files.load(made(name)[2]), runtime=runtime, name="judge")
        with pytest.raises(UsageError, match="cannot judge images"):
            judge.require_judge(card.encoder)
    judge = CheckpointModel(checkpoint=files.load(made("cnn")[2]), runtime=runtime, name="judge")
    judge.require_judge(card.encoder)
    with pytest.raises(UsageError, match=r"not \(1, 9, 8\)"):
        judge.require_judge(replace(card.encoder, height=9))
