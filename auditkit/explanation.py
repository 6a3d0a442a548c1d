"""One answer of a model explained, as an object: `auditkit.explain` in a notebook.

>>> import auditkit
>>> shown = auditkit.explain("checkpoints/fnn-adult", row=12)
>>> shown                # draws itself in a notebook
>>> shown.frame          # feature, value, attribution, standard error
>>> shown.trust          # puts the method to the test on this very model: seconds to minutes
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auditkit.attribution.base import METHODS, Attributions, asked, refusal
from auditkit.attribution.question import at_rest
from auditkit.checks.inside.explanation_views import row_views
from auditkit.config import AuditConfig
from auditkit.data.schema import require_column
from auditkit.data.tables import Table
from auditkit.errors import UsageError
from auditkit.explained import Explained
from auditkit.explanation_frame import tidy
from auditkit.loading import load_subject
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.explainable import Cuts, Explainable, Part, explainable
from auditkit.models.files import load
from auditkit.report.numerals import write
from auditkit.results import View
from auditkit.runtime import Runtime
from auditkit.subject import Subject

METHOD = "shapley"  # where none is named: any model can be asked in this way


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What a method was found to be worth on the model: trusted, weak, failed or not tested."""

    verdict: str
    sentence: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """What one answer of a model rests on, by one method.

    row counts the audited rows from 0. rows is that row as the model takes it: several where a
    text is written, one for each token. found holds the numbers as the method gave them.
    """

    model: str
    data: str
    row: int
    rows: Explainable
    found: Attributions
    explained: Explained

    @property
    def method(self) -> str:
        """The method's name."""
        return self.found.method

    @property
    def baseline(self) -> str:
        """What the row was compared with; "" for a method that compares with nothing."""
        return self.found.baseline

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A line for each feature, word, pixel, or step and channel, and what it contributed.

        Where several tokens were written, the column `explained` says which is meant.
        standard_error is NaN for a method that does not sample; of a part of several numbers
        that were sampled one by one it is the most it can be.
        """
        return tidy(self.rows, self.found)

    @cached_property
    def trust(self) -> Trust:
        """What the method is worth on this model, tested on other rows as a report does it."""
        examined = self.explained.examination
        verdict = examined.verdict(self.method).value
        return Trust(verdict=verdict, sentence=examined.sentence(self.method))

    @property
    def title(self) -> str:
        """What is explained, and by which method."""
        return f"Row {self.row} of {self.data}, explained by {self.method}"

    @property
    def facts(self) -> Mapping[str, str]:
        """What a reader must know beside the numbers, in words."""
        several = len(self.rows.asks) > 1
        row = METHODS[self.method]
        return {
            "model": self.model,
            "explained": "each token that is written" if several else self.rows.asks[0],
            "answer": "" if several else self._answer(0),
            "method": f"{self.method}: {row.summary} ({row.paper})",
            "compared with": self.baseline,
            "trust": self._trust,
            "note": self.found.note,
        }

    @cached_property
    def views(self) -> tuple[View, ...]:
        """The pictures, as a report draws them."""
        asks = self.rows.asks
        items = [f"Row {self.row}: {asks[0]}"] if len(asks) == 1 else list(asks)
        notes = [self._answer(i) for i in range(len(asks))]
        return row_views(self.rows, self.found, items, notes)

    @property
    def figure(self) -> Any:
        """A plotly Figure of the first picture."""
        from auditkit.report.plots import plot

        return plot(self.views[0])

    def page(self) -> str:
        """The pictures as a file of HTML that opens offline and runs nothing."""
        from auditkit.report.fragments import document

        return document(self.title, list(self.facts.items()), self.views)

    def _repr_html_(self) -> str:
        from auditkit.report.fragments import fragment

        return fragment(self.title, list(self.facts.items()), self.views)

    def _answer(self, i: int) -> str:
        own, reference = float(self.found.answers[i]), float(self.found.reference[i])
        compared = "" if np.isnan(reference) else f"; {write(reference)} at the baseline"
        return f"{write(own)}{compared}"

    @property
    def _trust(self) -> str:
        if "trust" not in self.__dict__:
            return "not put to the test on this model"
        why = f": {self.trust.sentence}" if self.trust.sentence else ""
        return f"{self.trust.verdict}{why}"


def explain(
    model: str | Path | Subject,
    data: str | Path | pd.DataFrame | None = None,
    *,
    row: int = 0,
    method: str = METHOD,
    target: str | int | None = None,
    baseline: str | None = None,
    cuts: Cuts | None = None,
    part: Part = "discriminator",
    device: str = "auto",
    seed: int = 0,
    **options: Any,
) -> Explanation:
    """What one answer of a model rests on.

    model is a checkpoint folder, `package.module:factory` or a Subject; data a file, a name of the
    catalogue or a frame, by default the rows that the checkpoint was tested on. row counts
    them from 0. target names the class that is explained, by default the one chosen; baseline
    what the row is compared with. cuts says how finely the row is cut into parts, part which
    network of a generator's pair is meant; options are the method's own.

    Raises UsageError for a row, a method, a class, a baseline or an option that does not exist,
    NotApplicable for a method that cannot serve this model, with those that can.
    """
    if not isinstance(method, str):
        raise UsageError(f"method is {method!r}, not the name of one, such as {METHOD!r}")
    method_row = METHODS[method]  # a wrong name is told before anything is loaded
    subject = _subject(model, data, device, seed)
    frame = data if isinstance(data, pd.DataFrame) else subject.frame  # a Subject's own rows
    _require_row(row, frame, subject.table.name)
    explained = subject.explained
    rows = explainable(
        explained.predictor,
        frame.iloc[[row]],
        reference=explained.reference,
        targets=target,
        cuts=cuts,
        part=part,
        judge=subject.judge,
        runtime=subject.runtime,
    )
    if baseline is not None and not method_row.baseline:
        raise UsageError(f"{method} compares with nothing: leave the baseline out")
    with at_rest(rows.module):
        found = asked(method, rows.question(baseline), **options)
    return Explanation(
        model=str(subject.predictor.facts.get("name", "model")),
        data=subject.table.name,
        row=row,
        rows=rows,
        found=found,
        explained=explained,
    )


def methods_for(explanation: Explanation) -> Sequence[str]:
    """The methods that can be asked about the same row."""
    question = explanation.rows.question()
    with at_rest(explanation.rows.module):
        return [name for name, one in METHODS.items() if not refusal(one, question)]


def _subject(
    model: str | Path | Subject, data: str | Path | pd.DataFrame | None, device: str, seed: int
) -> Subject:
    if isinstance(model, Subject):
        if isinstance(data, str | Path):
            raise UsageError("a Subject has its rows: leave data out, or give a frame")
        return model
    if isinstance(data, pd.DataFrame) and ":" not in str(model):
        return _of_frame(Path(model), data, Runtime(device=device, seed=seed))
    if isinstance(data, pd.DataFrame):
        raise UsageError(f"rows of {model} as a frame: make a Subject of them, or give a file")
    named = None if data is None else str(data)
    return load_subject(AuditConfig(model=str(model), data=named, device=device, seed=seed))


def _of_frame(folder: Path, frame: pd.DataFrame, runtime: Runtime) -> Subject:
    """A checkpoint on rows of the caller's own; its training rows where they can be had."""
    checkpoint = load(folder)
    card = checkpoint.card
    for column in card.schema.features:
        require_column(frame, column.name, "the frame given")
    train = None
    if card.data.catalogue:
        train = load_subject(
            AuditConfig(model=str(folder), device=runtime.device, seed=runtime.seed)
        ).train
    return Subject(
        predictor=CheckpointModel(
            checkpoint=checkpoint, runtime=runtime, name=folder.absolute().name
        ),
        table=Table(frame=frame, schema=card.schema, name="the frame given", sha256=""),
        train=train,
        card=card,
        runtime=runtime,
    )


def _require_row(row: int, frame: pd.DataFrame, name: str) -> None:
    rows = len(frame)
    if isinstance(row, bool) or not isinstance(row, int | np.integer):
        raise UsageError(f"row is {row!r}, not a whole number: rows are counted from 0")
    if not 0 <= row < rows:
        last = f"0 to {rows - 1:,}" if rows else "none"
        raise UsageError(f"no row {row:,}: {name} has {rows:,} rows here, {last}")
