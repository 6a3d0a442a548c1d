"""A whole fairness section rarely fails anybody wrongly, and finds what was planted."""

import numpy as np
import pytest

from auditkit.statistics.multiplicity import holm
from benchmarks.coverage_audits import POPULATIONS, Population, audit, simulate
from benchmarks.coverage_strata import STRATA

BY_TITLE = {one.title: one for one in POPULATIONS}
AT_THE_LIMIT = BY_TITLE["2,000 rows, every gap at its limit"]
EVEN = BY_TITLE["1,000 rows, no gap"]
PLANTED = next(one for one in POPULATIONS if one.planted == 2)


@pytest.mark.parametrize("population", [EVEN, AT_THE_LIMIT], ids=lambda one: one.title)
def test_some_finding_fails_wrongly_in_few_audits(population: Population):
    assert simulate(population, 10)["Holm"] <= 0.1


def test_a_gap_of_twice_the_detectable_size_is_found():
    assert simulate(PLANTED, 8)["Holm"] >= 0.85


def test_the_correction_only_ever_asks_for_more():
    rng = np.random.default_rng(1)
    least = [audit(AT_THE_LIMIT.tables(rng), rng)["p"] for _ in range(5)]
    assert all(holm(p).min() >= p.min() for p in least)
    assert all((holm(p) > p).any() for p in least)


@pytest.mark.parametrize("setting", [STRATA[3], STRATA[7]], ids=lambda one: one.title)
def test_intervals_of_standardised_rates_hold(setting):
    rng = np.random.default_rng(0)
    held = np.mean([setting.holds(rng) for _ in range(60)])
    assert held >= 0.94 - 2 * (0.94 * 0.06 / 60) ** 0.5
