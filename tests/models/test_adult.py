"""The reference on real data: in full when asked for, on a GPU where there is one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from auditkit import cli
from auditkit.data import catalogue
from auditkit.data.catalogue import fetch
from auditkit.data.tables import split
from auditkit.errors import FetchError
from auditkit.models.recipe import Recipe
from auditkit.models.train import train
from auditkit.runtime import Runtime
from auditkit.training import plan_of
from tests.media import SOURCE, rows, trained


@pytest.fixture
def adult():
    try:
        fetch("adult")
    except FetchError as error:
        pytest.skip(str(error))


@pytest.mark.network
def test_a_short_training_is_audited_end_to_end(adult, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["train", "fnn", "--data", "adult", "--epochs", "2", "--out", "made"]) == 0
    assert cli.run(["report", "made"]) == 1
    report = json.loads(Path("reports/made/report.json").read_text())
    assert report["data"]["audited rows"] == 16_281
    assert report["data"]["training rows"] == 32_561
    by_name = {one["name"]: one for one in report["results"]}
    assert by_name["performance"]["findings"][0]["value"] > 0.83
    gap = by_name["demographic-parity"]["findings"][0]
    assert (
        gap["where"] | {"lowest": "Female", "highest": "Male", "column": "gender"} == gap["where"]
    )
    assert gap["interval"][0] > 0.1 > 5 * gap["null"]
    # What is known of these data: women are given the higher income a third as often as men.
    ratio = by_name["demographic-parity"]["findings"][1]
    assert 0.2 < ratio["value"] < 0.45
    assert not [one for one in report["results"] if one["status"] == "broken"]
    assert Path("reports/made/report.html").stat().st_size <= 2_500_000


@pytest.mark.slow
@pytest.mark.network
def test_the_mean_accuracy_of_three_seeds_is_at_least_860(adult):
    fitting, test = split(catalogue.load("adult"), seed=0)
    found = []
    for seed in range(3):
        plan = plan_of("fnn", "adult", "quick")
        model, card = train(plan, fitting, source=SOURCE, runtime=Runtime(seed=seed))
        found.append(accuracy_on(model, card, test))
    assert np.mean(found) >= 0.860


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_trains_as_well_as_two_cores_do():
    recipe = Recipe(epochs=4, batch_size=64)
    on_cpu = accuracy_on(*trained(recipe=recipe), rows())
    model, card = trained(recipe=recipe, device="cuda")
    assert card.training.device == "cuda"
    assert next(model.parameters()).device.type == "cpu", "a trained model comes back to the CPU"
    assert accuracy_on(model, card, rows()) == pytest.approx(on_cpu, abs=0.03)


def accuracy_on(model, card, table) -> float:
    from auditkit.data.tables import labels

    with torch.no_grad():
        logits = model(*map(torch.from_numpy, card.encoder.arrays(table.frame)))
    return float(np.mean((logits.numpy() > 0) == labels(table.frame, table.schema)))
