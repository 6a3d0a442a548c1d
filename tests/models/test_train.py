import math
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
import torch

from auditkit.errors import UsageError
from auditkit.models.recipe import Engine
from auditkit.models.train import energy_of, hardware, train
from auditkit.runtime import Runtime
from tests.media import SOURCE, images, plan


def codecarbon(monkeypatch, told: list, data: object) -> None:
    """A codecarbon that measures nothing and keeps what it was told."""

    class OfflineEmissionsTracker:
        final_emissions_data = None

        def __init__(self, **given):
            told.append(given)

        def start(self):
            told.append("start")

        def stop(self):
            told.append("stop")
            self.final_emissions_data = data

    module = ModuleType("codecarbon")
    module.OfflineEmissionsTracker = OfflineEmissionsTracker
    monkeypatch.setitem(sys.modules, "codecarbon", module)


def test_without_codecarbon_it_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with (
        pytest.raises(
            UsageError, match=r"needs codecarbon: pip install 'auditkit\[energy\]'"
        ) as told,
        energy_of(Engine(energy=True)),
    ):
        pass
    assert "\n" not in str(told.value)


def test_nothing_is_asked_of_it_unless_it_is_wanted(monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with energy_of(Engine()) as found:
        pass
    assert found == []


def test_kilowatt_hours_are_there_when_the_block_ends_and_nothing_is_sent(monkeypatch):
    told = []
    codecarbon(monkeypatch, told, SimpleNamespace(energy_consumed=0.25))
    with energy_of(Engine(energy=True, country="FRA")) as found:
        assert found == []
        assert told[1:] == ["start"]
    assert found == [0.25]
    assert told[2:] == ["stop"]
    assert told[0]["country_iso_code"] == "FRA"
    assert not told[0]["save_to_file"]
    assert not told[0]["save_to_api"]


def test_a_tracker_that_could_not_watch_leaves_no_number(monkeypatch):
    codecarbon(monkeypatch, [], None)
    with energy_of(Engine(energy=True)) as found:
        pass
    assert math.isnan(found[0])


def test_a_training_that_fails_stops_the_tracker(monkeypatch):
    told = []
    codecarbon(monkeypatch, told, SimpleNamespace(energy_consumed=1.0))
    with pytest.raises(ZeroDivisionError), energy_of(Engine(energy=True)):
        raise ZeroDivisionError
    assert told[-1] == "stop"


def test_what_computes_is_said_in_words():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert hardware("cpu").startswith("2 threads on ")
        torch.set_num_threads(1)
        assert hardware("cpu").startswith("1 thread on ")
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("last", [True, False])
def test_kernels_of_images_lie_in_memory_as_the_engine_says(last):
    asked = replace(plan("cnn"), engine=Engine(channels_last=last))
    model, _ = train(asked, images(), source=SOURCE, runtime=Runtime(device="cpu"))
    kernel = next(one for one in model.stage2.parameters() if one.ndim == 4)
    assert kernel.is_contiguous(memory_format=torch.channels_last) == last
    assert kernel.is_contiguous() != last
