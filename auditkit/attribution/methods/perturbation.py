"""What the answer loses where a part of the input is taken out, or a window slid over it."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor

from auditkit.attribution.base import METHODS, Family, Found, Method, anything
from auditkit.attribution.players import HELD, Players
from auditkit.attribution.question import Question
from auditkit.attribution.shapley.game import game_of, games, placed
from auditkit.errors import UsageError

Sides = int | Sequence[int] | None


def slides(question: Question) -> str:
    """Why a window has nothing to slide over, "" where it has: one input of several steps."""
    moved = [i for i, one in enumerate(question.players.masks) if bool((one != HELD).any())]
    if moved != [0] or question.inputs[0].ndim < 2:
        return (
            "a window slides over the one input that is taken out, and here that is not the first "
            "alone"
        )
    return ""


def feature_ablation(question: Question) -> Found:
    """The answer minus that with one player out, for each."""
    game = game_of(question)
    singles = ~torch.eye(game.players, dtype=torch.bool)
    lost = question.own[:, None] - game.values(singles)
    return Found(values=question.players.spread(lost))


def occlusion(question: Question, window: Sides = None, stride: Sides = None) -> Found:
    """The answer minus that with a window out; at a number, the mean over the windows on it.

    window and stride are in steps of the first input's axes after the rows; an image's channels
    and a sequence's features go out together. By default a window spans a quarter of an axis
    and moves by half of itself; over a table's columns it spans one.
    """
    sides = _sides(question.inputs[0])
    windows = _numbers(window, [max(1, -(-side // 4)) for side in sides], "window", sides)
    if question.inputs[0].ndim == 2 and question.inputs[0].is_floating_point() and window is None:
        windows = [1]
    strides = _numbers(stride, [max(1, one // 2) for one in windows], "stride", sides)
    for side, wide, step in zip(sides, windows, strides, strict=True):
        if step > wide:
            raise UsageError(
                f"a window of {wide} that moves by {step} leaves gaps on an axis of {side}: give "
                f"a stride of at most {wide}"
            )
    covered = _windows(sides, windows, strides)  # (windows, cells)
    game = game_of(_by_cells(question, sides))
    lost = question.own[:, None] - game.values(~covered)
    counts = covered.sum(dim=0).to(lost.device)
    cells = lost @ covered.double().to(lost.device) / counts
    mask = game.masks[0]
    places = mask.expand(question.rows, *mask.shape[1:]).reshape(question.rows, -1)
    first = cells.gather(1, places.clamp(min=0)).masked_fill(places == HELD, 0.0)
    others = (torch.zeros(one.shape, dtype=torch.float64) for one in question.inputs[1:])
    return Found(values=(first.view(question.inputs[0].shape), *others))


def lime(
    question: Question,
    evaluations: int | None = None,
    width: float = 0.25,
    ridge: float = 1e-4,
) -> Found:
    """The slopes of a linear fit to the answers near the row, by which players are in.

    A coalition counts exp(-d^2 / (2 width^2)) at the cosine distance d = 1 - sqrt(share of players
    in). All numbers of players that are out are equally likely in the `evaluations` coalitions
    (1,024, or 8 for each player where that is more), which all rows share; where there are no
    more than that, all are asked. ridge is the part by
    which a slope is drawn towards 0.

    Ribeiro, Singh & Guestrin 2016; standard errors as of a weighted regression whose spread may
    differ from coalition to coalition (White 1980, HC3).
    """
    if evaluations is None:
        evaluations = max(1024, 8 * question.players.most)
    if evaluations < 4 * question.players.most or not width > 0 or ridge < 0:
        raise UsageError(
            f"lime was given {evaluations} evaluations, width {width} and ridge {ridge}: give at "
            f"least {4 * question.players.most} evaluations, a width above 0 and a ridge of 0 "
            "or more"
        )
    rng = question.runtime.rng("attribution lime")
    parts = []
    for game, owners in games(question):
        sets, all_asked = _neighbours(game.players, evaluations, rng)
        slopes, errors = _slopes(sets, game.values(sets), width, ridge)
        parts.append((game.rows, owners, slopes, errors * (not all_asked)))
    values = placed(question, [(rows, owners, one) for rows, owners, one, _ in parts])
    errors = placed(question, [(rows, owners, one) for rows, owners, _, one in parts])
    return Found(values=question.players.spread(values), errors=question.players.spread(errors))


def _neighbours(players: int, evaluations: int, rng: np.random.Generator) -> tuple[Tensor, bool]:
    """Coalitions to fit to, and whether they are all there are."""
    if 2**players <= evaluations:
        numbers = torch.arange(2**players)
        return (numbers[:, None] >> torch.arange(players) & 1).bool(), True
    out = rng.integers(0, players + 1, evaluations)  # how many are out: all counts alike
    order = rng.random((evaluations, players)).argsort(axis=1).argsort(axis=1)
    found = torch.from_numpy(order >= out[:, None])
    found[0] = True
    return found, False


def _slopes(sets: Tensor, values: Tensor, width: float, ridge: float) -> tuple[Tensor, Tensor]:
    """Slopes and their standard errors, (B, k) each, for values (B, S) of sets (S, k)."""
    near = sets.double().mean(dim=1).sqrt()
    weights = torch.exp(-((1 - near) ** 2) / (2 * width**2)).to(values.device)
    columns = torch.cat([torch.ones(len(sets), 1), sets], dim=1).double().to(values.device)
    centre = weights @ columns / weights.sum()
    penalty = ridge * (weights @ (columns - centre) ** 2)  # 0 for the intercept
    inverse = torch.linalg.inv(columns.T @ (weights[:, None] * columns) + penalty.diag())
    hat = inverse @ (weights[:, None] * columns).T  # (k + 1, S)
    fit = hat @ values.T
    leverage = (columns * hat.T).sum(dim=1).clamp(max=0.99)
    left = (values.T - columns @ fit) / (1 - leverage)[:, None]
    errors = (hat**2 @ left**2).sqrt()
    return fit[1:].T, errors[1:].T


def _sides(first: Tensor) -> list[int]:
    """The axes that a window moves along: an image's last two, else the one after the rows."""
    return list(first.shape[2:] if first.ndim >= 4 else first.shape[1:2])


