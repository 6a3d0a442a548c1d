"""Why a detector says fake: which frequencies, and which regions, its score rests on.

A part of an image is replaced by that of a real one, and put into that real one instead of its
own: how far the score falls and how far it rises, a mean, is the part's evidence. What mixing
itself does is seen where both are real: only what goes beyond that counts. Whether the parts put
first are those that decide is tested by taking them out in that order, with stand-ins that the
order never saw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.judging.removal import area, counts, ranks
from auditkit.attribution.judging.verdicts import Judged, Verdict, beats
from auditkit.detection.calibration import Calibration
from auditkit.detection.corpus import GENERATOR, NOBODY, ORIGINAL
from auditkit.detection.files import Detector
from auditkit.detection.members.table import MEMBERS, VOTING
from auditkit.detection.swapping import DRAWS, Exchange, Lens, scored, swapped
from auditkit.errors import DataError
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate, independent_difference

Floats = NDArray[np.float64]
ORDERS = 2  # random orders, each from both ends
SHOWN = 32  # pixels on a side that a picture needs
AT_ONCE = 256  # squares a pass
TOGETHER = "Student's t over originals, all parts and generators together (Bonferroni)"
SAID = (
    "the score follows the order of evidence: {value} of its range ahead of a random order",
    "the score follows the order of evidence no better than a random order ({value})",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """How far the score of n squares follows each part, between them and real images.

    falls (n, players, 1 + members) holds how far the score, and each member's, falls without the
    part; rises how far that of the real image rises by it. The score in log odds of a fake, members
    in standard deviations of real images, above 0 where the part speaks for a fake; NaN without a
    stand-in.
    """

    lens: Lens
    falls: Floats
    rises: Floats

    @property
    def values(self) -> Floats:
        """The mean of both: the first and the last terms of a part's Shapley value."""
        return (self.falls + self.rises) / 2

    def at(self, places: Sequence[int]) -> "Evidence":
        """That of some squares."""
        rows = list(places)
        return Evidence(lens=self.lens, falls=self.falls[rows], rises=self.rises[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class Deletion:
    """The score as parts are replaced one after another, and what that says of their order.

    curves has a row for each share of parts replaced: the mean score where the weightiest go
    first, where a random one does, where the lightest does.
    """

    curves: pd.DataFrame
    judged: Judged


def evidence(detector: Detector, given: Exchange, lens: Lens, runtime: Runtime) -> Evidence:
    """What each part of each square says, by all its stand-ins but the last."""
    players, count = len(lens.players), len(given.squares)
    falls = np.full((count, players, 1 + len(MEMBERS)), np.nan)
    rises = falls.copy()
    alone = torch.eye(players, dtype=torch.bool)
    for places, own, pieces in given.by_size():
        # Nobody out, everybody out, each one out, all but each one out.
        ends = torch.tensor([[False], [True]]).expand(2, players)
        sets = torch.cat([ends, alone, ~alone]).expand(len(own), -1, -1)
        seen = [
            _without(detector, lens, own, pieces[:, draw], sets, runtime)
            for draw in range(DRAWS - 1)
        ]
        said = torch.stack(seen).mean(0)
        without, within = said[:, 2:].chunk(2, dim=1)
        falls[places] = (said[:, :1] - without).numpy()
        rises[places] = (within - said[:, 1:2]).numpy()
    return Evidence(lens=lens, falls=falls, rises=rises)


def deletion(detector: Detector, given: Exchange, found: Evidence, runtime: Runtime) -> Deletion:
    """Whether the score follows the parts in the order of their evidence.

    The last stand-in of each square takes the parts' places, which the evidence never saw. Raises
    DataError where no square has one.
    """
    lens, curves, margins = found.lens, [], []
    with runtime.seeded(f"deletion {lens.name}"):
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
    for places, own, pieces in given.by_size():
        scores = torch.from_numpy(found.values[places, :, 0])
        sets, steps = _orders(scores, generator)
        answers = _without(detector, lens, own, pieces[:, -1], sets.flatten(1, 2), runtime)[:, :, 0]
        answers = answers.view(sets.shape[:3])  # (B, orders, steps)
        curves.append(torch.stack([answers[:, 0], answers[:, 2:].mean(1), answers[:, 1]], dim=2))
        margins.append(_margin(answers, steps))
    if not curves:
        raise DataError("no real image is as large as one of these squares: give larger ones")
    share = steps[0].double() / len(lens.players)
    mean = torch.cat(curves).mean(0).numpy()
    judged = beats(lens.name, "order", torch.cat(margins), 0.0, SAID, otherwise=Verdict.FAILED)
    frame = pd.DataFrame(mean, columns=["weightiest first", "random order", "lightest first"])
    frame.insert(0, "share", share.numpy())
    return Deletion(curves=frame.drop_duplicates("share", ignore_index=True), judged=judged)


def _orders(scores: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Who is out, (B, 2 + 2 ORDERS, T, P), and how many are, (B, T).

    By the scores (B, P) from both ends, then by random orders, each from both ends.
    """
    rows, players = scores.shape
    exists = torch.ones(rows, players, dtype=torch.bool)
    steps = counts(exists.sum(1))
    blind = torch.zeros_like(scores)
    out = []
    for one in (scores, *[blind] * ORDERS):
        places = ranks(one, exists, generator)
        for place in (places, players - 1 - places):
            out.append(place[:, None, :] < steps[:, :, None])
    return torch.stack(out, dim=1), steps


def _margin(answers: Tensor, steps: Tensor) -> Tensor:
    """How much sooner than by chance the score falls, in parts of its range, (B,).

    The mean of both ends, so that a random order gives 0 on average.
    """
    height = area(answers.transpose(0, 1), steps).T  # (B, orders)
    span = answers.flatten(1).amax(1) - answers.flatten(1).amin(1)
    return (height[:, 1] - height[:, 0]) / 2 / torch.where(span > 0, span, torch.nan)


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """What a part says in a generator's fakes, beyond what mixing does to real images.

    fakes is its mean evidence in them, reals how far a real image's score rises by the part of
    another real one, gap the difference; all in log odds of a fake.
    """

    generator: str
    part: str
    fakes: Estimate
    reals: Estimate
    gap: Estimate


def contrasts(
    found: Evidence, rows: pd.DataFrame, *, column: int = 0, confidence: float = 0.95
) -> list[Contrast]:
    """Every generator and part, by the score or, with a higher column, by a member.

    Images of one original count once; all intervals hold together at `confidence` (Bonferroni).
    """
    names = [one for one in rows[GENERATOR].unique() if one != NOBODY]
    alone = 1 - (1 - confidence) / max(len(names) * len(found.lens.players), 1)
    values, rises = found.values[:, :, column], found.rises[:, :, column]
    told = []
    for place, part in enumerate(found.lens.players):
        reals = _mean(rises[:, place], rows, NOBODY, alone)
        for name in names:
            fakes = _mean(values[:, place], rows, name, alone)
            gap = replace(independent_difference(fakes, reals), method=TOGETHER)
            told.append(Contrast(generator=name, part=part, fakes=fakes, reals=reals, gap=gap))
    return told


def strongest(told: Sequence[Contrast]) -> dict[str, Contrast]:
    """Of each generator the part whose evidence is most surely there."""
    best: dict[str, Contrast] = {}
    for one in told:
        known = best.get(one.generator)
        if one.gap.defined and (known is None or one.gap.low > known.gap.low):
            best[one.generator] = one
    return best


def _mean(values: Floats, rows: pd.DataFrame, generator: str, confidence: float) -> Estimate:
    kept = (rows[GENERATOR] == generator).to_numpy()
    whole = pd.Series(values[kept]).groupby(rows[ORIGINAL].to_numpy()[kept]).mean()
    return mean_of(whole.to_numpy(), "no real image is as large", confidence=confidence)


def pictured(given: Exchange, found: Evidence, place: int) -> tuple[Floats, Floats]:
    """A square's brightness in [0, 1] and the evidence of its regions, both (h, w).

    At half the size where it is large: a map is no finer than its regions.
    """
    square = torch.from_numpy(given.squares[place]).double()
    each = torch.from_numpy(found.values[place, :, 0])
    map_ = torch.einsum("p,phw->hw", each, found.lens.shares(*square.shape).double())
    both = torch.stack([square, map_])
    if min(square.shape) > SHOWN:
        both = torch.nn.functional.avg_pool2d(both[None], 2)[0]
    return both[0].numpy(), both[1].numpy()


def grounds(answer: Mapping[str, Any], law: Calibration) -> str:
    """What an answer rests on, in a few words, from its row of `calibration.answers`."""
    edges = dict(zip(MEMBERS, law.edges, strict=True))
    many = sum(answer[name] > edges[name] for name in VOTING)
    first = max(VOTING, key=lambda name: answer[name])
    by = f"{MEMBERS[first].title} ({answer[first]:+.1f} standard deviations of real images)"
    found = f"{many} of {len(VOTING)} members find it suspicious"
    return f"{found}, {'most by' if many else 'the closest by'} {by}"


def _without(
    detector: Detector, lens: Lens, own: Tensor, given: Tensor, sets: Tensor, runtime: Runtime
) -> Tensor:
    """Score and members with the players `sets` (B, S, P) replaced, (B, S, 1 + members)."""
    every, found = torch.arange(len(own) * sets.shape[1]), []
    for some in torch.split(every, AT_ONCE):
        rows, out = some // sets.shape[1], sets.flatten(0, 1)[some]
        found.append(scored(detector, swapped(lens, own[rows], given[rows], out), runtime))
    return torch.cat(found).view(*sets.shape[:2], -1)
