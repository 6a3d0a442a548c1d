"""Like is compared with like: Berkeley's admissions, by hand, and where nothing can be compared."""

import math

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.clusters import clustered_counts
from auditkit.bias.groups import group_counts
from auditkit.bias.strata import Standardised, within_strata
from auditkit.errors import DataError, UsageError

# Bickel, Hammel & O'Connell 1975: admitted and rejected, men and women, in six departments.
BERKELEY = {
    "A": ((512, 313), (89, 19)),
    "B": ((353, 207), (17, 8)),
    "C": ((120, 205), (202, 391)),
    "D": ((138, 279), (131, 244)),
    "E": ((53, 138), (94, 299)),
    "F": ((22, 351), (24, 317)),
}


def crossed(strata: dict[str, tuple[tuple[int, int], ...]], groups: tuple[str, ...]):
    """Counts by stratum and group, given as selected and not."""
    index = pd.MultiIndex.from_product([strata, groups], names=["stratum", "group"])
    cells = [cell for stratum in strata.values() for cell in stratum]
    frame = pd.DataFrame(cells, index=index, columns=["tp", "fn"])
    return frame.assign(fp=0, tn=0)[["tp", "fp", "fn", "tn"]]


def measure(counts: pd.DataFrame, name: str = "selection_rate", **options) -> Standardised:
    return within_strata(counts, name, rng=np.random.default_rng(0), **options)


def berkeley() -> Standardised:
    return measure(crossed(BERKELEY, ("men", "women")))


def test_berkeley_admitted_fewer_women_and_in_its_departments_fewer_men():
    found = berkeley()
    # As it is: 44.5 % of 2,691 men and 30.4 % of 1,835 women.
    assert found.groups["raw"].to_dict() == pytest.approx(
        {"men": 0.4452, "women": 0.3035}, abs=1e-4
    )
    # Had both applied as all did: 39 % and 43 % (Freedman, Pisani & Purves, chapter 2).
    assert found.groups["value"].to_dict() == pytest.approx(
        {"men": 0.3873, "women": 0.43}, abs=1e-4
    )
    (turned,) = found.reversed().to_dict("records")
    assert (turned["first"], turned["second"]) == ("women", "men")
    assert turned["raw"] == pytest.approx(-0.1416, abs=1e-4)
    assert 0 < found.estimate.low < 0.0426 < found.estimate.high < 0.09
    assert found.covered == 1.0


def test_each_department_stands_by_itself():
    strata = berkeley().strata.set_index("stratum")
    # A: 62.1 % of men, 82.4 % of women; E: 27.7 % and 23.9 %.
    assert strata.loc["A", "value"] == pytest.approx(89 / 108 - 512 / 825)
    assert (strata.loc["A", "lowest"], strata.loc["A", "low"] > 0.1) == ("men", True)
    assert (strata.loc["E", "lowest"], strata.loc["E", "low"]) == ("women", 0.0)
    assert strata["rows"].tolist() == [933, 918, 792, 714, 585, 584]


def test_one_stratum_is_no_adjustment():
    counts = crossed({"all": ((30, 70), (50, 50))}, ("a", "b"))
    found = measure(counts)
    assert found.groups["value"].tolist() == pytest.approx([0.3, 0.5])
    assert found.estimate.value == pytest.approx(0.2)
    assert found.pairs["raw_low"].tolist() == pytest.approx(found.pairs["low"].tolist())


def test_two_strata_by_hand():
    # Weights .4 and .6: a .4 x .2 + .6 x .5 = .38, b .4 x .3 + .6 x .8 = .60.
    counts = crossed({"x": ((40, 160), (60, 140)), "y": ((250, 250), (80, 20))}, ("a", "b"))
    assert measure(counts).groups["value"].tolist() == pytest.approx([0.38, 0.6])


def test_a_gap_that_the_strata_explain_is_said_to_be():
    counts = crossed({"x": ((800, 200), (80, 20)), "y": ((20, 80), (200, 800))}, ("a", "b"))
    found = measure(counts)
    assert found.estimate.value == pytest.approx(0)
    assert len(found.explained()) == 1
    assert found.reversed().empty
    assert found.null.p_value == 1.0


def test_a_gap_that_the_strata_hide_is_said_to_be():
    counts = crossed({"x": ((90, 10), (720, 280)), "y": ((280, 720), (10, 90))}, ("a", "b"))
    # Within: .18 each; as it is 370 of 1,100 and 730 of 1,100, turned round.
    assert len(measure(counts).reversed()) == 1
    even = crossed({"x": ((40, 60), (55, 45)), "y": ((16, 24), (40, 60))}, ("a", "b"))
    assert measure(even).hidden().empty


