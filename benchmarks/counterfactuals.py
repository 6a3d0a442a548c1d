"""How cheap the changes are that a search finds, beside others that ask the model as often.

    python -m benchmarks.counterfactuals

A table of four numbers and four categories, a small boosted model, 20 rows that it refuses. What
is compared is the cost of the cheapest change found (docs/methods-counterfactuals.md), as a ratio
to ours. The plain random search is given exactly as many changed rows as ours asked about, row by
row, and leaves out what is not needed of its best find; DiCE (random and genetic, where dice-ml is
installed) asks as often as it likes, and its rows are counted.
"""

import importlib.util
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.attribution.counterfactuals.asking import Effort
from auditkit.attribution.counterfactuals.columns import Seen, put
from auditkit.attribution.counterfactuals.tables import counterfactuals
from auditkit.data.schema import Column, Kind

ROWS, ASKED = 4000, 20
NUMBERS, CATEGORIES = [f"n{i}" for i in range(4)], [f"c{i}" for i in range(4)]
FEATURES = [
    *(Column(name=one, kind=Kind.NUMERIC) for one in NUMBERS),
    *(Column(name=one, kind=Kind.CATEGORICAL) for one in CATEGORIES),
]
NAMES = [one.name for one in FEATURES]


def data() -> tuple[pd.DataFrame, np.ndarray]:
    """Independent columns, so that no combination is implausible for anybody's search."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({one: rng.normal(size=ROWS).round(2) for one in NUMBERS})
    for place, name in enumerate(CATEGORIES):
        frame[name] = rng.choice([f"level {i}" for i in range(3 + 2 * place)], ROWS)
    drift = sum(frame[name].str[-1].astype(int) / 4 for name in CATEGORIES)
    logits = frame["n0"] + frame["n1"] * frame["n2"] + 0.5 * drift - 2.5
    return frame, (rng.random(ROWS) < 1 / (1 + np.exp(-logits))).astype(int).to_numpy()


class Counting:
    """A model and how many rows it was asked about."""

    def __init__(self, model: Any) -> None:
        self.model, self.asked = model, 0
        self.classes_ = model.classes_

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Probabilities (n, 2)."""
        self.asked += len(frame)
        typed = frame[NAMES].astype(dict.fromkeys(NUMBERS, float))
        return np.asarray(self.model.predict_proba(typed))

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Decisions (n,)."""
        return (self.predict_proba(frame)[:, 1] >= 0.5).astype(int)


def cost(seen: Seen, row: pd.DataFrame, made: pd.DataFrame) -> float:
    """What the change of one row into another costs, by our formula."""
    before, after = seen.rows(row), seen.rows(made)
    total = 0.0
    for place, column in enumerate(seen.columns):
        if column.cost is not None:
            total += float(column.cost.between(before.numbers[0, place], after.numbers[0, place]))
        else:
            total += float(before.codes[0, place] != after.codes[0, place])
    return total


def at_random(
    model: Counting, seen: Seen, row: pd.DataFrame, budget: int, rng: np.random.Generator
) -> float:
    """The cheapest of `budget` changes of one to three columns to values that were seen."""
    target = np.full((budget, len(NAMES)), -1)
    for line in target:
        chosen = rng.choice(len(NAMES), rng.integers(1, 4), replace=False)
        line[chosen] = [rng.integers(len(seen.columns[one].found)) for one in chosen]
    made = put(row, seen, np.zeros(budget, np.int64), target)
    good = np.flatnonzero(model.predict(made))
    if not len(good):
        return np.nan
    costs = [cost(seen, row, made.iloc[[one]]) for one in good]
    best = target[good[int(np.argmin(costs))]]
    for place in np.flatnonzero(best >= 0):
        without = np.where(np.arange(len(best)) == place, -1, best)[None]
        if (without >= 0).any() and model.predict(put(row, seen, np.array([0]), without))[0]:
            best = without[0]
    return cost(seen, row, put(row, seen, np.array([0]), best[None]))


def by_dice(
    method: str, model: Counting, frame: pd.DataFrame, labels: np.ndarray
) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The changed rows that DiCE gives for one row."""
    import dice_ml

    known = dice_ml.Data(
        dataframe=frame.assign(y=labels), continuous_features=NUMBERS, outcome_name="y"
    )
    explainer = dice_ml.Dice(known, dice_ml.Model(model=model, backend="sklearn"), method=method)

    def ask(row: pd.DataFrame) -> pd.DataFrame:
        extra = {"random_seed": 0} if method == "random" else {}
        made = explainer.generate_counterfactuals(
            row, total_CFs=3, desired_class="opposite", verbose=False, **extra
        )
        return made.cf_examples_list[0].final_cfs_df

    return ask


def main() -> None:
    """Each once, row by row."""
    frame, labels = data()
    coder = make_column_transformer(
        (OrdinalEncoder(), CATEGORIES), remainder="passthrough", verbose_feature_names_out=False
    )
    model = Counting(
        make_pipeline(coder, HistGradientBoostingClassifier(max_iter=60, random_state=0)).fit(
            frame, labels
        )
    )
    seen, rng = Seen.of(frame, FEATURES), np.random.default_rng(1)
    rows = frame[model.predict(frame) == 0].iloc[:ASKED].reset_index(drop=True)
    print(f"{ASKED} rows, {len(NAMES)} columns; Python {platform.python_version()}", flush=True)

    model.asked, start = 0, perf_counter()
    found = counterfactuals(
        lambda one: model.predict_proba(one)[:, 1], rows, seen, effort=Effort(budget=400)
    )
    ours = np.array([one.cost for one in found.rows])
    _told("auditkit", ours, ours, model.asked, perf_counter() - start)

    model.asked, start = 0, perf_counter()
    plain = np.array(
        [
            at_random(model, seen, rows.iloc[[place]], one.asked, rng)
            for place, one in enumerate(found.rows)
        ]
    )
    _told("random search", plain, ours, model.asked, perf_counter() - start)
    if importlib.util.find_spec("dice_ml") is None:
        print("DiCE: dice-ml is not installed")
        return
    for method in ("random", "genetic"):
        warnings.simplefilter("ignore")
        ask = by_dice(method, model, frame, labels)
        model.asked, start = 0, perf_counter()
        costs = [_cheapest(seen, ask, rows.iloc[[place]], model) for place in range(ASKED)]
        _told(f"DiCE, {method}", np.array(costs), ours, model.asked, perf_counter() - start)


def _cheapest(
    seen: Seen, ask: Callable[[pd.DataFrame], pd.DataFrame], row: pd.DataFrame, model: Counting
) -> float:
    try:
        made = ask(row)
    except Exception as error:  # a peer's own fault is told as nothing found
        print(f"  {type(error).__name__}: {error}"[:120])
        return np.nan
    if made is None or not len(made):
        return np.nan
    already, good = model.asked, model.predict(made) == 1
    model.asked = already
    typed = made[NAMES].astype(dict.fromkeys(NUMBERS, float))
    costs = [cost(seen, row, typed.iloc[[one]]) for one in np.flatnonzero(good)]
    return min(costs, default=np.nan)


def _told(name: str, costs: np.ndarray, ours: np.ndarray, asked: int, seconds: float) -> None:
    both = np.isfinite(costs) & np.isfinite(ours)
    ratio = float(np.mean(costs[both] / ours[both])) if both.any() else np.nan
    print(
        f"{name}: a change for {int(np.isfinite(costs).sum())} rows, {ratio:.2f} times our cost, "
        f"{asked / ASKED:,.0f} rows asked about each, {seconds:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
