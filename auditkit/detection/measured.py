"""What a detector's card says of its worth: a few figures on its test part, as plain values."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.detection.calibration import ALPHA, Answer
from auditkit.detection.corpus import FAKE, GENERATOR, LABEL, ORIGINAL, REAL, SOURCE
from auditkit.detection.evaluation import auc, balanced_accuracy, false_alarms, found_share
from auditkit.detection.members.table import MEMBERS
from auditkit.statistics.estimate import Estimate

Figures = dict[str, Any]
Bools = NDArray[np.bool_]


def measured(rows: pd.DataFrame, found: pd.DataFrame, *, alpha: float = ALPHA) -> Figures:
    """Figures of answers (n,) on a corpus (n,), none of which it learned from.

    A call is a p-value of at most alpha: the threshold that was learned on calibration images.
    answered is the share that got an answer, and right of those.
    """
    fake, original = (rows[LABEL] == FAKE).to_numpy(), rows[ORIGINAL].to_numpy()
    called = (found["p_value"] <= alpha).to_numpy()
    answer = found["answer"].to_numpy()
    answered = answer != Answer.ABSTAIN
    right = (answer == Answer.FAKE) == fake
    return {
        "alpha": alpha,
        "images": {REAL: int((~fake).sum()), FAKE: int(fake.sum())},
        "auc": plain(auc(found["score"], fake, original)),
        "auc of members": {
            name: round(auc(found[name], fake, original).value, 4) for name in MEMBERS
        },
        "balanced accuracy": plain(balanced_accuracy(called, fake, original)),
        "false alarms": plain(false_alarms(called, fake, original)),
        "false alarms by source": {
            name: plain(false_alarms(called[at], fake[at], original[at]))
            for name, at in _parts(rows[SOURCE], ~fake).items()
        },
        "found": plain(found_share(called, fake, original)),
        "found by generator": {
            name: plain(found_share(called[at], fake[at], original[at]))
            for name, at in _parts(rows[GENERATOR], fake).items()
        },
        "answered": round(float(answered.mean()), 4),
        "right where answered": round(float(right[answered].mean()), 4) if answered.any() else None,
    }


def in_a_line(figures: Figures) -> str:
    """The figures that count, in one sentence."""

    def told(name: str) -> str:
        one = figures[name]
        return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"

    return (
        f"on {figures['images'][REAL]:,} real and {figures['images'][FAKE]:,} made images that it "
        f"never saw: AUC {told('auc')}, balanced accuracy {told('balanced accuracy')}, false "
        f"alarms {told('false alarms')}"
    )


def plain(one: Estimate) -> Figures:
    """An estimate for JSON, four digits behind the point; what is undefined says why."""
    if not one.defined:
        return {"value": None, "low": None, "high": None, "n": one.n, "reason": one.reason}
    rounded = {name: round(getattr(one, name), 4) for name in ("value", "low", "high")}
    return {**rounded, "n": one.n, "method": one.method}


def _parts(column: pd.Series, within: Bools) -> dict[str, Bools]:
    names = column.to_numpy().astype(str)
    return {str(one): within & (names == one) for one in np.unique(names[within])}
