"""What the model looks at over many rows, and how much of it is who people are."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from auditkit.attribution.base import METHODS, Attributions
from auditkit.attribution.importance import FEWEST_ROWS, permutation_importance
from auditkit.attribution.importance import Importance as Shuffled
from auditkit.attribution.suppressors import suppressors
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
from auditkit.data.schema import Task
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
SHUFFLED_ON = 2000  # rows whose columns are shuffled
MOST_SUPPRESSORS = 3
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
            shuffled = _shuffled(subject)
            yield from _columns(rows, found, how, shuffled)
            yield from _suppressors(subject, shuffled)


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


def _shuffled(subject: Subject) -> Shuffled | None:
    """What the model loses where a column's values come from other rows; None where none can say.

    Of a stranger's probabilities the loss is not known to be that of its training.
    """
    if subject.task not in (Task.DECISION, Task.CLASSES, Task.NUMBER):
        return None
    places = subject.explained.drawn(SHUFFLED_ON)
    rows = subject.explained.of(places)
    if rows.asks[0].startswith("probability") or len(places) < FEWEST_ROWS:
        return None
    truth = torch.from_numpy(subject.expected[places]).to(rows.inputs[0].device)
    return permutation_importance(
        rows.module, rows.inputs, truth, players=rows.players, runtime=subject.runtime
    )


def _suppressors(subject: Subject, shuffled: Shuffled | None) -> Iterator[Finding]:
    """Columns that carry weight and alone say nothing of the target, in words."""
    places = subject.explained.drawn(SHUFFLED_ON)
    if shuffled is None or not set(shuffled.names) <= set(subject.frame.columns):
        return
    found = suppressors(
        subject.frame[list(shuffled.names)].iloc[places],
        subject.frame[subject.table.schema.target.name].iloc[places],
        dict(shuffled.ranked),
    )
    for one in found[:MOST_SUPPRESSORS]:
        yield finding(
            f"{one.sentence}.",
            one.alone,
            metric="association of a column that carries weight",
            unit=Unit.NUMBER,
            null=0.0,
            where={"column looked at": one.column, "together with": one.partner or "not seen"},
        )


def _columns(
    rows: Explainable, found: Attributions, how: str, shuffled: Shuffled | None
) -> Iterator[Finding | Section]:
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
            *_lost(shuffled, rows.unit),
        ),
    )


def _lost(shuffled: Shuffled | None, unit: str) -> Iterator[Intervals]:
    if shuffled is None:
        return
    lines = [(name, one.value, one.low, one.high) for name, one in shuffled.ranked if one.defined]
    yield Intervals(
        title=f"What the model loses without a {unit}",
        frame=pd.DataFrame(lines[:MOST_SHOWN], columns=["player", "loss", "low", "high"]),
        label="player",
        value="loss",
        low="low",
        high="high",
        unit=Unit.NUMBER,
        reference=0.0,
        reference_label="nothing",
        text=f"By how much the {shuffled.loss_name} of {shuffled.loss.n:,} rows "
        f"({shuffled.loss.value:.3g}) grows where the {unit}'s values come from other rows "
        "(permutation importance). It needs no method of explanation, and shares what two "
        "columns say alike between neither.",
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
