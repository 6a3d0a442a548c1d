"""Which measures of fairness cannot hold together, given how often each group has the outcome.

Where base rates p differ and a model errs at all, arithmetic ties the others: by their definitions
FPR = p / (1 - p) (1 - PPV) / PPV TPR in every group. So equal precision (PPV) and equal true
positive rates force false positive rates apart, and so on; how far, this model's own rates say.

Chouldechova 2017, "Fair prediction with disparate impact"; Kleinberg, Mullainathan & Raghavan 2016,
"Inherent trade-offs in the fair determination of risk scores".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.bias.disparity import Disparity, disparity
from auditkit.bias.groups import CELLS, RATES, cells, label, rate_estimates, share
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import z_of

Floats = NDArray[np.float64]
Forced = Callable[[Floats, Mapping[str, Floats]], Floats]

METHOD = "percentiles of Dirichlet draws (Jeffreys), for this pair of groups"


def forced_false_positive_rate(
    base_rate: ArrayLike, precision: ArrayLike, true_positive_rate: ArrayLike
) -> NDArray[np.float64]:
    """The false positive rate of a group with that base rate, at that precision and TPR.

    p / (1 - p) (1 - PPV) / PPV TPR; above 1 the two cannot be had in this group at all. NaN for a
    base rate of 1 or a precision of 0.
    """
    p, precision, recall = np.broadcast_arrays(base_rate, precision, true_positive_rate)
    forced = share(p * (1 - precision) * recall, (1 - p) * precision)
    return np.where((1 - p) * precision > 0, forced, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """What is kept equal in all groups, which rate is then forced apart, and by which formula."""

    kept: tuple[str, ...]
    forced: str
    formula: Forced


TIES = (
    Tie(
        kept=("precision", "true_positive_rate"),
        forced="false_positive_rate",
        formula=lambda p, rate: forced_false_positive_rate(
            p, rate["precision"], rate["true_positive_rate"]
        ),
    ),
    Tie(
        kept=("true_positive_rate", "false_positive_rate"),
        forced="precision",
        formula=lambda p, rate: share(
            p * rate["true_positive_rate"],
            p * rate["true_positive_rate"] + (1 - p) * rate["false_positive_rate"],
        ),
    ),
    Tie(
        kept=("true_positive_rate", "false_positive_rate"),
        forced="selection_rate",
        formula=lambda p, rate: (
            p * rate["true_positive_rate"] + (1 - p) * rate["false_positive_rate"]
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compatibility:
    """Whether base rates differ, and what follows for the measures that ask for equality.

    base_rates has a line a group: value, low, high, n, reason. gap is their largest difference with
    its simultaneous interval and null. first and second are the pair whose base rates differ most
    surely, the higher one first. ties has a line for each of TIES: kept, forced, value (how far
    apart the forced rate of the two must be), low, high, now (how far apart it is). main is the
    first of them. Where nothing is proven to differ, nothing is forced either.
    """

    base_rates: pd.DataFrame
    gap: Disparity
    first: str
    second: str
    rates: Mapping[str, float]
    ties: pd.DataFrame
    main: Estimate

    @property
    def differ(self) -> bool:
        """Whether the rows show that base rates differ."""
        return bool(self.gap.estimate.low > 0)


def compatibility(
    counts: pd.DataFrame,
    *,
    rng: np.random.Generator,
    min_group_size: int = 10,
    draws: int = 1000,
    confidence: float = 0.95,
) -> Compatibility:
    """What cannot hold together, from confusion counts by group (`group_counts`).

    The rates kept equal are those of all rows together. Undefined, with its reason, for fewer than
    two groups of min_group_size rows, where nobody is positive or predicted so, where no positive
    decision is right, and where all of a group of the pair are positive.
    """
    z_of(confidence)  # which refuses what is no share
    kept = counts[counts[list(CELLS)].sum(axis=1) >= min_group_size]
    truth = _as_decisions(kept)
    gap = disparity(truth, "selection_rate", rng=rng, draws=draws, confidence=confidence)
    first, second = gap.surest()[:2] if gap.estimate.defined else ("", "")
    pooled = {name: _pooled(cells(kept).sum(axis=0), name) for name in RATES}
    rates = {name: float(value) for name, value in pooled.items()}
    names = [label(group) for group in kept.index]
    reason = _why_undefined(gap, rates) or _all_positive(kept, names, (first, second))
    ties = pd.DataFrame(columns=["kept", "forced", "value", "low", "high", "now"])
    main = undefined(reason, n=int(cells(kept).sum()), method=METHOD)
    if not reason:
        pair = [names.index(first), names.index(second)]
        drawn = rng.gamma(cells(kept) + 0.5, size=(draws, len(names), len(CELLS)))
        ties = _ties(kept, pair, drawn, confidence)
        value, low, high = (float(ties[name].iloc[0]) for name in ("value", "low", "high"))
        main = Estimate(
            value=value,
            low=low,
            high=high,
            n=int(cells(kept).sum()),
            method=METHOD,
            confidence=confidence,
        )
    return Compatibility(
        base_rates=rate_estimates(truth, "selection_rate", confidence=confidence),
        gap=gap,
        first=first,
        second=second,
        rates=MappingProxyType(rates),
        ties=ties,
        main=main,
    )


def _as_decisions(counts: pd.DataFrame) -> pd.DataFrame:
    """Counts whose selection rate is the base rate: the truth in the place of the prediction."""
    tp, fp, fn, tn = cells(counts).T
    table = {"tp": tp + fn, "fp": 0 * fp, "fn": 0 * fn, "tn": fp + tn}
    return pd.DataFrame(table, index=counts.index)


def _ties(counts: pd.DataFrame, pair: list[int], drawn: Floats, confidence: float) -> pd.DataFrame:
    """A line for each tie: how far apart the pair must be, and is."""
    table = cells(counts)
    lines = []
    for tie in TIES:
        value = float(_apart(table, pair, tie))
        spread = _apart(drawn, pair, tie)
        ends = np.nanquantile(spread, [(1 - confidence) / 2, (1 + confidence) / 2])
        own = np.array([_pooled(table[place], tie.forced) for place in pair])
        lines.append(
            {
                "kept": tie.kept,
                "forced": tie.forced,
                "value": value,
                "low": min(float(ends[0]), value),
                "high": max(float(ends[1]), value),
                "now": float(own[0] - own[1]),
            }
        )
    return pd.DataFrame(lines)


def _apart(table: NDArray[Any], pair: list[int], tie: Tie) -> Floats:
    """The forced rate of the first of the pair less the second's, tables (..., groups, 4)."""
    whole = table.sum(axis=-2)
    kept = {name: _pooled(whole, name) for name in tie.kept}
    base = [_base(table[..., place, :]) for place in pair]
    first, second = (np.clip(tie.formula(p, kept), 0, 1) for p in base)
    return np.asarray(first - second)


