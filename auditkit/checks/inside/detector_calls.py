"""What calls and abstentions come to as pictures."""

from collections.abc import Mapping

import pandas as pd

from auditkit.detected import Detected
from auditkit.detection import evaluation
from auditkit.detection.calibration import Answer
from auditkit.results import Intervals, Lines, Table, Unit, View


def worth_view(whole: evaluation.Answered) -> tuple[View, ...]:
    """How often a call of fake is right, from 1 image in 1,000 made to every other one."""
    found = evaluation.positive_predictive_value(whole.found, whole.false_alarms)
    rows = [
        {"made": f"{100 * share:g} % made", "value": one.value, "low": one.low, "high": one.high}
        for share, one in found.items()
        if one.defined
    ]
    if not rows:
        return ()
    return (
        Intervals(
            title="How often a call of fake is right, by the share of images that are made",
            frame=pd.DataFrame(rows).round(4),
            label="made",
            value="value",
            low="low",
            high="high",
            text=f"From {100 * whole.found.value:.1f} % of the made and "
            f"{100 * whole.false_alarms.value:.1f} % of the real images that are called fake here. "
            "For generators that are found less often it is worth less.",
        ),
    )


def curve_view(found: evaluation.RiskCoverage, answered: float) -> Lines:
    """Errors by the share of images that is answered, between the best order and none."""
    frame = found.curve.assign(random=found.random).rename(
        columns={
            "coverage": "share of images answered",
            "risk": "wrong, the surest first",
            "high": "upper end of its interval",
            "oracle": "the best order",
            "random": "left out by lot",
        }
    )
    return Lines(
        title="Errors among the images that are answered first",
        frame=frame.drop(columns="low").round(4),
        x="share of images answered",
        y=(
            "wrong, the surest first",
            "upper end of its interval",
            "the best order",
            "left out by lot",
        ),
        unit=Unit.SHARE,
        mark=round(answered, 4),
        mark_label="it answers as many",
        text="An answer here is fake where the probability is at least one half.",
    )


def answer_view(seen: Detected) -> Table:
    """Answers by what the images are, and why there was none."""
    truth = pd.Series(seen.fake).map({True: "made", False: "real"})
    said = seen.answers["answer"].where(
        seen.answers["answer"] != Answer.ABSTAIN, "no answer: " + seen.answers["reason"]
    )
    counts = pd.crosstab(said.to_numpy(), truth.to_numpy())
    shown = counts.rename_axis(index="answer", columns=None).reset_index()
    return Table(title="Answers, and why there were none", frame=shown)


def group_view(name: str, found: Mapping[str, evaluation.Answered]) -> Table:
    """Errors and abstentions of each group of a column."""
    rows = [
        {
            name: group,
            "real images": one.false_alarms.n,
            "called fake": one.false_alarms.value,
            "at least": one.false_alarms.low,
            "at most": one.false_alarms.high,
            "made images": one.missed.n,
            "called real": one.missed.value,
            "not answered": 1 - one.answered.value,
        }
        for group, one in found.items()
    ]
    return Table(
        title=f"By {name}",
        frame=pd.DataFrame(rows).round(4),
        shares=("called fake", "at least", "at most", "called real", "not answered"),
        text='"At least" and "at most" bound the share of real images that are called fake.',
    )
