"""What is audited: a model on rows, with what is known of its training."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from auditkit.bias.clusters import Clusters, clustered_counts
from auditkit.bias.groups import group_counts
from auditkit.bias.scores.score_counts import ScoreCounts, score_counts
from auditkit.data.schema import Column, Task
from auditkit.data.tables import Table, classes, labels, memberships, targets
from auditkit.errors import NotApplicable
from auditkit.models.card import Card
from auditkit.models.predictor import (
    Ability,
    Classes,
    Decisions,
    Detecting,
    Images,
    Judge,
    Numbers,
    Outputs,
    Predictor,
)
from auditkit.runtime import Runtime

if TYPE_CHECKING:
    from auditkit.detected import Detected
    from auditkit.explained import Explained
    from auditkit.generated import Generated
    from auditkit.represented import Represented

Answers = TypeVar("Answers", bound=Any)

SAYS = {
    Task.DECISION: "the model decides between two outcomes",
    Task.CLASSES: "the model chooses between several classes",
    Task.NUMBER: "the model gives a number",
    Task.TRANSDUCTION: "the model turns a text into another",
    Task.LANGUAGE: "the model continues texts",
    Task.IMAGES: "the model makes images",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A model, the rows it is judged on, and the rows it learned from where they are known.

    threshold turns scores into decisions; controls are the columns in whose strata groups are
    compared as well; immutable names features that nobody can change. Everything the checks
    share is computed once, when it is first asked for.
    """

    predictor: Predictor
    table: Table
    train: Table | None
    card: Card | None
    runtime: Runtime
    threshold: float = 0.5
    judge: Judge | None = None
    controls: tuple[Column, ...] = ()
    immutable: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The audited rows."""
        return self.table.frame

    @property
    def rows(self) -> int:
        """How many rows are audited."""
        return len(self.frame)

    @property
    def facts(self) -> dict[str, Any]:
        """What the report says of the rows beside their schema."""
        return {"audited rows": self.rows}

    @property
    def answer_facts(self) -> dict[str, Any]:
        """What the report says of how the model's answers were understood."""
        return self._facts_of(self.outputs)

    @property
    def task(self) -> Task:
        """What is asked of the model."""
        return self.predictor.task

    @cached_property
    def outputs(self) -> Outputs:
        """What the model says of the audited rows."""
        return self.predictor.outputs(self.frame)

    @cached_property
    def train_outputs(self) -> Outputs:
        """What the model says of the rows it was trained on."""
        return self.predictor.outputs(self.required_train.frame)

    @cached_property
    def labels(self) -> np.ndarray:
        """1 where the target is the positive outcome, (n,) int8. Asked of decisions alone."""
        self.require(Task.DECISION)
        return labels(self.frame, self.table.schema, self.table.name)

    @property
    def scores(self) -> np.ndarray:
        """Probability of the positive outcome, (n,). Raises NotApplicable without scores."""
        scores = self._decisions(self.outputs).scores
        if scores is None:
            raise NotApplicable(
                "the model gave decisions without scores; give probabilities with --score"
            )
        return scores

    @property
    def predictions(self) -> np.ndarray:
        """The decisions, (n,) int8: the model's own, or scores at the threshold."""
        return self._decided(self._decisions(self.outputs))

    @cached_property
    def train_labels(self) -> np.ndarray:
        """Labels of the training rows. Raises NotApplicable where these are not known."""
        table = self.required_train
        return labels(table.frame, table.schema, table.name)

    @property
    def train_predictions(self) -> np.ndarray:
        """Decisions on the training rows."""
        return self._decided(self._decisions(self.train_outputs))

    @cached_property
    def classes(self) -> np.ndarray:
        """The right class of each row as a place among the target's levels, (n,) int64."""
        self.require(Task.CLASSES)
        return classes(self.frame, self.table.schema, self.table.name)

    @property
    def probabilities(self) -> np.ndarray:
        """Probability of each level of the target, (n, K). Asked of several classes alone."""
        return self.answers(Classes).probabilities

    @cached_property
    def truth(self) -> np.ndarray:
        """The right number of each row, (n,) float64. Asked of numbers alone."""
        self.require(Task.NUMBER)
        return targets(self.frame, self.table.schema, self.table.name)

    @property
    def values(self) -> np.ndarray:
        """The number that the model says, (n,) float64."""
        return self.answers(Numbers).values

    @property
    def right(self) -> np.ndarray:
        """Whether the model's answer is right, (n,) bool, for decisions and classes."""
        if self.task is Task.CLASSES:
            return np.asarray(self.probabilities.argmax(axis=1) == self.classes)
        return np.asarray(self.predictions == self.labels)

    @property
    def train_right(self) -> np.ndarray:
        """The same for the rows it was trained on."""
        if self.task is not Task.CLASSES:
            return np.asarray(self.train_predictions == self.train_labels)
        table, outputs = self.required_train, self.train_outputs
        assert isinstance(outputs, Classes), "a model of classes gives their probabilities"
        known = classes(table.frame, table.schema, table.name)
        return np.asarray(outputs.probabilities.argmax(axis=1) == known)

    @cached_property
    def expected(self) -> np.ndarray:
        """What the audited rows should be answered with: labels, places of classes, numbers."""
        return self._expected(self.table)

    @cached_property
    def train_expected(self) -> np.ndarray:
        """The same of the training rows. Raises NotApplicable where these are not known."""
        return self._expected(self.required_train)

    def compute(self) -> None:
        """Read the target and the groups and ask the model now, so that faults in them show."""
        match self.task:
            case Task.DECISION:
                _ = self.labels
            case Task.CLASSES:
                _ = self.classes
            case Task.NUMBER:
                _ = self.truth
        _ = self.outputs, self.memberships

    def answers(self, kind: type[Answers]) -> Answers:
        """The outputs, if they are of this kind. Raises NotApplicable where they are not."""
        if not isinstance(self.outputs, kind):
            raise NotApplicable(f"{SAYS[self.task]}; this is asked of other models")
        return self.outputs

    def require(self, *tasks: Task) -> None:
        """Raise NotApplicable unless the model's task is one of these."""
        if self.task not in tasks:
            asked = ", or ".join(SAYS[task] for task in tasks)
            raise NotApplicable(f"{SAYS[self.task]}; this is asked only where {asked}")

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
        if not names and isinstance(self.predictor, Detecting):
            raise NotApplicable("no group is named: a column of labels.csv beside real/ names them")
        if not names:
            raise NotApplicable("no sensitive column was named; name one with --sensitive COL")
        return names

    @cached_property
    def counts(self) -> dict[str, pd.DataFrame]:
        """Confusion counts by group, for each sensitive column. Asked of decisions alone."""
        self.require(Task.DECISION)
        return {name: self.counts_of([name]) for name in self.sensitive}

    @property
    def group_sizes(self) -> dict[str, pd.Series]:
        """Rows of each group, for each sensitive column, in the order of the groups."""
        return {name: self.memberships[name].value_counts(sort=False) for name in self.sensitive}

    @property
    def totals(self) -> pd.Series:
        """tp, fp, fn and tn of all rows. Asked of decisions alone."""
        everybody = np.zeros(len(self.labels), dtype=np.int8)
        return group_counts(self.labels, self.predictions, everybody).iloc[0]

    @cached_property
    def right_counts(self) -> dict[str, pd.DataFrame]:
        """The same where all that counts is whether an answer is right: tp if it is, else fn."""
        right = self.right.astype(np.int8)
        ones = np.ones_like(right)
        return {name: group_counts(ones, right, self.memberships[name]) for name in self.sensitive}

    def counts_of(self, columns: Sequence[str]) -> pd.DataFrame:
        """Confusion counts by group of one column, or by the intersections of several."""
        return group_counts(self.labels, self.predictions, self._groups(columns))

    @cached_property
    def strata(self) -> pd.DataFrame:
        """The stratum of each row, one column for each control column.

        Raises NotApplicable where none was named.
        """
        if not self.controls:
            raise NotApplicable("no control column was named; name one with --control COL")
        schema = self.table.schema.with_sensitive(self.controls)
        return memberships(self.frame, schema, self.table.name)

    @cached_property
    def clusters(self) -> dict[str, Clusters | None]:
        """Which rows belong together, for each sensitive column; None where all stand alone."""
        return {name: self.clusters_of([name]) for name in self.sensitive}

    def clusters_of(self, columns: Sequence[str]) -> Clusters | None:
        """The clusters behind `counts_of` the same columns, None where all rows stand alone."""
        return self._clusters(self.labels, self.predictions, columns)

    @cached_property
    def right_clusters(self) -> dict[str, Clusters | None]:
        """The clusters behind `right_counts`."""
        right = self.right.astype(np.int8)
        ones = np.ones_like(right)
        return {name: self._clusters(ones, right, [name]) for name in self.sensitive}

    def marked_clusters(self, marked: np.ndarray, column: str) -> Clusters | None:
        """The clusters behind `group_counts` of rows that are marked or not."""
        return self._clusters(marked, marked, [column])

    def _clusters(
        self, truth: np.ndarray, decided: np.ndarray, columns: Sequence[str]
    ) -> Clusters | None:
        if not self.table.apart:
            return None
        together = self.frame[self.table.apart]
        found = clustered_counts(truth, decided, self._groups(columns), together)[1]
        return None if found.alone else found

    def _groups(self, columns: Sequence[str]) -> pd.Series | pd.DataFrame:
        """The group of each row by sensitive and control columns."""
        known = self.memberships
        if not set(columns) <= set(known.columns):
            known = pd.concat(
                [known, self.strata.drop(columns=known.columns, errors="ignore")], axis=1
            )
        return known[columns[0]] if len(columns) == 1 else known[list(columns)]

    @property
    def decides_by_score(self) -> bool:
        """Whether its decisions are what the scores give at the threshold."""
        return bool(np.array_equal(self.predictions, self.scores >= self.threshold))

    def score_counts_of(self, columns: Sequence[str]) -> ScoreCounts:
        """Positives and negatives by score and group; raises NotApplicable without scores."""
        apart = self.table.apart
        whose = self.frame[apart] if apart else None
        return score_counts(self.labels, self.scores, self._groups(columns), clusters=whose)

    @cached_property
    def explained(self) -> "Explained":
        """What can be said of why the model answers as it does.

        Raises NotApplicable where only its answers are known.
        """
        self.require_network()
        from auditkit.explained import Explained  # torch: an audit of answers never loads it

        return Explained(
            predictor=self.predictor,
            frame=self.frame,
            reference=None if self.train is None else self.train.frame,
            medium=self.table.schema.medium,
            runtime=self.runtime,
        )

    @cached_property
    def represented(self) -> "Represented":
        """What the layers of the network hold of a sample of the audited rows.

        Raises NotApplicable where only the model's answers are known.
        """
        self.require_network()
        from auditkit.represented import Represented  # torch, as above

        return Represented(predictor=self.predictor, table=self.table, runtime=self.runtime)

    @cached_property
    def detected(self) -> "Detected":
        """A detector of made images beside those it is judged on.

        Raises NotApplicable where the model is another.
        """
        if not isinstance(self.predictor, Detecting):
            raise NotApplicable("the model does not tell made images from real ones")
        from auditkit.detected import Detected  # torch, as above

        return Detected(
            detector=self.predictor.detector,
            rows=self.frame,
            known=None if self.train is None else self.train.frame,
            runtime=self.runtime,
        )

    @cached_property
    def generated(self) -> "Generated":
        """What a generator made beside real images. Raises NotApplicable for another model."""
        from auditkit.generated import Generated

        return Generated(
            made=self.answers(Images),
            table=self.table,
            train=self.train,
            given=self.judge,
            runtime=self.runtime,
        )

    def require_network(self) -> None:
        """Raise NotApplicable where only the model's answers are known."""
        if isinstance(self.predictor, Detecting):
            raise NotApplicable(
                "no layer of a detector sees a whole image: detector-evidence explains it instead"
            )
        if not self.can(Ability.GRADIENTS):
            raise NotApplicable(
                "only the model's answers are known, not the model itself: nothing can be explained"
            )

    def require_people(self) -> None:
        """Raise NotApplicable where rows are a detector's images, and nobody's group is named."""
        if isinstance(self.predictor, Detecting):
            _ = self.sensitive

    def require_rows(self) -> None:
        """Raise NotApplicable where rows were counted and not read."""

    def can(self, ability: Ability) -> bool:
        """Whether the model has an ability."""
        return ability in self.predictor.abilities

    def rng(self, rule: str) -> np.random.Generator:
        """A check's own random numbers: adding a check changes no other's."""
        return self.runtime.rng(rule)

    def _expected(self, table: Table) -> np.ndarray:
        self.require(Task.DECISION, Task.CLASSES, Task.NUMBER)
        match self.task:
            case Task.DECISION:
                return labels(table.frame, table.schema, table.name)
            case Task.CLASSES:
                return classes(table.frame, table.schema, table.name)
            case _:
                return targets(table.frame, table.schema, table.name)

    def _facts_of(self, outputs: Outputs) -> dict[str, Any]:
        if not isinstance(outputs, Decisions):
            return {}
        own = outputs.predictions is not None
        by_score = f"positive where the score is at least {self.threshold:g}"
        read = {"outputs read as": outputs.reading} if outputs.reading else {}
        return {**read, "decisions": "the model's own" if own else by_score}

    def _decisions(self, outputs: Outputs) -> Decisions:
        self.require(Task.DECISION)
        assert isinstance(outputs, Decisions), "a model that decides gives decisions"
        return outputs

    def _decided(self, outputs: Decisions) -> np.ndarray:
        if outputs.predictions is not None:
            return outputs.predictions
        assert outputs.scores is not None, "a model gives scores, predictions or both"
        return (outputs.scores >= self.threshold).astype(np.int8)
