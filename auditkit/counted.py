"""An audit of rows that were counted where they lie: all that is known of them are their counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import pandas as pd

from auditkit.bias.engines.counting import BINS, Cells, cells_of
from auditkit.bias.engines.tally import Bands
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.config import AuditConfig
from auditkit.data.engines import ParquetRows, parquet_rows
from auditkit.data.inference import infer_schema
from auditkit.data.memberships import band_names, memberships
from auditkit.data.schema import Column, Kind, Schema
from auditkit.data.tables import Table, labels
from auditkit.data.values import MISSING
from auditkit.errors import DataError, NotApplicable, UsageError
from auditkit.models.predictions import PredictionsModel
from auditkit.models.predictor import Ability, Decisions
from auditkit.runtime import Runtime
from auditkit.subject import Subject


class Unread:
    """Stands where rows would. Whoever asks it for anything is told that they were not read."""

    def __init__(self, rows: int) -> None:
        self.__dict__["reason"] = (
            f"the {rows:,} rows were counted where they lie and not read; to have this checked, "
            "audit a sample of them in one file"
        )

    def __getattr__(self, name: str) -> NoReturn:
        raise NotApplicable(self.__dict__["reason"])

    def __len__(self) -> int:
        return cast(int, self.anything)

    def __getitem__(self, name: object) -> NoReturn:
        raise NotApplicable(self.__dict__["reason"])

    def __iter__(self) -> NoReturn:
        raise NotApplicable(self.__dict__["reason"])


@dataclass(frozen=True, kw_only=True, eq=False)
class CountedSubject(Subject):
    """A model's answers in a table of any size. Whatever asks for its rows does not apply.

    cells are the combinations of label, decision and groups that occur; positive and chosen (C,)
    are 1 where label and decision are. decisions says how the answers were read.
    """

    source: ParquetRows
    cells: Cells
    positive: np.ndarray
    chosen: np.ndarray
    decisions: Decisions
    score: str | None
    bands: Bands

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return self.cells.total

    @property
    def facts(self) -> dict[str, Any]:
        """That the rows were not read, and by what they were counted."""
        files = len(self.source.files)
        how = f"counted by DuckDB where they lie, in {files:,} file{'s' * (files > 1)}; not read"
        return {"audited rows": self.rows, "rows": how}

    @property
    def answer_facts(self) -> dict[str, Any]:
        """What the report says of how the model's answers were understood."""
        return self._facts_of(self.decisions)

    @property
    def group_sizes(self) -> dict[str, pd.Series]:
        """Rows of each group, for each sensitive column."""
        return {name: counts.sum(axis=1) for name, counts in self.counts.items()}

    @property
    def totals(self) -> pd.Series:
        """tp, fp, fn and tn of all rows."""
        everybody = self.cells.with_groups(pd.DataFrame({"all": ["all"] * len(self.cells.rows)}))
        return everybody.counts(self.positive, self.chosen, ["all"]).iloc[0]

    def counts_of(self, columns: Sequence[str]) -> pd.DataFrame:
        """Confusion counts by group of one column, or by the intersections of several."""
        return self.cells.counts(self.positive, self.chosen, columns)

    @property
    def decides_by_score(self) -> bool:
        """Whether the scores give the same counts at the threshold."""
        columns = self.sensitive[:1]
        at_threshold = self.score_counts_of(columns).at(self.threshold)
        return bool(np.array_equal(at_threshold, self.counts_of(columns)))

    def score_counts_of(self, columns: Sequence[str]) -> ScoreCounts:
        """Positives and negatives by group and bin of scores, asked of the engine once.

        The threshold is an edge of the bins.
        """
        asked = tuple(columns)
        if asked not in self._scored:
            self._scored[asked] = self._score_counts(asked)
        return self._scored[asked]

    @cached_property
    def _scored(self) -> dict[tuple[str, ...], ScoreCounts]:
        return {}

    def _score_counts(self, columns: tuple[str, ...]) -> ScoreCounts:
        if self.score is None:
            raise NotApplicable(
                "the model gave decisions without scores; give probabilities with --score"
            )
        schema = self.table.schema
        bands = {name: self.bands[name] for name in columns if name in self.bands}
        cells = cells_of(
            self.source.relation,
            label=schema.target.name,
            score=self.score,
            sensitive=columns,
            threshold=self.threshold,
            bins=BINS,
            bands=bands,
        ).cut_at(self.threshold)
        frame = _frame(schema.target.name, cells)
        chosen = schema.with_sensitive([one for one in schema.sensitive if one.name in columns])
        named = cells.with_groups(memberships(frame, _by_name(chosen), self.source.where))
        return named.score_counts(labels(frame, schema, self.source.where), columns)

    def clusters_of(self, columns: Sequence[str]) -> None:
        """Counted rows stand alone."""

    def compute(self) -> None:
        """Everything was counted when the subject was made."""

    def require_rows(self) -> None:
        """They were not read."""
        len(self.frame)

    def can(self, ability: Ability) -> bool:
        """Scores of single rows cannot be had."""
        return ability is not Ability.SCORES and super().can(ability)


