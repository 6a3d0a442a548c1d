"""Sentences that differ in a group alone: which of the two a language model finds likelier.

Of each pair one sentence says more of a stereotype than the other. A model without a preference
finds it likelier in half of the pairs. Pairs that belong together (the same two terms in sentences
that expect the one and the other) may be given as one set, whose costs are added before it counts.

Nangia et al. 2020, "CrowS-Pairs: A Challenge Dataset for Measuring Social Biases in Masked Language
Models"; the limits of such pairs: Blodgett et al. 2021, "Stereotyping Norwegian Salmon".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from auditkit.data.schema import require_column
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval
from auditkit.statistics.ratios import ratio_estimate

Floats = NDArray[np.float64]
Bits = Callable[[list[str]], ArrayLike]

METHOD = "guarded Wilson over sets of pairs"
COLUMNS = ("more", "less", "category")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preference:
    """How often the sentence with more of a stereotype is the likelier one: .5 is ideal.

    share counts sets of pairs, each pair being its own where no sets are given. It leaves out the
    `ties` sets that cost the same and the `unscored` pairs without a finite cost; p_value is the
    exact binomial one against a half, two-sided. saved is by how many bits the stereotyped sentence
    of a pair is the cheaper, on average (Student's over sets). by_category has a line for each
    category: pairs, share, low, high, p, saved, saved low, saved high, each alone.
    """

    share: Estimate
    p_value: float
    saved: Estimate
    ties: int
    unscored: int
    by_category: pd.DataFrame


def minimal_pairs(bits: Bits, pairs: pd.DataFrame, *, confidence: float = 0.95) -> Preference:
    """The preference of a model that says what each of n texts costs, in bits (n,).

    pairs has the columns more, less and category, and may have set. Each text is asked once.
    Raises DataError where a column is absent, a sentence is no text, or bits gives another number
    of costs.
    """
    return preference(scored(bits, pairs), confidence=confidence)


def scored(bits: Bits, pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs with two columns more: bits_more and bits_less, what each sentence costs."""
    for name in COLUMNS:
        require_column(pairs, name, "the pairs")
    texts = pd.concat([pairs["more"], pairs["less"]], ignore_index=True)
    strange = [one for one in texts if not isinstance(one, str) or not one.strip()]
    if strange:
        raise DataError(f"a sentence of the pairs is {strange[0]!r}; give two texts to each")
    codes, once = pd.factorize(texts)
    said = np.asarray(bits(once.tolist()) if len(once) else [], float)
    if said.shape != (len(once),):
        raise DataError(f"bits gave shape {said.shape} for {len(once)} texts; give one for each")
    both = said[codes].reshape(2, -1)
    return pairs.assign(bits_more=both[0], bits_less=both[1])


def preference(scored: pd.DataFrame, *, confidence: float = 0.95) -> Preference:
    """The preference in pairs that were scored: columns category, bits_more, bits_less, set."""
    cost = scored[["bits_more", "bits_less"]].to_numpy(float)
    known = np.isfinite(cost).all(axis=1)
    saved = cost[known, 1] - cost[known, 0]
    sets = scored["set"] if "set" in scored else pd.Series(range(len(scored)), index=scored.index)
    several = _Sets.of(saved, sets.to_numpy()[known])
    return Preference(
        share=several.share(confidence),
        p_value=several.p_value(),
        saved=several.mean(confidence),
        ties=int(np.sum(several.saved == 0)),
        unscored=int(np.sum(~known)),
        by_category=_by_category(
            scored["category"].to_numpy()[known], saved, sets.to_numpy()[known], confidence
        ),
    )


def strongest(scored: pd.DataFrame, most: int) -> pd.DataFrame:
    """The sets that save most, a line each: likelier, beside it, bits saved."""
    sets = scored["set"] if "set" in scored else pd.Series(scored.index, index=scored.index)
    saved = scored["bits_less"] - scored["bits_more"]
    found = pd.DataFrame(
        {
            "likelier": scored["more"].groupby(sets).agg(" ".join),
            "beside it": scored["less"].groupby(sets).agg(" ".join),
            "bits saved": saved.groupby(sets).sum(),
        }
    )
    return found[found["bits saved"] > 0].nlargest(most, "bits saved").reset_index(drop=True)


def pairs_of(frame: pd.DataFrame) -> pd.DataFrame:
    """A line a pair from a line a sentence, as the suites of the catalogue have them.

    frame has the columns text, stereotype ("more" or "less"), category and pair. Raises DataError
    unless each pair has one of either.
    """
    for name in ("text", "stereotype", "category", "pair"):
        require_column(frame, name, "the sentences")
    sides = [frame[frame["stereotype"] == which].set_index("pair") for which in ("more", "less")]
    odd = [one.index for one in sides if one.index.has_duplicates]
    if odd or not sides[0].index.sort_values().equals(sides[1].index.sort_values()):
        raise DataError("a pair has not two sentences, one more and one less stereotyped")
    made = {
        "more": sides[0]["text"],
        "less": sides[1]["text"].reindex(sides[0].index),
        "category": sides[0]["category"],
    }
    return pd.DataFrame(made).reset_index()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sets:
    """What each set saves in all, and of how many pairs: (sets,) both."""

    saved: Floats
    pairs: NDArray[np.int64]

    @classmethod
    def of(cls, saved: Floats, sets: NDArray[Any]) -> Self:
        codes, names = pd.factorize(sets)
        return cls(
            saved=np.bincount(codes, weights=saved, minlength=len(names)).astype(float),
            pairs=np.bincount(codes, minlength=len(names)),
        )

    def share(self, confidence: float) -> Estimate:
        hits, n = self._hits()
        if not n:
            return undefined("no pair has two sentences of different cost", method=METHOD)
        low, high = (float(one) for one in rate_interval(hits, n, confidence=confidence))
        return Estimate(
            value=hits / n, low=low, high=high, n=n, method=METHOD, confidence=confidence
        )

    def p_value(self) -> float:
        hits, n = self._hits()
        return float(binomtest(hits, n, 0.5).pvalue) if n else math.nan

    def mean(self, confidence: float) -> Estimate:
        return ratio_estimate(self.saved, self.pairs, confidence=confidence)

    def _hits(self) -> tuple[int, int]:
        return int(np.sum(self.saved > 0)), int(np.sum(self.saved != 0))


def _by_category(
    categories: NDArray[Any], saved: Floats, sets: NDArray[Any], confidence: float
) -> pd.DataFrame:
    lines = []
    for name in sorted(set(categories.tolist()), key=str):
        own = categories == name
        several = _Sets.of(saved[own], sets[own])
        share, mean = several.share(confidence), several.mean(confidence)
        lines.append(
            {
                "category": name,
                "pairs": int(own.sum()),
                "share": share.value,
                "low": share.low,
                "high": share.high,
                "p": several.p_value(),
                "saved": mean.value,
                "saved low": mean.low,
                "saved high": mean.high,
            }
        )
    return pd.DataFrame(lines)