def _base(table: NDArray[Any]) -> Floats:
    positive = [CELLS.index("tp"), CELLS.index("fn")]
    return share(table[..., positive].sum(axis=-1), table.sum(axis=-1))


def _pooled(table: NDArray[Any], name: str) -> Floats:
    """A rate of tables (..., 4)."""
    rate = RATES[name]
    hits = table[..., rate.numerator_cells].sum(axis=-1)
    return share(hits, table[..., rate.denominator_cells].sum(axis=-1))


def _all_positive(counts: pd.DataFrame, names: list[str], pair: tuple[str, str]) -> str:
    """Why no false positive rate is forced: a group of the pair has no negatives at all."""
    negatives = counts["fp"] + counts["tn"]
    whose = [one for one in pair if not negatives.iloc[names.index(one)]]
    return (
        f"everybody in {whose[0]} has the positive outcome: it has no false positive rate"
        if whose
        else ""
    )


def _why_undefined(gap: Disparity, rates: Mapping[str, float]) -> str:
    if not gap.estimate.defined:
        return gap.estimate.reason.replace("selection rate", "base rate")
    lacking = {
        "true_positive_rate": "nobody has the positive outcome",
        "false_positive_rate": "everybody has the positive outcome",
        "precision": "nobody is predicted to have it",
    }
    reason = next((why for name, why in lacking.items() if np.isnan(rates[name])), "")
    if not reason and rates["precision"] == 0:
        return "nobody who is predicted to have the outcome has it: no precision to keep equal"
    return reason