def _numbers(given: Sides, default: list[int], word: str, sides: list[int]) -> list[int]:
    found = default if given is None else given
    found = [found] * len(sides) if isinstance(found, int) else list(found)
    if len(found) != len(sides) or any(
        not 1 <= one <= side for one, side in zip(found, sides, strict=False)
    ):
        axes = " x ".join(map(str, sides))
        raise UsageError(
            f"the {word} is {given} on an input of {axes}: give a whole number from 1, or one "
            "for each axis, within it"
        )
    return found


def _windows(sides: list[int], windows: list[int], strides: list[int]) -> Tensor:
    """Which cells each window covers, (windows, cells); the last of an axis ends where it ends."""
    spans = []
    for side, wide, step in zip(sides, windows, strides, strict=True):
        firsts = [*range(0, side - wide, step), side - wide]
        places = torch.arange(side)
        spans.append([(places >= first) & (places < first + wide) for first in firsts])
    found = []
    for one in product(*spans):
        cells = one[0]
        for other in one[1:]:
            cells = (cells[:, None] & other).reshape(-1)
        found.append(cells)
    return torch.stack(found)


def _by_cells(question: Question, sides: list[int]) -> Question:
    """The question with each step of the first input's axes a player; what was held still is."""
    first = question.inputs[0]
    cells = torch.arange(math.prod(sides), device=first.device).view(1, *sides)
    while cells.ndim < first.ndim:
        cells = cells[:, None] if first.ndim >= 4 else cells[..., None]
    own = question.players.masks[0].to(first.device)
    shape = (len(own), *first.shape[1:])
    mask = torch.where(own == HELD, own, cells.expand(shape))
    rest = [torch.full_like(one[:1], HELD) for one in question.players.masks[1:]]
    return Question(
        model=question.model,
        inputs=question.inputs,
        targets=question.targets,
        baseline=question.baseline,
        players=Players(
            masks=(mask, *rest), names=(tuple(str(i) for i in range(math.prod(sides))),)
        ),
        runtime=question.runtime,
        cost=question.cost,
    )


for _method in (
    Method(
        name="feature_ablation",
        family=Family.PERTURBATION,
        run=feature_ablation,
        can=anything,
        baseline=True,
        summary="what the answer loses where one part is taken out",
        paper="Zeiler & Fergus 2014; Li, Monroe & Jurafsky 2016",
    ),
    Method(
        name="occlusion",
        family=Family.PERTURBATION,
        run=occlusion,
        can=slides,
        baseline=True,
        summary="what the answer loses where a window is covered, averaged over its places",
        paper="Zeiler & Fergus 2014",
    ),
    Method(
        name="lime",
        family=Family.PERTURBATION,
        run=lime,
        can=anything,
        baseline=True,
        samples=True,
        summary="the slopes of a straight fit to the answers where some parts are taken out",
        paper="Ribeiro, Singh & Guestrin 2016",
    ),
):
    METHODS.register(_method.name)(_method)
