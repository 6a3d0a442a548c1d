"""How much each player weighs over many rows, with intervals over the rows."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import t

from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]

METHOD = "t over rows, logit scale"
WEIGHTS = ["player", "weight", "low", "high", "share", "share low", "share high", "direction"]


def weights(values: ArrayLike, names: ArrayLike, *, confidence: float = 0.95) -> pd.DataFrame:
    """A line for each player, the heaviest first, from contributions (n, players).

    weight is the mean size of its contribution with a t interval over the rows, share its part
    of all weights together, direction its mean contribution, sign and all. Where nothing weighs
    anything the shares are NaN.
    """
    phi = np.asarray(values, float)
    size = np.abs(phi)
    n = len(size)
    mean = size.mean(axis=0)
    spread = size.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(len(mean), np.nan)
    reach = t.ppf((1 + confidence) / 2, max(n - 1, 1)) * spread
    shared = [share(phi, [i], confidence=confidence) for i in range(phi.shape[1])]
    frame = pd.DataFrame(
        {
            "player": np.asarray(names, dtype=object),
            "weight": mean,
            "low": np.maximum(mean - reach, 0),
            "high": mean + reach,
            "share": [one.value for one in shared],
            "share low": [one.low for one in shared],
            "share high": [one.high for one in shared],
            "direction": phi.mean(axis=0),
        },
        columns=WEIGHTS,
    )
    return frame.sort_values("weight", ascending=False, kind="stable", ignore_index=True)


def share(values: ArrayLike, players: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """The part of all weight that some players carry together: 0 to 1.

    values (n, all players) are contributions; the weight of a player in a row is its size. A
    ratio of two means, its error by the delta method over rows, its interval on the logit scale.
    Undefined where nothing weighs anything; without an interval from one row.
    """
    size = np.abs(np.asarray(values, float))
    n = len(size)
    part, whole = size[:, np.asarray(players, int)].sum(axis=1), size.sum(axis=1)
    if not whole.any():
        return undefined("no contribution differs from 0", n=n, method=METHOD)
    value = float(part.sum() / whole.sum())
    if n < 2:
        return Estimate(
            value=value, low=np.nan, high=np.nan, n=n, method=METHOD, confidence=confidence
        )
    error = float(np.std(part - value * whole, ddof=1) / np.sqrt(n) / whole.mean())
    low, high = _limits(value, error, n, confidence)
    return Estimate(value=value, low=low, high=high, n=n, method=METHOD, confidence=confidence)


def by_name(
    names: Sequence[Sequence[str]], values: ArrayLike, *, least: int = 5, confidence: float = 0.95
) -> pd.DataFrame:
    """Mean contribution of what is called alike (a word) in at least `least` rows.

    names are those of each row's players, values (n, most players) their contributions. A line
    for each name: name, rows, value, low, high, the largest size first; a row in which a name
    occurs twice counts once, with the mean. Names differ by case alone where letters do.
    """
    phi = np.asarray(values, float)
    seen: dict[str, list[float]] = defaultdict(list)
    for row, own in enumerate(names):
        here: dict[str, list[float]] = defaultdict(list)
        for player, name in enumerate(own):
            here[name.casefold()].append(phi[row, player])
        for name, found in here.items():
            seen[name].append(float(np.mean(found)))
    lines = []
    for name, found in seen.items():
        n = len(found)
        if n >= max(least, 2):
            reach = t.ppf((1 + confidence) / 2, n - 1) * np.std(found, ddof=1) / np.sqrt(n)
            mean = float(np.mean(found))
            lines.append((name, n, mean, mean - reach, mean + reach))
    frame = pd.DataFrame(lines, columns=["name", "rows", "value", "low", "high"])
    order = frame["value"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def mean_map(values: ArrayLike) -> Floats:
    """The mean size of each pixel's contribution, (H, W), from (n, channels, H, W)."""
    return np.asarray(np.abs(np.asarray(values, float)).sum(axis=1).mean(axis=0))


def mean_picture(pixels: ArrayLike) -> NDArray[np.uint8]:
    """The mean of images (n, channels, H, W) in [0, 1] as greys of 0 to 255, (H, W)."""
    grey = np.asarray(pixels, float).mean(axis=(0, 1))
    return np.asarray(np.round(255 * np.clip(grey, 0, 1)), dtype=np.uint8)


def over_time(values: ArrayLike, lengths: ArrayLike, *, parts: int = 10) -> Floats:
    """The mean size of contributions by channel and tenth of a row's time, (channels, parts).

    values are (n, T, channels), lengths (n,) the steps of each row that there are. A part in
    which no row has a step is NaN.
    """
    phi = np.abs(np.asarray(values, float))
    steps = np.asarray(lengths, int)
    total = np.zeros((phi.shape[2], parts))
    count = np.zeros(parts)
    for row, length in zip(phi, steps, strict=True):
        part = np.arange(length) * parts // length
        np.add.at(total.T, part, row[:length])
        np.add.at(count, part, 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(count > 0, total / count, np.nan))


def parts_of_time(values: ArrayLike, lengths: ArrayLike, *, parts: int = 10) -> Floats:
    """What each part of a row's own time contributed, (n, parts): rows of any lengths compare.

    values are (n, T, channels), lengths (n,) the steps of each row. A step that lies in two
    parts gives each its share.
    """
    phi = np.asarray(values, float).sum(axis=2)
    part = np.arange(parts)
    found = np.zeros((len(phi), parts))
    for row, length in enumerate(np.asarray(lengths, int)):
        step = np.arange(length)[:, None]
        end = np.minimum((step + 1) / length, (part + 1) / parts)
        within = np.clip(end - np.maximum(step / length, part / parts), 0, None) * length
        found[row] = phi[row, :length] @ within
    return found


def _limits(value: float, error: float, n: int, confidence: float) -> tuple[float, float]:
    if error == 0 or value in (0.0, 1.0):
        return value, value
    reach = t.ppf((1 + confidence) / 2, n - 1) * error / (value * (1 - value))
    return float(expit(logit(value) - reach)), float(expit(logit(value) + reach))
