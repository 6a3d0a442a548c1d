"""By how much one more row of a cell moves an amplification: standard errors without drawing.

The influence of a cell is the derivative of a figure when the cell's share grows, (T, T, A) as the
counts. The variance of a figure over n rows is the variance of its influence over the rows, / n.
p is a table of shares (truth, prediction, attribute) without an empty group or task.
"""

from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Literal["attribute_to_task", "mals"]

Counts = NDArray[np.int64] | NDArray[np.float64]

MOST_EXACT = 3_000_000_000  # rows whose products of counts are still whole numbers of 64 bits
PSEUDO = 2.0  # rows, spread evenly over the cells of a group


class Gauge(NamedTuple):
    """An amplification, that of a blind classifier, and the influence of each cell on both.

    lean is how far value is expected to miss on average because the direction of an unsure link
    was read off the same labels (labels regress to the mean, and predictions with them).
    """

    value: float
    noise: float
    of_value: Floats
    of_noise: Floats
    lean: float


def smoothed(counts: NDArray[np.int64], alike: float = 1.0) -> Floats:
    """The counts with two rows added to each group, spread over its cells.

    No rate is then 0 or 1, where a standard error would vanish (Agresti & Min 2005 add as many to
    a table of pairs). alike is how many rows of a cluster tell as much as one.
    """
    tasks = counts.shape[0]
    return np.asarray(counts + alike * PSEUDO / tasks**2)


def links(truth: Counts) -> Floats:
    """1 where P(task, attribute) > P(task) P(attribute) in the counts (T, A), else -1."""
    total = truth.sum()
    truth = truth if total <= MOST_EXACT else truth.astype(np.float64)
    beyond = truth * total > truth.sum(axis=1, keepdims=True) * truth.sum(axis=0)
    return np.where(beyond, 1.0, -1.0)


def favoured(truth: Counts) -> NDArray[np.bool_]:
    """Whether the attribute holds more of the task's rows than 1 / A, in the counts (T, A)."""
    return np.asarray(truth * truth.shape[1] > truth.sum(axis=1, keepdims=True))


