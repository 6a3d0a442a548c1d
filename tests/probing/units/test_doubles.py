import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from auditkit.errors import DataError, UsageError
from auditkit.probing.units import doubles
from auditkit.probing.units.across import layer_duplicates
from auditkit.probing.units.doubles import duplicates


def noise(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def planted(seed: int = 0) -> np.ndarray:
    """Units 3 and 7 say what unit 1 says, 7 with the other sign; 5 never changes."""
    x = noise(seed, 200, 12)
    x[:, 3] = 2 * x[:, 1] + 5 + noise(seed + 1, 200, 1)[:, 0] / 100
    x[:, 7] = -x[:, 1]
    x[:, 5] = 0.1
    return x


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_doubles_are_found_and_no_others(seed: int):
    found = duplicates(planted(seed))
    assert set(zip(found.frame["unit"], found.frame["other"], strict=True)) == {
        (1, 7),
        (1, 3),
        (3, 7),
    }
    assert found.frame["correlation"].iloc[0] == pytest.approx(-1)
    assert (found.pairs, found.doubled, found.varying, found.units) == (3, 2, 11, 12)
    assert found.share == 2 / 11
    assert found.kinship[5] == -1
    assert found.kinship[1] == found.kinship[3] == found.kinship[7]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_independent_units_have_none(seed: int):
    found = duplicates(noise(seed, 200, 300))
    assert (found.pairs, found.doubled) == (0, 0)
    assert found.chance < 1e-6


def test_blocks_miss_no_pair(monkeypatch: pytest.MonkeyPatch):
    whole = duplicates(planted()).frame
    monkeypatch.setattr(doubles, "BLOCK", 2)
    assert_frame_equal(duplicates(planted()).frame, whole)


def test_chance_is_how_many_pairs_few_rows_give():
    """Of 10 rows and 200 units, at .8."""
    found = [duplicates(noise(i, 10, 200), threshold=0.8) for i in range(20)]
    assert np.mean([one.pairs for one in found]) == pytest.approx(found[0].chance, rel=0.05)


def test_of_many_pairs_the_strongest_are_told_and_all_counted():
    x = np.repeat(noise(0, 20, 1), 60, axis=1)
    found = duplicates(x)
    assert (found.pairs, len(found.frame), found.doubled) == (1770, 1000, 59)


def test_layers_are_counted_together():
    found = layer_duplicates({"one": planted(), "two": noise(9, 200, 4), "dead": np.ones((200, 2))})
    assert (found.doubled, found.varying) == (2, 15)
    assert list(found.frame["constant"]) == [1, 0, 2]
    assert layer_duplicates({"dead": np.ones((20, 2))}).share != 0  # there is none


def test_what_cannot_be_asked_is_said():
    with pytest.raises(UsageError, match=r"threshold is 1\.0"):
        duplicates(planted(), threshold=1.0)
    with pytest.raises(DataError, match="holds NaN"):
        duplicates(np.full((20, 2), np.nan))
