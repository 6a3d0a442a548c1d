"""Why a detector says fake: which frequencies, and which regions, its score rests on.

A part of an image is replaced by that of a real one, and put into that real one instead of its
own: how far the score falls and how far it rises, a mean, is the part's evidence. What mixing
itself does is seen where both are real: only what goes beyond that counts. Whether the parts put first are those
that decide is tested by taking them out in that order, with stand-ins the order never saw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from auditkit.detection.corpus import GENERATOR, IMAGE, NOBODY, ORIGINAL, SOURCE
from auditkit.detection.files import Detector
from auditkit.detection.members.table import MEMBERS, VOTING
from auditkit.detection.swapping import Lens, Square, scored, stand_in, swapped
from auditkit.errors import DataError
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate, independent_difference

Floats = NDArray[np.float64]
DRAWS = 3  # stand-ins a square: two for its evidence, the last for the test
ORDERS = 2  # random orders, each from both ends
AT_ONCE = 256  # squares a pass
SAID = (
    "the score falls sooner in this order than in a random one, by {value} of its range",
    "the score falls no sooner in this order than in a random one",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """How far the score of n squares follows each part, between them and real images.

    falls (n, players, 1 + members) holds how far the score, and each member's, falls without the
    part; rises how far that of the real image rises by it. In standard deviations of real images,
    above 0 where the part speaks for a fake; NaN without a stand-in.
    """

    lens: Lens
    falls: Floats
    rises: Floats

    @property
    def values(self) -> Floats:
        """The mean of both: the first and the last terms of a part's Shapley value."""
        return (self.falls + self.rises) / 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Deletion:
    """The score as parts are replaced one after another, and what that says of their order.

    curves has a row for each share of parts replaced: the mean score where the weightiest go
    first, where a random one does, where the lightest does.
    """

    curves: pd.DataFrame
    judged: Judged


def stand_ins(
    rows: pd.DataFrame, squares: Sequence[Square], reals: pd.DataFrame, rng: np.random.Generator
) -> list[list[Square]]:
    """DRAWS pieces of real images for each square, of other originals and its own source if any.

    rows and reals are corpora. Empty where too few real images are as large as the square.
    """
    every = []
    for (_, row), square in zip(rows.iterrows(), squares, strict=True):
        others = reals[reals[ORIGINAL] != row[ORIGINAL]]
        order = rng.permutation(len(others))
        apart = (others[SOURCE] != row[SOURCE]).to_numpy()[order]
        found: list[Square] = []
        for place in order[np.argsort(apart, kind="stable")]:
            piece = stand_in(square, others[IMAGE].iloc[place], rng)
            if piece is not None:
                found.append(piece)
            if len(found) == DRAWS:
                break
        every.append(found if len(found) == DRAWS else [])
    return every


def evidence(
    detector: Detector,
    squares: Sequence[Square],
    others: Sequence[Sequence[Square]],
    lens: Lens,
    runtime: Runtime,
) -> Evidence:
    """What each part of each square says, by all its stand-ins but the last."""
    players, columns = len(lens.players), 1 + len(MEMBERS)
    falls = np.full((len(squares), players, columns), np.nan)
    rises = falls.copy()
    alone = torch.eye(players, dtype=torch.bool)
    for places, own in _by_size(squares, others):
        # Nobody out, everybody out, each one out, all but each one out.
        ends = torch.tensor([[False], [True]]).expand(2, players)
        sets = torch.cat([ends, alone, ~alone]).expand(len(own), -1, -1)
        seen = []
        for draw in range(DRAWS - 1):
            given = torch.stack([torch.from_numpy(others[i][draw]) for i in places])
            seen.append(_without(detector, lens, own, given, sets, runtime))
        said = torch.stack(seen).mean(0)
        without, within = said[:, 2:].chunk(2, dim=1)
        falls[places] = (said[:, :1] - without).numpy()
        rises[places] = (within - said[:, 1:2]).numpy()
    return Evidence(lens=lens, falls=falls, rises=rises)


def deletion(
    detector: Detector,
    squares: Sequence[Square],
    others: Sequence[Sequence[Square]],
    found: Evidence,
    runtime: Runtime,
) -> Deletion:
    """Whether the score follows the parts in the order of their evidence.

    The last stand-in of each square takes the parts' places, which the evidence never saw.
    """
    lens, curves, margins = found.lens, [], []
    with runtime.seeded(f"deletion {lens.name}"):
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
    for places, own in _by_size(squares, others):
        given = torch.stack([torch.from_numpy(others[i][-1]) for i in places])
        scores = torch.from_numpy(found.values[places, :, 0])
        sets, steps = _orders(scores, generator)
        answers = _without(detector, lens, own, given, sets.flatten(1, 2), runtime)[:, :, 0]
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
    return Deletion(curves=frame, judged=judged)


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


def contrasts(
    found: Evidence, rows: pd.DataFrame, *, column: int = 0, confidence: float = 0.95
) -> pd.DataFrame:
    """By generator and part: the mean evidence in fakes, what mixing does to reals, the gap.

    One row for each generator and part: generator, part, fakes, reals, difference, low, high, n.
    reals is how far a real image's score rises by the part of another real one. Images of one
    original count once; the intervals hold together at `confidence` (Bonferroni).
    """
    names = [one for one in rows[GENERATOR].unique() if one != NOBODY]
    shared = 1 - (1 - confidence) / max(len(names) * len(found.lens.players), 1)
    lines = []
    for place, part in enumerate(found.lens.players):
        each = pd.Series(found.values[:, place, column], rows.index)
        mixed = pd.Series(found.rises[:, place, column], rows.index)
        reals = _mean(mixed, rows, NOBODY, shared)
        for name in names:
            fakes = _mean(each, rows, name, shared)
            gap = independent_difference(fakes, reals)
            figures = (fakes.value, reals.value, gap.value, gap.low, gap.high, fakes.n)
            lines.append((name, part, *figures))
    columns = ["generator", "part", "fakes", "reals", "difference", "low", "high", "n"]
    return pd.DataFrame(lines, columns=columns)


def _mean(each: pd.Series, rows: pd.DataFrame, generator: str, confidence: float) -> Estimate:
    kept = rows[GENERATOR] == generator
    whole = each[kept].groupby(rows.loc[kept, ORIGINAL]).mean()
    return mean_of(whole.to_numpy(), "no real image is as large", confidence=confidence)


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


def _by_size(
    squares: Sequence[Square], others: Sequence[Sequence[Square]]
) -> list[tuple[list[int], Tensor]]:
    """Places of the squares of each size that have stand-ins, and these (B, h, w)."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    for place, one in enumerate(squares):
        if others[place]:
            sizes.setdefault(one.shape, []).append(place)
    return [
        (places, torch.stack([torch.from_numpy(squares[i]) for i in places]))
        for places in sizes.values()
    ]
