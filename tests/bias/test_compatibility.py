import numpy as np
import pandas as pd
import pytest

from auditkit.bias import compatibility as room
from auditkit.bias.compatibility import compatibility, forced_false_positive_rate
from auditkit.bias.groups import CELLS, rates


def counted(**groups: tuple[int, int, int, int]) -> pd.DataFrame:
    """tp, fp, fn, tn by group."""
    return pd.DataFrame(list(groups.values()), index=list(groups), columns=list(CELLS))


def told(counts: pd.DataFrame, **options: int) -> room.Compatibility:
    return compatibility(counts, rng=np.random.default_rng(0), **options)


def test_the_identity_holds_in_any_table() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.integers(1, 60, (50, 4)), columns=list(CELLS))
    known = rates(table)
    base = (table["tp"] + table["fn"]) / table.sum(axis=1)
    for place in range(50):
        forced = forced_false_positive_rate(
            base[place], known["precision"][place], known["true_positive_rate"][place]
        )
        assert forced == pytest.approx(known["false_positive_rate"][place])


def test_by_hand() -> None:
    # Base rates 1/2 and 1/5, precision 4/5 and TPR 4/5 of all rows: 1 x 1/4 x 4/5 and 1/4 of that.
    counts = counted(a=(40, 10, 10, 40), b=(16, 4, 4, 76))
    found = told(counts)
    assert (found.first, found.second) == ("a", "b")
    assert found.rates["precision"] == pytest.approx(0.8)
    assert found.main.value == pytest.approx(0.2 - 0.05)
    assert found.main.low < 0.15 < found.main.high
    first, second, third = found.ties["value"]
    assert first == found.main.value
    fpr = 14 / 130
    ppv = [0.5 * 0.8 / (0.5 * 0.8 + 0.5 * fpr), 0.2 * 0.8 / (0.2 * 0.8 + 0.8 * fpr)]
    assert second == pytest.approx(ppv[0] - ppv[1])
    assert third == pytest.approx((0.8 - fpr) * 0.3)
    assert found.ties["now"][0] == pytest.approx(10 / 50 - 4 / 80)


def test_equal_base_rates_force_nothing() -> None:
    found = told(counted(a=(40, 10, 10, 40), b=(400, 100, 100, 400)))
    assert not found.differ
    assert found.ties["value"].abs().max() == pytest.approx(0)


def test_a_perfect_model_keeps_false_positive_rates_together() -> None:
    found = told(counted(a=(500, 0, 0, 500), b=(200, 0, 0, 800)))
    assert found.differ
    assert found.ties["value"][:2].tolist() == [0, 0]
    assert found.main.high < 0.01
    assert found.ties["value"][2] == pytest.approx(0.3)  # yet it selects as the base rates are


def test_what_is_forced_is_there_where_two_are_equal() -> None:
    # Both groups with precision .8 and TPR .8: what is forced is what there is.
    found = told(counted(a=(400, 100, 100, 400), b=(160, 40, 40, 760)))
    assert found.ties["now"][0] == pytest.approx(found.ties["value"][0])


def test_the_intervals_hold() -> None:
    base, hit, alarm = np.array([0.3, 0.1]), np.array([0.6, 0.5]), np.array([0.005, 0.005])
    shares = np.column_stack(
        [base * hit, (1 - base) * alarm, base * (1 - hit), (1 - base) * (1 - alarm)]
    )
    rng, hits = np.random.default_rng(4), []
    for _ in range(200):
        counts = rng.multinomial(400, shares.ravel() / 2).reshape(2, 4)
        found = compatibility(
            pd.DataFrame(counts, index=["a", "b"], columns=list(CELLS)), rng=rng, draws=200
        )
        pair = [["a", "b"].index(one) for one in (found.first, found.second)]
        true = np.array([float(room._apart(shares, pair, tie)) for tie in room.TIES])
        hits.append((found.ties["low"] <= true) & (true <= found.ties["high"]))
    assert (np.mean(hits, axis=0) >= 0.94 - 2 * np.sqrt(0.94 * 0.06 / 200)).all()


def test_what_is_undefined_says_why() -> None:
    assert "1 group" in told(counted(a=(40, 10, 10, 40))).main.reason
    nobody = told(counted(a=(0, 0, 50, 50), b=(0, 0, 20, 80)))
    assert "nobody is predicted" in nobody.main.reason
    assert nobody.gap.estimate.defined
    nothing = told(counted(a=(0, 10, 0, 40), b=(0, 10, 0, 40)))
    assert "nobody has the positive outcome" in nothing.main.reason
    small = told(counted(a=(40, 10, 10, 40), b=(16, 4, 4, 76), tiny=(3, 0, 0, 0)))
    assert "tiny" not in small.base_rates.index


def test_a_group_without_negatives_has_no_false_positive_rate_to_force() -> None:
    assert np.isnan(forced_false_positive_rate(1.0, 0.8, 0.9))
    assert np.isnan(forced_false_positive_rate(0.5, 0.0, 0.9))
    found = told(counted(a=(8, 0, 7, 0), b=(7, 8, 8, 7)))
    assert "everybody in a" in found.main.reason
    assert np.isnan(found.main.low)


def test_where_no_positive_decision_is_right_there_is_no_precision_to_keep() -> None:
    found = told(counted(a=(0, 15, 15, 0), b=(0, 5, 15, 10)))
    assert "no precision to keep equal" in found.main.reason
    assert np.isnan(found.main.value)
    assert np.isnan(found.main.high)
