"""What the model looks at over many rows, and how much of it is who people are."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from auditkit.attribution.base import METHODS, Attributions
from auditkit.attribution.weight import (
    METHOD,
    by_name,
    mean_map,
    mean_picture,
    over_time,
    parts_of_time,
    weights,
)
from auditkit.checks.base import finding, percent, words
from auditkit.checks.inside.explanation_views import short
from auditkit.checks.network import Importance
from auditkit.errors import NotApplicable
from auditkit.models.explainable import Explainable
from auditkit.results import (
    Finding,
    Heatmap,
    ImageScores,
    Intervals,
    Section,
    Unit,
)
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject

MOST_SHOWN = 20
TENTHS = 10
LEAST = 5  # texts in which a word must occur
SHOWN = ("player", "weight", "low", "high", "share", "direction")


def run(check: Importance, subject: Subject) -> Iterator[Finding | Section]:
    """A finding, and a picture of what weighs how much."""
    rows, found = subject.explained.overall
    how = (
        f"{words(found.method)} ({METHODS[found.method].summary}) of {len(found.answers)} rows "
        "drawn at random"
    )
    worth = f". {subject.explained.worth}"
    against = f", beside the baseline '{found.baseline}'" if found.baseline else ""
    how += against + worth
    match rows.medium:
        case "image":
            yield from _images(rows, found, how)
        case "text":
            yield from _texts(rows, found, how)
        case "sequence":
            yield from _sequences(rows, found, how)
        case _:
            yield from _columns(rows, found, how)


def several(unit: str) -> str:
    """The players' name where there are many: patch, patches."""
    return f"{unit}es" if unit.endswith("ch") else f"{unit}s"


def _heaviest(found: Attributions, frame: pd.DataFrame, unit: str, units: str) -> Finding:
    """Which players weigh most, beside what each would weigh were all alike."""
    first, even = frame.iloc[0], 1 / len(frame)
    three = frame[["player", "share"]].head(3).itertuples(index=False)
    named = ", ".join(f"{name} ({percent(share)})" for name, share in three)
    return finding(
        f"The model looks most at {named} of all weight; were all {len(frame)} {units} "
        f"alike, each would have {percent(even)}.",
        Estimate(
            value=float(first["share"]),
            low=float(first["share low"]),
            high=float(first["share high"]),
            n=len(found.answers),
            method=f"{words(found.method)}; {METHOD}",
            reason="" if frame["weight"].any() else f"no {unit} changes any answer",
        ),
        metric=f"share of the heaviest {unit}",
        null=even,
        where={unit: str(first["player"]), "method": found.method},
    )


def _columns(rows: Explainable, found: Attributions, how: str) -> Iterator[Finding | Section]:
    frame = _weights(rows, found)
    yield _heaviest(found, frame, rows.unit, several(rows.unit))
    left = len(frame) - MOST_SHOWN
    yield Section(
        title="What weighs how much?",
        text=f"The mean size of what each {rows.unit} contributes to an answer "
        f"({rows.asks[0]}): {how} A {rows.unit} may weigh much and be right to, or weigh much by "
        "mistake: this says what is used, not whether it should be.",
        views=(
            Intervals(
                title=f"Mean size of a {rows.unit}'s contribution",
                frame=frame.head(MOST_SHOWN)[list(SHOWN)],
                label="player",
                value="weight",
                low="low",
                high="high",
                unit=Unit.NUMBER,
                text=f"The {left} that weigh least are not shown." if left > 0 else "",
            ),
        ),
    )


def _texts(rows: Explainable, found: Attributions, how: str) -> Iterator[Finding | Section]:
    names = [rows.players.of(row) for row in range(len(found.answers))]
    frame = by_name(names, found.of(rows.players).numpy(), least=LEAST)
    if not len(frame):
        raise NotApplicable(f"no word occurs in {LEAST} of the {len(names)} explained texts")
    first = frame.iloc[0]
    yield finding(
        f"Of words that occur in {LEAST} explained texts or more, {first['name']!r} moves answers "
        f"most, by {first['value']:+.2f} on average ({rows.asks[0]}).",
        Estimate(
            value=float(first["value"]),
            low=float(first["low"]),
            high=float(first["high"]),
            n=int(first["rows"]),
            method=f"{words(found.method)}; t over texts",
        ),
        metric="mean contribution of the heaviest word",
        unit=Unit.NUMBER,
        null=0.0,
        where={"word": str(first["name"]), "method": found.method},
    )
    yield Section(
        title="Which words move answers?",
        text=f"The mean contribution of a word in the texts where it occurs: {how} The largest "
        "of many is large partly by chance, and an interval holds for its word alone.",
        views=(
            Intervals(
                title="Mean contribution of a word",
                frame=frame.head(MOST_SHOWN),
                label="name",
                value="value",
                low="low",
                high="high",
                unit=Unit.NUMBER,
                reference=0.0,
                reference_label="no weight",
            ),
        ),
    )


def _images(rows: Explainable, found: Attributions, how: str) -> Iterator[Finding | Section]:
    yield _heaviest(found, _weights(rows, found), rows.unit, several(rows.unit))
    scores = mean_map(found.values[0].numpy())
    mean = mean_picture(rows.inputs[0].detach().cpu().numpy())
    row, column = (one.ravel() for one in np.indices(scores.shape))
    frame = pd.DataFrame(
        {
            "item": "mean of the images",
            "row": row,
            "column": column,
            "grey": mean.ravel(),
            "score": short(scores),
        }
    )
    yield Section(
        title="Where does it look?",
        text=f"The mean size of each pixel's contribution, over the mean image: {how}",
        views=(
            ImageScores(
                title="Where the weight lies on average",
                frame=frame,
                item="item",
                row="row",
                column="column",
                score="score",
            ),
        ),
    )


def _sequences(rows: Explainable, found: Attributions, how: str) -> Iterator[Finding | Section]:
    values = found.values[0].numpy()
    steps = (
        rows.inputs[1].cpu().numpy() if len(rows.inputs) > 1 else [values.shape[1]] * len(values)
    )
    # Rows are of unlike lengths: the third stretch of one is another time than that of the next.
    names = [f"tenth {i + 1}" for i in range(TENTHS)]
    frame = weights(parts_of_time(values, steps, parts=TENTHS), names)
    yield _heaviest(found, frame, "tenth of a row's time", "tenths of a row's time")
    map_ = over_time(values, steps, parts=TENTHS)
    channel, tenth = (one.ravel() for one in np.indices(map_.shape))
    yield Section(
        title="When does it listen, and to what?",
        text=f"The mean size of contributions by channel and tenth of a row's time: {how}",
        views=(
            Heatmap(
                title="Where the weight lies on average",
                frame=pd.DataFrame(
                    {"tenth": tenth + 1, "channel": channel + 1, "weight": short(map_)}
                ),
                x="tenth",
                y="channel",
                value="weight",
            ),
        ),
    )


def _weights(rows: Explainable, found: Attributions) -> pd.DataFrame:
    return weights(found.of(rows.players).numpy(), rows.players.of(0))
