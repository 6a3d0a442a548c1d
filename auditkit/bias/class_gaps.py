"""Several classes by group: the largest gap of any class, with intervals and null for all at once.

Only what a rate asks of a row is drawn again (right or not, by class), so that a thousand draws
cost as much for a million rows as for a thousand.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import random_table

from auditkit.bias.class_rates import (
    CLASS_RATES,
    ClassCounts,
    macro_recall,
    parts_of,
    present_classes,
)
from auditkit.bias.contrast import Contrast, Measured, contrast
from auditkit.bias.groups import CELLS, share
from auditkit.bias.null import TIE, Null, permutation_null
from auditkit.bias.pairs import Contest
from auditkit.bias.several import SeveralGap, contests_of, several_gap
from auditkit.errors import UsageError
from auditkit.statistics.intervals import Bounds, z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUREST = 1 - 1e-15  # no confidence is 1

# Where the rows of the denominator stand that are not in the numerator.
_MISSES = {"recall": "fn", "precision": "fp", "share_said": "tn"}


def class_gap(
    counts: ClassCounts,
    rate: str,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 0,
) -> SeveralGap:
    """The largest difference between groups in one of CLASS_RATES, of any class.

    The intervals hold for all pairs and classes at once. A group with fewer than min_group_size
    rows in a class's denominator (at least one) is left out of that class, by name. Raises
    UsageError for an unknown rate, a confidence outside (0, 1) and fewer than one draw.
    """
    hits, n = parts_of(counts, rate)
    _require_draws(draws)
    z_of(confidence)  # which refuses what is no share
    key, nobody = CLASS_RATES[rate]
    contests, left_out, omitted = contests_of(
        counts.one_vs_rest(), key, nobody=nobody, min_group_size=min_group_size
    )
    sample = _drawn(hits, n, rate, draws, rng)
    place = {name: k for k, name in enumerate(counts.levels)}

    def drawn(name: str) -> Ints:
        hit, all_ = sample[0][:, :, place[name]], sample[1][:, :, place[name]]
        missed = all_ - hit
        cells = {"tp": hit, _MISSES[rate]: missed}
        nothing = np.zeros_like(hit)
        return np.stack([cells.get(cell, nothing) for cell in CELLS], axis=2)

    def null(every: Sequence[Contest], observed: float) -> Null:
        if rate == "share_said":
            return _null_of_shares(counts.said, every, list(contests), place, observed, draws, rng)
        return permutation_null(every, observed, comparison="difference", draws=draws, rng=rng)

    return several_gap(
        contests,
        rate=rate,
        drawn=drawn,
        null=null,
        left_out=left_out,
        omitted=omitted,
        confidence=confidence,
    )


def macro_gap(
    counts: ClassCounts,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 0,
) -> Contrast:
    """The largest difference between groups in macro recall, each class counting alike.

    Over the classes that have rows in any group compared; a group that lacks one of them, or has
    fewer than min_group_size rows, is left out by name. Raises UsageError as `class_gap` does.
    """
    _require_draws(draws)
    present = present_classes(counts, min_group_size)
    hits, rows = counts.hits, counts.rows
    kept, left_out = _comparable(counts, present, min_group_size)
    h, n = hits[np.ix_(kept, present)], rows[np.ix_(kept, present)]

    def limits(z: float) -> Bounds:
        level = min(2 * float(ndtr(z)) - 1, SUREST)
        if level <= 0:
            return h_over_n, h_over_n
        each = [macro_recall(hits[i], rows[i], counts.levels, present, level) for i in kept]
        return np.array([one.low for one in each]), np.array([one.high for one in each])

    h_over_n = share(h, n).mean(axis=1) if len(present) else np.full(len(kept), np.nan)
    measured = Measured(
        labels=[counts.groups[place] for place in kept],
        values=h_over_n,
        errors=_macro_error(h, n),
        n=n.sum(axis=1),
        limits=limits,
        drawn=_macro_drawn(h, n, draws, rng),
        permuted=_macro_permuted(h, n, draws, rng),
        left_out=left_out,
    )
    return contrast(measured, confidence=confidence, what="macro recall")


def _comparable(
    counts: ClassCounts, present: Ints, min_group_size: int
) -> tuple[Ints, dict[str, str]]:
    """Groups with rows of every present class, and why others are left out."""
    kept, left_out = [], {}
    for place, (name, rows) in enumerate(zip(counts.groups, counts.rows, strict=True)):
        lacking = [counts.levels[k] for k in present if not rows[k]]
        if rows.sum() < min_group_size:
            left_out[name] = f"{rows.sum():,} rows, fewer than {min_group_size:,}"
        elif lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            left_out[name] = f"no rows of class {', '.join(lacking[:3])}{more}"
        else:
            kept.append(place)
    return np.array(kept, dtype=np.int64), left_out


def _macro_error(hits: Ints, n: Ints) -> Floats:
    """Standard error of a mean of recalls, each with one success and one failure more."""
    p = (hits + 1) / (n + 2)
    return np.asarray(np.sqrt((p * (1 - p) / (n + 2)).sum(axis=-1)) / max(n.shape[-1], 1))


def _macro_drawn(
    hits: Ints, n: Ints, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Macro recall drawn again with the rows of each class kept, and its standard errors.

    Drawn about the recalls with half a success and half a failure more, since one of 1 would
    never vary, and moved to the measured mean.
    """
    p = (hits + 0.5) / (n + 1)
    drawn = rng.binomial(n, p, size=(draws, *n.shape))
    moved = share(hits, n).mean(axis=-1) - p.mean(axis=-1)
    return share(drawn, n).mean(axis=-1) + moved, _macro_error(drawn, n)


