"""A model of which only its answers are there: a column of predictions or of scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from auditkit.data.inference import spelled_as
from auditkit.data.schema import Schema, require_column
from auditkit.data.values import coded, is_number, numbers
from auditkit.errors import DataError, suggestion
from auditkit.models.predictor import Ability, Outputs


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
    def facts(self) -> Mapping[str, Any]:
        """What the report says of it."""
        return {
            "name": self.name,
            "kind": "predictions from a file; the model itself was not seen",
            "prediction column": self.prediction,
            "score column": self.score,
        }

    def outputs(self, frame: pd.DataFrame) -> Outputs:
        """The columns, checked. Raises DataError where they hold anything else."""
        scores = self._scores(frame) if self.score else None
        return Outputs(
            scores=scores, predictions=self._predictions(frame) if self.prediction else None
        )

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
            raise DataError(
                f"score column {self.score!r} in {self.where} has {scores[row]:g} in row "
                f"{row + 1}; give probabilities between 0 and 1"
            )
        return scores

    def _predictions(self, frame: pd.DataFrame) -> np.ndarray:
        column = self._column(frame, str(self.prediction))
        levels = coded(column)
        allowed = set(self.schema.target.levels) or {"0", "1"}
        positive = spelled_as(str(self.schema.positive), column)
        if set(levels.names) <= {"0", "1"} and positive not in ("0", "1"):
            positive = "1"  # the decision as 0/1 beside a target in words
        elif strange := sorted(set(levels.names) - {spelled_as(one, column) for one in allowed}):
            raise DataError(
                f"prediction column {self.prediction!r} in {self.where} has {strange[0]!r}, which "
                f"the target never is; {suggestion(strange[0], sorted(allowed))}"
            )
        if (levels.codes < 0).any():
            row = int((levels.codes < 0).argmax())
            raise DataError(
                f"prediction column {self.prediction!r} in {self.where} is empty in row {row + 1}"
                ": drop the rows without a prediction or fill them in"
            )
        decided = np.array([name == positive for name in levels.names], dtype=np.int8)
        return np.asarray(decided[levels.codes])

    def _column(self, frame: pd.DataFrame, name: str) -> pd.Series:
        require_column(frame, name, self.where)
        return frame[name]