def test_a_rate_is_about_its_own_rows():
    counts = crossed({"x": ((50, 50), (50, 50)), "y": ((10, 90), (10, 90))}, ("a", "b"))
    counts["fp"], counts["tn"] = [5, 10, 5, 10], [95, 90, 95, 90]
    assert measure(counts, "false_positive_rate").groups["value"].tolist() == pytest.approx(
        [0.05, 0.1]
    )


def test_a_group_that_is_rarely_found_beside_the_others_is_left_out_by_name():
    # x has 178 of 380 rows, y two of group c.
    counts = crossed(
        {"x": ((40, 40), (40, 40), (9, 9)), "y": ((50, 50), (50, 50), (1, 1))}, ("a", "b", "c")
    )
    found = measure(counts)
    assert found.groups.index.tolist() == ["a", "b"]
    assert "10 rows of this group hold 47 % of the rows" in found.left_out["c"]
    assert found.covered == pytest.approx(360 / 380)


def test_strata_in_which_a_group_is_not_found_are_left_out_and_counted():
    counts = crossed({"x": ((50, 50), (50, 50)), "y": ((50, 50), (0, 0))}, ("a", "b"))
    found = measure(counts)
    assert found.covered == pytest.approx(2 / 3)
    assert found.strata["stratum"].tolist() == ["x"]


def test_nothing_to_compare_is_undefined_with_the_reason():
    apart = crossed({"x": ((50, 50), (0, 0)), "y": ((0, 0), (50, 50))}, ("a", "b"))
    assert "no stratum has 10 rows of every group" in measure(apart).estimate.reason
    lone = crossed({"x": ((50, 50),), "y": ((5, 5),)}, ("a",))
    assert "1 group" in measure(lone).estimate.reason
    assert math.isnan(measure(lone).beyond(0.1))


def test_counts_of_one_column_and_an_unknown_rate_are_refused():
    with pytest.raises(DataError, match="two columns"):
        measure(group_counts([1, 0], [1, 0], ["a", "b"]))
    with pytest.raises(UsageError, match="selection_rate"):
        measure(crossed(BERKELEY, ("men", "women")), "selectoin_rate")


def test_the_chance_is_below_one_in_twenty_exactly_where_the_interval_excludes_the_limit():
    found = berkeley()
    assert (
        found.beyond(found.estimate.low - 0.002) < 0.05 < found.beyond(found.estimate.low + 0.002)
    )


def test_the_null_is_uniform_where_groups_differ_between_strata_alone():
    rng = np.random.default_rng(2)
    p_values = []
    for _ in range(150):
        hits = rng.binomial([200, 40, 40, 200], [0.2, 0.2, 0.6, 0.6])
        rows = np.array([200, 40, 40, 200])
        cells = list(zip(hits.tolist(), (rows - hits).tolist(), strict=True))
        counts = crossed({"x": tuple(cells[:2]), "y": tuple(cells[2:])}, ("a", "b"))
        p_values.append(within_strata(counts, "selection_rate", rng=rng, draws=199).null.p_value)
    assert np.mean(np.array(p_values) <= 0.05) < 0.1
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.08)


def test_copies_of_rows_that_are_known_to_be_copies_widen_nothing():
    rng = np.random.default_rng(3)
    y, p, x, g = rng.integers(0, 2, (4, 600))
    counts = group_counts(y, p, {"stratum": x, "group": g})
    single = measure(counts)
    copies = [np.repeat(one, 10) for one in (y, p, x, g)]
    ten, clusters = clustered_counts(
        *copies[:2], {"stratum": copies[2], "group": copies[3]}, np.repeat(np.arange(600), 10)
    )
    told, blind = measure(ten, clusters=clusters), measure(ten)
    width = single.groups["high"] - single.groups["low"]
    assert (told.groups["high"] - told.groups["low"]).tolist() == pytest.approx(
        width.tolist(), rel=0.03
    )
    assert (blind.groups["high"] - blind.groups["low"]).tolist() < (0.5 * width).tolist()
    assert told.null.mean == pytest.approx(single.null.mean, rel=0.15)
    assert "600 clusters" in told.estimate.method


def test_a_wide_interval_explains_nothing():
    # As it is .79 and .50; within strata .65 and .50, the smaller halves resting on ten rows each.
    counts = crossed({"x": ((5, 5), (100, 100)), "y": ((160, 40), (5, 5))}, ("a", "b"))
    found = measure(counts)
    (pair,) = found.pairs.to_dict("records")
    assert pair["low"] < 0 < pair["value"] < pair["raw"] < pair["high"]
    assert pair["raw_low"] > 0
    assert found.explained().empty