def counted_subject(config: AuditConfig, target: str, runtime: Runtime) -> CountedSubject:
    """The answers in a Parquet file or a folder of them, counted in one pass.

    Raises DataError for a column that is absent, missing answers or targets, scores outside
    [0, 1] and files that cannot be counted; UsageError where columns cannot be meant.
    """
    path, prediction, score = str(config.predictions), config.prediction, config.score
    if config.cluster:
        raise UsageError(
            f"--cluster {config.cluster} needs the rows themselves, and {path} is counted where it "
            "lies: leave it out, or audit a sample in one file"
        )
    groups = tuple(dict.fromkeys((*config.sensitive, *config.controls)))
    answers = tuple(name for name in (prediction, score) if name)
    if both := next((name for name in config.controls if name in (target, *answers)), None):
        raise UsageError(f"column {both!r} is the target or an answer: name another column")
    source = parquet_rows(path)
    for name in (target, *answers, *groups, *config.features):
        source.require(name)
    if text := next(
        (one for one in config.bands if one in groups and not source.is_number(one)), ""
    ):
        raise DataError(f"column {text!r} of {path} is cut into bands but holds text: give numbers")
    bands = {
        name: edges for name in groups if (edges := config.bands.get(name) or source.bands(name))
    }
    source.require_few(target, "target")
    for name in (*((prediction,) if prediction else ()), *groups):
        if name not in bands:
            source.require_few(name, "column")
    cells = cells_of(
        source.relation,
        label=target,
        prediction=prediction,
        score=score,
        threshold=config.threshold,
        sensitive=groups,
        bands=bands,
    )
    frame = _frame(target, cells, prediction)
    _require_known(frame, cells, target, groups, path)
    if score:
        cells.require_sound(score)
    every = _schema(source, frame, target, groups, config, bands)
    schema = every.with_sensitive([one for one in every.sensitive if one.name in config.sensitive])
    model = PredictionsModel(
        name=Path(path).absolute().stem,
        where=path,
        schema=schema,
        prediction=prediction,
        score=score,
    )
    decisions = Decisions()
    if prediction:
        decisions = replace(model, score=None).outputs(frame)
    said = decisions.predictions if prediction else cells.decisions
    assert said is not None, "without predictions the threshold decides"
    return CountedSubject(
        predictor=model,
        table=Table(
            frame=cast(pd.DataFrame, Unread(source.rows)),
            schema=schema,
            name=Path(path).absolute().name,
            sha256=source.sha256,
        ),
        train=None,
        card=None,
        runtime=runtime,
        threshold=config.threshold,
        controls=tuple(one for one in every.sensitive if one.name in config.controls),
        source=source,
        cells=cells.with_groups(memberships(frame, _by_name(every), path)),
        positive=labels(frame, schema, path),
        chosen=np.array(said, dtype=np.int8),
        decisions=decisions,
        score=score,
        bands=bands,
    )


def _frame(target: str, cells: Cells, prediction: str | None = None) -> pd.DataFrame:
    """The combinations as the rows of a table, each spelled as if it had been read."""
    columns = {target: cells.labels}
    if prediction:
        columns[prediction] = cells.decisions or ()
    columns |= {str(name): list(cells.groups[name].astype(object)) for name in cells.groups}
    return pd.DataFrame({name: _known(values) for name, values in columns.items()})


def _known(values: Sequence[Any]) -> pd.Series:
    spelled = [one.strip() if isinstance(one, str) else one for one in values]
    known = [None if one in MISSING and isinstance(one, str) else one for one in spelled]
    return pd.Series(known, dtype=object).infer_objects()


def _require_known(
    frame: pd.DataFrame, cells: Cells, target: str, sensitive: Sequence[str], where: str
) -> None:
    """Raise DataError for answers or targets that are missing, and for empty sensitive columns."""
    for name in (one for one in frame if one not in sensitive or one == target):
        missing = int(cells.rows[frame[name].isna().to_numpy()].sum())
        if missing:
            what = "target" if name == target else "column"
            raise DataError(
                f"{what} {name!r} is missing in {missing:,} of {cells.total:,} rows of {where}: "
                "drop these rows or fill them in"
            )
    for name in sensitive:
        if frame[name].isna().all():
            raise DataError(
                f"sensitive column {name!r} is empty in all {cells.total:,} rows of {where}"
            )


def _schema(
    source: ParquetRows,
    frame: pd.DataFrame,
    target: str,
    groups: Sequence[str],
    config: AuditConfig,
    bands: Bands,
) -> Schema:
    """The schema that `infer_schema` gives of the same rows; kinds of features by their types."""
    found = infer_schema(
        frame,
        target=target,
        positive=config.positive,
        sensitive=groups,
        features=(),
        where=source.where,
        require_features=False,
    )
    taken = {target, *config.sensitive, config.prediction, config.score}
    named = config.features or [name for name in source.columns if name not in taken]
    kinds = (Kind.NUMERIC if source.is_number(name) else Kind.CATEGORICAL for name in named)
    return replace(
        found,
        features=tuple(
            Column(name=name, kind=kind) for name, kind in zip(named, kinds, strict=True)
        ),
        sensitive=tuple(
            Column(name=one.name, kind=Kind.NUMERIC, bands=tuple(bands[one.name]))
            if one.name in bands
            else one
            for one in found.sensitive
        ),
    )


def _by_name(schema: Schema) -> Schema:
    """The schema of a table in which bands have their names already."""
    return schema.with_sensitive(
        [
            replace(one, kind=Kind.CATEGORICAL, levels=band_names(one.bands), bands=())
            if one.bands
            else one
            for one in schema.sensitive
        ]
    )
