"""The pruned search finds what trying every slice finds, and tells each thing once."""

from itertools import combinations
from math import comb, log

import numpy as np
import pytest
from scipy.stats import norm

from auditkit.bias.subgroups import lattice
from auditkit.bias.subgroups.lattice import BEYOND, different, members_of, search


def random_rows(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Conditions of a few columns, and losses (0 and 1, or numbers) that two of them raise."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 11))
    columns = np.sort(rng.integers(0, 5, k))
    rows = rng.random((k, n)) < rng.uniform(0.1, 0.9, (k, 1))
    planted = rows[0] & rows[-1]
    if seed % 2:
        return rows, columns, (rng.random(n) < 0.1 + 0.4 * planted).astype(float)
    return rows, columns, np.clip(rng.gamma(1, 0.1, n) + 0.2 * planted, 0, 1)


def every_slice(
    rows: np.ndarray, columns: np.ndarray, loss: np.ndarray, least: int
) -> dict[tuple[int, ...], float]:
    """Scores by trying all, with the formula written out."""
    n = len(loss)
    kept = [i for i, one in enumerate(rows) if least <= one.sum() <= n - least]
    mean, found = loss.mean(), {}
    phi = loss.var() / (mean * (1 - mean))
    for d in (1, 2, 3):
        price = norm.isf(1 / (1 + comb(len(kept), d))) ** 2 / 2
        for members in combinations(kept, d):
            met = rows[list(members)].all(axis=0)
            inside, p = met.sum(), loss[met].mean() if met.any() else 0.0
            if (
                len(set(columns[list(members)])) < d
                or not least <= inside <= 2 * n / 3
                or p <= mean
            ):
                continue
            rest = (1 - p) * log((1 - p) / (1 - mean)) if p < 1 else 0.0
            score = inside * (p * log(p / mean) + rest) / phi - price
            if score > 0 and all(
                worse(rows[list(larger)].all(axis=0), met, loss)
                for larger in combinations(members, d - 1)
                if larger
            ):
                found[members] = score
    return found


def worse(larger: np.ndarray, met: np.ndarray, loss: np.ndarray) -> bool:
    whole, part = loss[larger], loss[met]
    share = len(part) / len(whole)
    error = np.sqrt(whole.var() * len(part) * (1 - share))
    return bool(share < 1 and part.sum() - len(part) * whole.mean() > BEYOND * error)


@pytest.mark.parametrize("seed", range(24))
def test_pruning_loses_nothing(seed: int):
    rows, columns, loss = random_rows(seed)
    ranked = search(rows, columns, loss, np.ones(len(rows)), most_conditions=3, least=20)
    found = {
        tuple(int(one) for one in members if one >= 0): score
        for members, score in zip(ranked.members, ranked.scores, strict=True)
    }
    assert found == pytest.approx(every_slice(rows, columns, loss, 20), rel=1e-3, abs=1e-3)
    assert np.all(np.diff(ranked.scores) <= 0)


def test_nothing_above_the_bound_lies_within_a_slice():
    rng = np.random.default_rng(1)
    rows, columns, loss = random_rows(1, n=400)
    ranked = search(rows, columns, loss, np.ones(len(rows)), most_conditions=1, least=10)
    one = np.ones(1)
    for _ in range(200):
        larger = rng.random(400) < rng.uniform(0.1, 0.5)
        smaller = larger & (rng.random(400) < np.where(loss > 0, 0.9, rng.uniform(0.05, 0.9)))
        four = (larger, loss[larger], smaller, loss[smaller])
        n, total, part, lost = (np.array([float(each.sum())]) for each in four)
        assert ranked.scale.score(part, lost, 3, one) <= ranked.scale.bound(n, total, 3, one) + 1e-9


def test_a_slice_and_its_parts_are_told_once_and_another_beside_it():
    rng = np.random.default_rng(2)
    n = 4000
    rows = rng.random((6, n)) < 0.3
    loss = (rng.random(n) < 0.05 + 0.4 * (rows[0] & rows[1]) + 0.4 * rows[4]).astype(float)
    ranked = search(rows, np.arange(6), loss, np.ones(len(rows)), most_conditions=3, least=40)
    chosen = different(rows, loss, np.ones(len(rows)), ranked, most=10)
    assert {tuple(one) for one in chosen[:2].tolist()} == {(4, -1, -1), (0, 1, -1)}
    assert len(chosen) <= 3


def test_one_column_stands_once_in_a_slice_and_a_slice_holds_at_most_two_thirds():
    rng = np.random.default_rng(3)
    rows = rng.random((4, 1200)) < 0.75
    loss = (rng.random(1200) < np.where(rows[1] & rows[2], 0.6, 0.1)).astype(float)
    ranked = search(
        rows, np.array([0, 0, 1, 2]), loss, np.ones(len(rows)), most_conditions=3, least=20
    )
    assert ranked.members[0].tolist() == [1, 2, -1]
    assert not any({0, 1} <= set(one) for one in ranked.members.tolist())
    assert members_of(rows, ranked.members).sum(axis=1).max() <= 800


def test_of_too_many_conditions_those_that_tell_most_are_searched(monkeypatch):
    monkeypatch.setattr(lattice, "MOST_CONDITIONS_SEARCHED", 5)
    rng = np.random.default_rng(4)
    rows = rng.random((30, 2000)) < 0.2
    loss = (rng.random(2000) < 0.1 + 0.4 * rows[17]).astype(float)
    ranked = search(rows, np.arange(30), loss, np.ones(len(rows)), most_conditions=3, least=20)
    assert ranked.left_out == 25
    assert ranked.members[0].tolist() == [17, -1, -1]


def test_what_persons_share_makes_a_slice_less_likely():
    rows, columns, loss = random_rows(1)
    alone = search(rows, columns, loss, np.ones(len(rows)), most_conditions=1, least=20)
    shared = search(rows, columns, loss, np.full(len(rows), 2.0), most_conditions=1, least=20)
    price = alone.scale.prices[1]
    again = dict(zip(shared.members[:, 0].tolist(), shared.scores, strict=True))
    assert again
    for place, score in zip(alone.members[:, 0].tolist(), alone.scores, strict=True):
        if (score + price) / 2 > price:
            assert again[place] == pytest.approx((score + price) / 2 - price)


def test_two_slices_that_share_most_of_their_rows_are_one():
    place = np.arange(5000)
    for shift, told in ((300, 1), (700, 2)):  # 700 of 1,300 rows in both, and 300 of 1,700
        rows = np.stack([place < 1000, (place >= shift) & (place < shift + 1000)])
        wrong = np.where(place < shift + 1000, 0.5, 0.1)
        loss = (np.random.default_rng(5).random(5000) < wrong).astype(float)
        ranked = search(rows, np.arange(2), loss, np.ones(2), most_conditions=1, least=50)
        assert len(ranked.members) == 2
        assert len(different(rows, loss, np.ones(2), ranked, most=10)) == told
