"""The four-fifths rule of the US Uniform Guidelines (1978), in whole numbers."""

import math
from dataclasses import dataclass
from fractions import Fraction

import pandas as pd
from scipy.stats import fisher_exact

from auditkit.bias.groups import RATES, label

FOUR_FIFTHS = Fraction(4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class FourFifths:
    """Whether the lowest selection rate is at least four fifths of the highest, and of whom.

    ratio is exact. z is the difference of the two rates over its standard error if they were one
    rate, NaN where that is 0 or 1. p_value is Fisher's, two-sided, for that pair: it does not know
    that the pair was picked as the furthest apart. n counts both groups' rows. passed and ratio
    are None where the ratio is undefined, with the reason.
    """

    passed: bool | None
    ratio: Fraction | None
    lowest: str
    highest: str
    z: float
    p_value: float
    n: int
    reason: str = ""


def four_fifths(counts: pd.DataFrame) -> FourFifths:
    """The rule for the groups of a count table, compared as 5 a m >= 4 b n in whole numbers.

    Floats would fail (4/6) / (5/6), which is exactly .8. Undefined, with its reason, for fewer
    than two groups, for a group without rows, and where nobody was selected.
    """
    hits, n = (part.tolist() for part in RATES["selection_rate"].parts(counts))
    labels = [label(group) for group in counts.index]
    empty = [group for group, rows in zip(labels, n, strict=True) if rows == 0]
    if empty:
        return _undefined(f"no rows in {', '.join(empty)}: the selection rate is undefined")
    if len(labels) < 2:
        return _undefined(f"{len(labels)} group to compare; a ratio needs two")
    if not any(hits):
        return _undefined("nobody was selected: 0 / 0 is no ratio")
    rates = [Fraction(a, b) for a, b in zip(hits, n, strict=True)]
    low = rates.index(min(rates))
    # Where all rates are equal the pair is still two groups.
    high = max((i for i in range(len(rates)) if i != low), key=rates.__getitem__)
    ratio = rates[low] / rates[high]
    table = [[hits[i], n[i] - hits[i]] for i in (low, high)]
    return FourFifths(
        passed=ratio >= FOUR_FIFTHS,
        ratio=ratio,
        lowest=labels[low],
        highest=labels[high],
        z=_z(hits[low], n[low], hits[high], n[high]),
        p_value=float(fisher_exact(table).pvalue),
        n=n[low] + n[high],
    )


def _undefined(reason: str) -> FourFifths:
    return FourFifths(
        passed=None,
        ratio=None,
        lowest="",
        highest="",
        z=math.nan,
        p_value=math.nan,
        n=0,
        reason=reason,
    )


def _z(a: int, n: int, b: int, m: int) -> float:
    """Pooled two-sample z of b / m against a / n."""
    common = (a + b) / (n + m)
    variance = common * (1 - common) * (1 / n + 1 / m)
    return (b / m - a / n) / math.sqrt(variance) if variance else math.nan
