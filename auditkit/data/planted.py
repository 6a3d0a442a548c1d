"""Tables with a known answer: what is planted must be found, and its absence must not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from auditkit.data.schema import Column, Kind, Schema
from auditkit.errors import UsageError

GROUP_NAMES = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, kw_only=True, eq=False)
class PlantedTable:
    """Rows, their schema and the truth behind them.

    frame has the features merit, noise and branch, the sensitive column group, the target label
    (1 is positive), and what a made-up model says: score in [0, 1] and prediction = score >= .5.
    rates are the true selection rates of the groups, gap their largest difference.
    """

    frame: pd.DataFrame
    schema: Schema
    rates: dict[str, float]
    gap: float


def planted(
    n: int,
    *,
    gap: float,
    rng: np.random.Generator,
    groups: int = 2,
    base_rate: float = 0.5,
    flipped: float = 0.1,
) -> PlantedTable:
    """A binary decision whose selection rates differ by exactly `gap` between the extreme groups.

    Rates of the groups A, B, ... fall evenly from base_rate + gap/2 to base_rate - gap/2. The
    label does not depend on the group: it is positive for the best base_rate by merit, and is
    then flipped with probability `flipped`. Sizes of groups differ by one row at most. Raises
    UsageError where a rate would leave [0, 1] or a group would have no row.
    """
    rates = np.linspace(base_rate + gap / 2, base_rate - gap / 2, groups)
    if rates.max() > 1 or rates.min() < 0:
        raise UsageError(f"a gap of {gap} around {base_rate} leaves [0, 1]: choose a smaller gap")
    if not 2 <= groups <= min(n, len(GROUP_NAMES)):
        raise UsageError(f"{groups} groups of {n} rows: choose 2 to {len(GROUP_NAMES)}, a row each")
    named = dict(zip(GROUP_NAMES, rates.tolist(), strict=False))
    frame = _rows(n, rates, base_rate, flipped, rng)
    return PlantedTable(frame=frame, schema=_schema(groups), rates=named, gap=gap)


def _rows(
    n: int, rates: np.ndarray, base_rate: float, flipped: float, rng: np.random.Generator
) -> pd.DataFrame:
    group = rng.permutation(np.arange(n) % len(rates))
    merit = rng.uniform(size=n)  # alike in all groups
    label = (merit > 1 - base_rate) ^ (rng.uniform(size=n) < flipped)
    # merit exceeds 1 - rate with probability rate, and so the score exceeds one half.
    score = 0.5 + (merit - (1 - rates[group])) / 2
    return pd.DataFrame(
        {
            "merit": merit,
            "noise": rng.normal(size=n),
            "branch": np.array(["north", "south", "west"])[rng.integers(3, size=n)],
            "group": np.array(GROUP_NAMES)[group],
            "label": label.astype(np.int64),
            "score": score,
            "prediction": (score >= 0.5).astype(np.int64),
        }
    )


def _schema(groups: int) -> Schema:
    return Schema(
        target=Column(
            name="label", kind=Kind.CATEGORICAL, meaning="the right decision", levels=("0", "1")
        ),
        positive="1",
        features=(
            Column(name="merit", kind=Kind.NUMERIC, meaning="what the label depends on"),
            Column(name="noise", kind=Kind.NUMERIC, meaning="means nothing"),
            Column(name="branch", kind=Kind.CATEGORICAL, meaning="means nothing"),
        ),
        sensitive=(
            Column(
                name="group",
                kind=Kind.CATEGORICAL,
                meaning="whom the planted gap concerns",
                levels=GROUP_NAMES[:groups],
            ),
        ),
    )
