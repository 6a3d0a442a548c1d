"""A model of which only its answers are there: a column of predictions or of scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from auditkit.data.inference import spelled_as
from auditkit.data.schema import Schema, Task, require_column
from auditkit.data.values import coded, is_number, numbers
from auditkit.errors import DataError, suggestion
from auditkit.models.predictor import Ability, Decisions

BITS = (("0", "1"), ("false", "true"))  # decisions that need no words of the target's


@dataclass(frozen=True, kw_only=True)
class PredictionsModel:
    """Answers read from the audited table itself.

    prediction names a column with the target's values (or 0/1), score one with probabilities of
    the positive outcome between 0 and 1; at least one of them is given.
    """

    name: str
    where: str
    schema: Schema
    prediction: str | None = None
    score: str | None = None

    @property
    def abilities(self) -> frozenset[Ability]:
        """Scores where there are any; nothing else."""
        return frozenset({Ability.SCORES} if self.score else ())

    @property
    def task(self) -> Task:
        """A decision: nothing else can be handed over in this way yet."""
        return Task.DECISION

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the report says of it."""
        return {
            "name": self.name,
            "kind": "predictions from a file; the model itself was not seen",
            "prediction column": self.prediction,
            "score column": self.score,
        }

    def outputs(self, frame: pd.DataFrame) -> Decisions:
        """The columns, checked. Raises DataError where they hold anything else."""
        scores = self._scores(frame) if self.score else None
        if not self.prediction:
            return Decisions(scores=scores)
        predictions, reading = self._predictions(frame)
        return Decisions(scores=scores, predictions=predictions, reading=reading)

    def _scores(self, frame: pd.DataFrame) -> np.ndarray:
        column = self._column(frame, str(self.score))
        if not is_number(column):
            raise DataError(
                f"score column {self.score!r} in {self.where} holds text such as "
                f"{column.iloc[0]!r}; give probabilities between 0 and 1, or name it --prediction"
            )
        scores = numbers(column)
        wrong = ~((scores >= 0) & (scores <= 1))
        if wrong.any():
            row = int(wrong.argmax())
            seen = "nothing, or infinity," if np.isnan(scores[row]) else f"{scores[row]:g}"
            raise DataError(
                f"score column {self.score!r} in {self.where} has {seen} in row {row + 1}; give "
                "probabilities between 0 and 1"
            )
        return scores

    def _predictions(self, frame: pd.DataFrame) -> tuple[np.ndarray, str]:
        """Decisions, and how they were read where they do not use the target's own words."""
        column = self._column(frame, str(self.prediction))
        levels = coded(column)
        if (levels.codes < 0).any():
            row = int((levels.codes < 0).argmax())
            raise DataError(
                f"prediction column {self.prediction!r} in {self.where} is empty in row {row + 1}"
                ": drop the rows without a prediction or fill them in"
            )
        words = {spelled_as(one, column) for one in self.schema.target.levels or ("0", "1")}
        positive, reading = spelled_as(str(self.schema.positive), column), ""
        said = {name.casefold() for name in levels.names}
        if not set(levels.names) <= words:
            yes = next((yes for no, yes in BITS if said <= {no, yes}), None)
            if yes is None:
                strange = sorted(set(levels.names) - words)[0]
                raise DataError(
                    f"prediction column {self.prediction!r} in {self.where} has {strange!r}, which "
                    f"the target never is; {suggestion(strange, sorted(words))}"
                )
            reading = f"{yes} read as {self.schema.positive!r}, anything else as not"
            decided = [name.casefold() == yes for name in levels.names]
        else:
            decided = [name == positive for name in levels.names]
        return np.array(decided, dtype=np.int8)[levels.codes], reading

    def _column(self, frame: pd.DataFrame, name: str) -> pd.Series:
        require_column(frame, name, self.where)
        return frame[name]
