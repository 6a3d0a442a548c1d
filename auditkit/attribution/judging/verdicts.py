"""What a test's numbers mean for a method on this model.

A method's verdict is the worst of its tests'. Five can fail it, since each takes away what an
explanation is for: it follows the answer no better than chance (order), it does not notice that
the model was changed (randomisation, labels), its numbers miss their promised sum by a fifth
(completeness), it misses what is known to be true (localisation). All others can only weaken it.
Every comparison is paired over rows and must be clear of chance: an interval that touches the null
is no evidence.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import torch
from torch import Tensor

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.statistics.estimate import Estimate

KEPT = 1 / 3  # of a picture's order beyond its null that may outlive the layers it came from
FIXED = 0.95  # likeness by chance above which a picture is the same for all rows
MISSED = 0.05  # of the sum: more weakens; the paper asks for a gap within 5 %
BROKEN = 0.2  # of the sum: more fails
STABLE = 0.7  # correlation: half of the variance comes back


class Verdict(StrEnum):
    """What a method, or one test of it, is worth on this model."""

    TRUSTED = "trusted"
    WEAK = "weak"
    FAILED = "failed"
    UNTESTED = "not tested"  # or measured only: the test has no limit


WORSE = (Verdict.FAILED, Verdict.WEAK, Verdict.TRUSTED, Verdict.UNTESTED)

TESTS: Mapping[str, str] = MappingProxyType(
    {
        "order": "deletion and insertion together: 0 for a random order, higher is better",
        "deletion": "how much sooner than by chance the answer is gone, the first taken out",
        "insertion": "how much sooner than by chance the answer is there, the first brought in",
        "beyond size": "order, less that of the plain size of the inputs",
        "randomisation": "likeness to its explanation with half of the layers drawn anew",
        "labels": "likeness to its explanation of a network trained on shuffled labels",
        "completeness": "by how much the numbers miss their promised sum; 0 is ideal",
        "localisation": "the part of the planted truth that is put first",
        "infidelity": "the part of the answer's changes that the numbers leave unexplained",
        "comprehensiveness": "how far the answer falls without the first words",
        "sufficiency": "how far the answer falls with the first words alone; 0 is ideal",
        "sensitivity": "how far the explanation moves when the input hardly does; 0 is ideal",
        "seeds": "likeness to the explanation from another seed; 1 is ideal",
        "baselines": "likeness to the explanations from other baselines; 1 is ideal",
        "agreement": "rank correlation with the closest other method",
        "gini": "0 where all players weigh alike, near 1 where a single one does",
        "entropy": "1 where all players weigh alike, 0 where a single one does",
    }
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One test of one method on this model.

    null is what the test gives where the method knows nothing, on the same rows; NaN where
    there is no such thing. sentence says in plain words what the verdict rests on.
    """

    method: str
    test: str
    estimate: Estimate
    null: float
    verdict: Verdict
    sentence: str


def beats(
    method: str,
    test: str,
    values: Tensor,
    null: Tensor | float,
    words: tuple[str, str],
    *,
    lower: bool = False,
    margin: Tensor | None = None,
    otherwise: Verdict = Verdict.WEAK,
) -> Judged:
    """Values (B,) above their null (below it, where lower is better), clear of chance.

    margin (B,) is what must lie above 0, by default the plain difference. words say it where
    they are and where they are not; {value} and {null} are filled in.
    """
    chance = torch.as_tensor(null, dtype=torch.float64).expand(values.shape)
    if margin is None:
        margin = chance - values if lower else values - chance
    verdict = _where(mean_of(margin.numpy()), 0.0, otherwise)
    return _judged(method, test, values, chance, verdict, words)


def notices(method: str, test: str, values: Tensor, null: Tensor, words: tuple[str, str]) -> Judged:
    """Likeness (B,) to the explanation of a changed model: at most KEPT of what the null leaves."""
    beyond = mean_of(kept(values, null).numpy())
    if not beyond.defined:
        verdict = Verdict.UNTESTED
    elif beyond.low > KEPT:
        verdict = Verdict.FAILED
    else:
        verdict = Verdict.WEAK if beyond.value > KEPT else Verdict.TRUSTED
    return _judged(method, test, values, null, verdict, words)


def kept(values: Tensor, null: Tensor) -> Tensor:
    """The part of the way from the null to 1 that a likeness (B,) has kept, (B,).

    1 where the null itself is near 1: such a picture is the same whatever the row.
    """
    chance = null.nanmean()
    if bool(chance > FIXED):
        return torch.ones_like(values)
    return (values - null) / (1 - chance)


def adds_up(method: str, gap: Tensor) -> Judged:
    """Completeness: the mean gap (B,) within MISSED, or at least within BROKEN."""
    found = mean_of(gap.numpy())
    if not found.defined:
        verdict = Verdict.UNTESTED
    elif found.value <= MISSED:
        verdict = Verdict.TRUSTED
    else:
        verdict = Verdict.WEAK if found.value <= BROKEN else Verdict.FAILED
    words = (
        "its numbers add up to the answer but for {value} of it",
        "its numbers promise to add up to the answer and miss it by {value} of it",
    )
    return _judged(method, "completeness", gap, torch.zeros_like(gap), verdict, words)


def returns(method: str, test: str, values: Tensor, null: Tensor, words: tuple[str, str]) -> Judged:
    """Correlation (B,) of an explanation with itself, asked again: at least STABLE."""
    found = mean_of(values.numpy())
    verdict = Verdict.TRUSTED if found.value >= STABLE else Verdict.WEAK
    if not found.defined:
        verdict = Verdict.UNTESTED
    return _judged(method, test, values, null, verdict, words)


def measured(
    method: str, test: str, values: Tensor, words: str, null: Tensor | float = torch.nan
) -> Judged:
    """A number without a limit."""
    chance = torch.as_tensor(null, dtype=torch.float64).expand(values.shape)
    return _judged(method, test, values, chance, Verdict.UNTESTED, (words, words))


def worst(judged: Sequence[Judged]) -> Judged | None:
    """The test that decides a method's verdict: of several as bad the first."""
    return min(judged, key=lambda one: WORSE.index(one.verdict), default=None)


def _where(margin: Estimate, limit: float, otherwise: Verdict) -> Verdict:
    if not margin.defined or margin.low != margin.low:
        return Verdict.UNTESTED
    return Verdict.TRUSTED if margin.low > limit else otherwise


def _judged(
    method: str,
    test: str,
    values: Tensor,
    null: Tensor,
    verdict: Verdict,
    words: tuple[str, str],
) -> Judged:
    estimate = mean_of(values.numpy())
    chance = float(null.nanmean()) if bool((~null.isnan()).any()) else float("nan")
    if not estimate.defined:
        words = (
            f"{test} could not be tested: nothing here moves the answer or tells it apart",
        ) * 2
    said = words[0] if verdict in (Verdict.TRUSTED, Verdict.UNTESTED) else words[1]
    return Judged(
        method=method,
        test=test,
        estimate=estimate,
        null=chance,
        verdict=verdict,
        sentence=said.format(value=_said(estimate.value), null=_said(chance)),
    )


def _said(number: float) -> str:
    return "not known" if math.isnan(number) else f"{number:.2g}"
