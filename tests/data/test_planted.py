import numpy as np
import pytest

from auditkit.data.planted import planted
from auditkit.data.tables import labels, memberships
from auditkit.errors import UsageError


@pytest.mark.parametrize(("gap", "groups"), [(0.0, 2), (0.1, 2), (0.3, 5)])
def test_selection_rates_differ_by_the_gap_planted_and_labels_do_not(
    gap: float, groups: int
) -> None:
    n = 400_000
    table = planted(n, gap=gap, rng=np.random.default_rng(0), groups=groups)
    rates = table.frame.groupby("group")["prediction"].mean()
    four_errors = 4 * np.sqrt(2 * 0.25 / (n / groups))
    assert rates.max() - rates.min() == pytest.approx(gap, abs=four_errors)
    assert rates.to_dict() == pytest.approx(table.rates, abs=four_errors)
    base = table.frame.groupby("group")["label"].mean()
    assert base.max() - base.min() < four_errors
    assert max(table.rates.values()) - min(table.rates.values()) == pytest.approx(gap)


def test_the_prediction_is_the_score_cut_at_one_half() -> None:
    frame = planted(1000, gap=0.2, rng=np.random.default_rng(1)).frame
    assert frame["score"].between(0, 1).all()
    assert ((frame["score"] >= 0.5) == (frame["prediction"] == 1)).all()


def test_the_schema_fits_the_rows() -> None:
    table = planted(100, gap=0.2, rng=np.random.default_rng(1), groups=3)
    table.schema.require(table.frame, "planted")
    assert (labels(table.frame, table.schema) == table.frame["label"]).all()
    sizes = memberships(table.frame, table.schema)["group"].value_counts(sort=False)
    assert sizes.to_dict() == {"A": 34, "B": 33, "C": 33}


def test_the_same_generator_gives_the_same_rows() -> None:
    one, other = (planted(50, gap=0.1, rng=np.random.default_rng(5)).frame for _ in range(2))
    assert one.equals(other)


def test_impossible_plants_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match="leaves"):
        planted(100, gap=0.5, rng=rng, base_rate=0.2)
    with pytest.raises(UsageError, match="3 groups of 2 rows"):
        planted(2, gap=0.1, rng=rng, groups=3)