def gauge(p: Floats, truth: Counts, measure: Measure) -> Gauge:
    """The amplification of the counts p along the links that the counts `truth` have.

    The influences are NaN where a task never occurs; smoothed counts have them.
    """
    n = float(p.sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        if measure == "mals":
            return _mals(p / n, favoured(truth), n)
        return _attribute_to_task(p / n, links(truth), n)


def standard_error(influence: Floats, weights: Floats) -> float:
    """Of a figure with this influence, over as many rows as the weights sum to."""
    n = float(weights.sum())
    mean = float((weights * influence).sum()) / n
    return float(np.sqrt(max(float((weights * (influence - mean) ** 2).sum()), 0.0))) / n


def _attribute_to_task(p: Floats, link: Floats, n: float) -> Gauge:
    tasks, _, attributes = p.shape
    scale = 1 / (tasks * attributes)
    true, said, size = p.sum(axis=1), p.sum(axis=0), p.sum(axis=(0, 1))
    base, confusion = true / size, _confusion(p)  # P(t | a) (T, A); P(t^ | t) (T, T^)
    # A row adds link(prediction) - link(truth) to its own group's mean.
    gain = link[None, :, :] - link[:, None, :]
    mean = (link * (said / size - base)).sum(axis=0)
    of_value = scale / size * (gain - mean)
    # Blind, it adds what its truth's predictions add on average, and moves the confusion rates.
    expected = confusion @ link - link
    blind_mean = (base * expected).sum(axis=0)
    pull = base @ link.T  # (T, T^): sum over a of P(t | a) link(t^, a)
    moved = (pull - (confusion * pull).sum(axis=1, keepdims=True)) / true.sum(axis=1)[:, None]
    of_noise = scale * ((expected - blind_mean) / size)[:, None, :] + scale * moved[:, :, None]
    return Gauge(
        value=scale * float(mean.sum()),
        noise=scale * float(blind_mean.sum()),
        of_value=np.broadcast_to(of_value, p.shape),
        of_noise=of_noise,
        lean=2 * scale * _lean_of_links(p, n),
    )


def _mals(p: Floats, counted: NDArray[np.bool_], n: float) -> Gauge:
    tasks = len(p)
    true, said = p.sum(axis=1), p.sum(axis=0)
    of_task, of_said = true.sum(axis=1), said.sum(axis=1)
    confusion = _confusion(p)
    blind = confusion.T @ true  # (T^, A)
    # Shares of the counted attributes among the rows of a task: true, predicted, blind.
    had, has, gets = (
        (counted * one).sum(axis=1) / n
        for one, n in ((true, of_task), (said, of_said), (blind, of_said))
    )
    of_had = ((counted - had[:, None]) / of_task[:, None])[:, None, :]
    of_has = ((counted - has[:, None]) / of_said[:, None])[None, :, :]
    reach = counted / of_said[:, None]  # (T^, A)
    pull = true @ reach.T  # (T, T^): sum over a of p(t, a) counted(t^, a) / p(t^)
    moved = (pull - (confusion * pull).sum(axis=1, keepdims=True)) / of_task[:, None]
    of_gets = (confusion @ reach)[:, None, :] + (moved - (gets / of_said)[None, :])[:, :, None]
    return Gauge(
        value=float((has - had).mean()),
        noise=float((gets - had).mean()),
        of_value=(of_has - of_had) / tasks,
        of_noise=(of_gets - of_had) / tasks,
        lean=_lean_of_favour(p, n) / tasks,
    )


def _lean_of_links(p: Floats, n: float) -> float:
    """Sum over cells of E[(D seen - D) at the edge of a link], D = P(t^ | a) - P(t | a)."""
    true, size = p.sum(axis=1), p.sum(axis=(0, 1))
    base, overall = true / size, true.sum(axis=1, keepdims=True)
    kept = np.einsum("tta->ta", p) / size
    shared = (kept - p.sum(axis=0) / size * base - base * (1 - base)) * (1 - size) / size
    spread = base * (1 - base) * (1 / size - 2) + overall * (1 - overall)
    return _at_the_edge(base - overall, shared, spread, n)


def _lean_of_favour(p: Floats, n: float) -> float:
    """The same for D = P(a | t^) - P(a | t), at the edge of P(a | t) > 1 / A."""
    true, said = p.sum(axis=1), p.sum(axis=0)
    had = true / true.sum(axis=1, keepdims=True)
    has = said / said.sum(axis=1, keepdims=True)
    both = np.einsum("tta->ta", p)
    rows = both.sum(axis=1, keepdims=True)
    product = both * (1 - has - had) + rows * has * had
    spread = had * (1 - had) / true.sum(axis=1, keepdims=True)
    shared = product / (true.sum(axis=1) * said.sum(axis=1))[:, None] - spread
    return _at_the_edge(had - 1 / p.shape[2], shared, spread, n)


def _at_the_edge(distance: Floats, shared: Floats, spread: Floats, n: float) -> float:
    """Sum of covariance x density of a link's estimate at 0 (Stein's lemma).

    The links seen are stronger than the true ones: they are shrunk as much as chance explains.
    """
    spread = np.maximum(spread, 1e-300)
    score = n * distance**2 / spread
    kept = max(0.0, 1 - score.size / float(score.sum())) if score.sum() > 0 else 0.0
    density = np.exp(-0.5 * kept**2 * score) / np.sqrt(2 * np.pi)
    return float((shared / np.sqrt(spread * n) * density).sum())


def _confusion(p: Floats) -> Floats:
    """P(prediction | truth) over all groups, (T, T^)."""
    pooled = p.sum(axis=2)
    with np.errstate(invalid="ignore"):
        return cast(Floats, np.nan_to_num(pooled / pooled.sum(axis=1, keepdims=True)))