def _macro_permuted(hits: Ints, n: Ints, draws: int, rng: np.random.Generator) -> Floats | None:
    """Macro recall of each group with labels permuted among the rows of each class."""
    if len(n) < 2 or not n.shape[1]:
        return None
    dealt = [
        rng.multivariate_hypergeometric(
            n[:, k], int(hits[:, k].sum()), size=draws, method="marginals"
        )
        for k in range(n.shape[1])
    ]
    return np.asarray(share(np.stack(dealt, axis=2), n).mean(axis=2))


def _drawn(
    hits: Ints, n: Ints, rate: str, draws: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Numerators and denominators of the whole table drawn again, each (draws, G, K).

    Only what the rate asks of a row is drawn, which has the law of a bootstrap of the rows.
    """
    parts = hits[:, :, None] if rate == "share_said" else np.stack([hits, n - hits], axis=2)
    total = int(parts.sum())
    sample = rng.multinomial(total, parts.ravel() / total, size=draws).reshape(draws, *parts.shape)
    drawn = sample.sum(axis=2, keepdims=True) if rate == "share_said" else sample
    whole = np.broadcast_to(drawn.sum(axis=3), sample.shape[:3])
    return sample[..., 0], whole


def _null_of_shares(
    said: Ints,
    every: Sequence[Contest],
    names: Sequence[str],
    place: Mapping[str, int],
    observed: float,
    draws: int,
    rng: np.random.Generator,
) -> Null:
    """The null of the largest gap of any class in how often it is said.

    All classes are about the same rows: the whole table is drawn with both margins kept
    (Patefield 1981), not each class by itself.
    """
    table = said[every[0].groups]
    rows = table.sum(axis=1)
    dealt = random_table(rows, table.sum(axis=0)).rvs(size=draws, random_state=rng)
    shares = dealt[:, :, [place[name] for name in names]] / rows[:, None]
    gaps = (shares.max(axis=1) - shares.min(axis=1)).max(axis=1)
    p_value = (1 + int((gaps >= observed - TIE).sum())) / (draws + 1)
    upper = float(np.quantile(gaps, 0.95))
    return Null(mean=float(gaps.mean()), upper=upper, p_value=p_value, draws=draws)


def _require_draws(draws: int) -> None:
    if draws < 1:
        raise UsageError(f"draws is {draws}; give at least 1, better 1000")
