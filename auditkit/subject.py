"""What is audited: a model on rows, with what is known of its training."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from auditkit.bias.groups import group_counts
from auditkit.data.tables import Table, labels, memberships
from auditkit.errors import NotApplicable
from auditkit.models.card import Card
from auditkit.models.predictor import Ability, Outputs, Predictor
from auditkit.runtime import Runtime


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A model, the rows it is judged on, and the rows it learned from where they are known.

    threshold turns scores into decisions. Everything the checks share is computed once, when it
    is first asked for.
    """

    predictor: Predictor
    table: Table
    train: Table | None
    card: Card | None
    runtime: Runtime
    threshold: float = 0.5

    @property
    def frame(self) -> pd.DataFrame:
        """The audited rows."""
        return self.table.frame

    @cached_property
    def labels(self) -> np.ndarray:
        """1 where the target is the positive outcome, (n,) int8."""
        return labels(self.frame, self.table.schema, self.table.name)

    @cached_property
    def outputs(self) -> Outputs:
        """What the model says of the audited rows."""
        return self.predictor.outputs(self.frame)

    @property
    def scores(self) -> np.ndarray:
        """Probability of the positive outcome, (n,). Raises NotApplicable without scores."""
        if self.outputs.scores is None:
            raise NotApplicable(
                "the model gave decisions without scores; give probabilities with --score"
            )
        return self.outputs.scores

    @property
    def predictions(self) -> np.ndarray:
        """The decisions, (n,) int8: the model's own, or scores at the threshold."""
        return self._decisions(self.outputs)

    @cached_property
    def train_labels(self) -> np.ndarray:
        """Labels of the training rows. Raises NotApplicable where these are not known."""
        table = self.required_train
        return labels(table.frame, table.schema, table.name)

    @cached_property
    def train_predictions(self) -> np.ndarray:
        """Decisions on the training rows."""
        return self._decisions(self.predictor.outputs(self.required_train.frame))

    @property
    def required_train(self) -> Table:
        """The training rows. Raises NotApplicable where these are not known."""
        if self.train is None:
            raise NotApplicable("the rows the model was trained on are not known")
        return self.train

    @property
    def required_card(self) -> Card:
        """How the model was trained. Raises NotApplicable where that is not known."""
        if self.card is None:
            raise NotApplicable(
                "how the model was trained is not known; a checkpoint made by `auditkit train` "
                "carries it"
            )
        return self.card

    @cached_property
    def memberships(self) -> pd.DataFrame:
        """The group of each row, one column for each sensitive one."""
        return memberships(self.frame, self.table.schema, self.table.name)

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Names of the sensitive columns. Raises NotApplicable where none was named."""
        names = self.table.schema.sensitive_names
        if not names:
            raise NotApplicable("no sensitive column was named; name one with --sensitive COL")
        return names

    @cached_property
    def counts(self) -> dict[str, pd.DataFrame]:
        """Confusion counts by group, for each sensitive column."""
        return {name: self.counts_of([name]) for name in self.sensitive}

    def counts_of(self, columns: Sequence[str]) -> pd.DataFrame:
        """Confusion counts by group of one column, or by the intersections of several."""
        several = self.memberships[list(columns)]
        groups = several.iloc[:, 0] if len(columns) == 1 else several
        return group_counts(self.labels, self.predictions, groups)

    def can(self, ability: Ability) -> bool:
        """Whether the model has an ability."""
        return ability in self.predictor.abilities

    def rng(self, rule: str) -> np.random.Generator:
        """A check's own random numbers: adding a check changes no other's."""
        return self.runtime.rng(rule)

    def _decisions(self, outputs: Outputs) -> np.ndarray:
        if outputs.predictions is not None:
            return outputs.predictions
        assert outputs.scores is not None, "a model gives scores, predictions or both"
        return (outputs.scores >= self.threshold).astype(np.int8)
