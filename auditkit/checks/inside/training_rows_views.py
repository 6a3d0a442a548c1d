"""How training rows are told of: what they taught, which to doubt, how far the estimate holds."""

import pandas as pd

from auditkit.attribution.rows import Chosen
from auditkit.attribution.training_rows.examination import Examined, Taught
from auditkit.data.schema import Medium
from auditkit.data.tables import Table as Rows
from auditkit.models.explainable.tables import values_in_words
from auditkit.models.predictor import Classes, Decisions, Numbers, Outputs
from auditkit.results import Intervals, Section, Table, Unit

COLUMNS, LETTERS = 6, 200  # of a row that are told


def agreements(exam: Examined) -> Section:
    """How well each way of guessing agrees with what happened when rows were left out."""
    lines = [
        (name, one.value, one.low, one.high) for name, one in exam.agreements.items() if one.defined
    ]
    return Section(
        title="Does the estimate of what a training row taught hold on this model?",
        text=f"{exam.rows} training rows were left out, one at a time, half of them those that "
        "each way of guessing calls strongest and half at random, and the last layer was trained "
        "again from where it stands. The rest of the network was held as it is; what it would "
        "have become is not known, so that this agreement is the best to be hoped for.",
        views=(
            Intervals(
                title="Agreement with what happened, by way of guessing",
                frame=pd.DataFrame(lines, columns=["estimate", "rank correlation", "low", "high"]),
                label="estimate",
                value="rank correlation",
                low="low",
                high="high",
                unit=Unit.NUMBER,
                reference=0.0,
                reference_label="chance",
            ),
        ),
    )


def lesson_of(
    explained: Chosen,
    audited: tuple[Rows, Outputs],
    rows: Rows,
    places: list[int],
    found: tuple[Taught, ...],
) -> Table:
    """The training rows that helped and harmed one explained row; places are theirs."""
    return _table(
        f"{explained.why.capitalize()}: audited row {explained.row + 1:,}",
        _told(explained.row, *audited),
        rows,
        places,
        {
            "it": ["helped" if one.times > 0 else "harmed" for one in found],
            "as much as": [f"{abs(one.times):,.0f} average rows" for one in found],
        },
    )


def doubted(rows: Rows, places: list[int], said: list[str]) -> Table:
    """Training rows to be looked at again, with what the model says of them."""
    title = "Training rows most to be doubted"
    return _table(title, "", rows, places, {"the model says": said})


def answer(outputs: Outputs, rows: Rows, row: int) -> str:
    """What the model says of a row, in words."""
    target = rows.schema.target
    match outputs:
        case Decisions(scores=scores) if scores is not None:
            return f"{scores[row]:.2f} for {target.name} {rows.schema.positive}"
        case Classes(probabilities=shares):
            best = int(shares[row].argmax())
            return f"{target.levels[best]} ({shares[row][best]:.2f})"
        case Numbers(values=numbers):
            return f"{numbers[row]:.4g}"
        case _:
            return ""


def values(frame: pd.DataFrame, rows: Rows) -> list[str]:
    """Each row's features as they are said; "" of what is no column and no text."""
    names = rows.schema.feature_names
    match rows.schema.medium:
        case Medium.TABLE:
            named = names[:COLUMNS]
            more = f"; {len(names) - COLUMNS} more" if len(names) > COLUMNS else ""
            return [
                "; ".join(f"{name} {one}" for name, one in zip(named, row, strict=True)) + more
                for row in values_in_words(frame, named)
            ]
        case Medium.TEXT:
            texts = [" ".join(str(one).split()) for one in frame[names[0]]]
            return [one if len(one) <= LETTERS else f"{one[:LETTERS]}…" for one in texts]
        case _:
            return [""] * len(frame)


def _told(row: int, rows: Rows, outputs: Outputs) -> str:
    """An explained row in words: what it is, what the model says of it and what is recorded."""
    here = rows.frame.iloc[[row]]
    told = values(here, rows)[0]
    recorded = here[rows.schema.target.name].iloc[0]
    said = f"The model says {answer(outputs, rows, row)}; recorded is {recorded}."
    return f"{said} {told}" if told else said


def _table(
    title: str, text: str, rows: Rows, places: list[int], columns: dict[str, list[str]]
) -> Table:
    """Training rows by their number, label and values, beside what is said of them."""
    frame = rows.frame.iloc[places]
    told = values(frame, rows)
    lines = {
        "training row": [f"{place + 1:,}" for place in places],
        "recorded": frame[rows.schema.target.name].astype(str).tolist(),
        **columns,
        **({"values": told} if any(told) else {}),
    }
    return Table(title=title, text=text, frame=pd.DataFrame(lines))
