"""The rows a network was trained on, as a question about what they taught it needs them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.attribution.training_rows.gradients import Rows
from auditkit.attribution.training_rows.last_layer import LastLayer, features_of
from auditkit.attribution.training_rows.losses import Logistic, RowLoss, Softmax, Squared
from auditkit.attribution.training_rows.tracin import Snapshot
from auditkit.data.schema import Task
from auditkit.data.tables import Table, classes, labels, targets
from auditkit.errors import NotApplicable
from auditkit.models.card import Card
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.foreign import ForeignModel
from auditkit.models.opened import Opened, opened
from auditkit.models.predictor import Predictor
from auditkit.models.preparation import validation_split
from auditkit.models.recipe import Recipe
from auditkit.runtime import Runtime

ASKED = (Task.DECISION, Task.CLASSES, Task.NUMBER)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pupil:
    """A network, and the loss that it was trained by.

    snapshots are kept weights of its training with their learning rates, oldest first; none where
    none were kept.
    """

    module: nn.Module
    loss: RowLoss
    snapshots: tuple[Snapshot, ...]
    task: Task
    opened: Opened

    def rows(self, table: Table, places: np.ndarray) -> Rows:
        """Rows of a table as the network takes them, with what they should be answered."""
        inputs = self.opened.rows(table.frame, places).inputs
        return Rows(inputs=inputs, targets=self.targets(table, places))

    def targets(self, table: Table, places: np.ndarray) -> Tensor:
        """What these rows should be answered with: 0 or 1, a class, or a number."""
        frame = table.frame.iloc[places]
        match self.task:
            case Task.DECISION:
                found = labels(frame, table.schema, table.name).astype(np.int64)
            case Task.CLASSES:
                found = classes(frame, table.schema, table.name)
            case _:
                found = targets(frame, table.schema, table.name)
        return torch.from_numpy(found)

    def features(self, layer: LastLayer, table: Table, places: np.ndarray) -> Tensor:
        """What the last layer reads of these rows, (n, D), a batch of like length at a time."""
        found = torch.empty(len(places), layer.weights.shape[1], dtype=torch.float64)
        for rows in self.opened.batches(table.frame.iloc[places], "reading what was taught"):
            here = torch.from_numpy(rows.places)
            found[here] = features_of(self.module, layer, rows.inputs)
        return found


def pupil(predictor: Predictor) -> Pupil:
    """The network behind a predictor. Raises NotApplicable without one, or without one answer."""
    if predictor.task not in ASKED:
        raise NotApplicable("what a training row taught is asked of models with one answer a row")
    if isinstance(predictor, ForeignModel):
        return _pupil(predictor, Logistic(), ())
    if not isinstance(predictor, CheckpointModel):
        raise NotApplicable(
            "only the model's answers are known, not its weights: what a training row taught it "
            "cannot be told"
        )
    card = predictor.checkpoint.card
    return _pupil(predictor, _loss_of(card), _snapshots_of(card))


def _pupil(
    predictor: CheckpointModel | ForeignModel, loss: RowLoss, snapshots: tuple[Snapshot, ...]
) -> Pupil:
    network = opened(predictor, predictor.runtime)
    return Pupil(
        module=network.module,
        loss=loss,
        snapshots=snapshots,
        task=predictor.task,
        opened=network,
    )


def fitted_places(table: Table, card: Card | None) -> np.ndarray:
    """Places of the rows that the weights were fitted to, rising: without those of validation.

    All rows where the split cannot be made again.
    """
    everything = np.arange(len(table.frame))
    if card is None:
        return everything
    fraction = card.training.recipe.get("validation_fraction")
    if not isinstance(fraction, float):
        return everything
    recipe = Recipe(validation_fraction=fraction)
    kept, _ = validation_split(table, recipe, Runtime(seed=card.training.seed))
    return kept if len(kept) == card.training.train_rows else everything


def _loss_of(card: Card) -> RowLoss:
    smoothing = float(card.training.recipe.get("label_smoothing", 0.0))
    match card.task:
        case Task.DECISION:
            return Logistic(smoothing=smoothing)
        case Task.CLASSES:
            return Softmax(smoothing=smoothing)
        case _:
            return Squared(unit=card.head.deviation)


def _snapshots_of(card: Card) -> tuple[Snapshot, ...]:
    history = card.training.history
    return tuple(
        Snapshot(weights=weights, rate=history[epoch - 1].learning_rate)
        for epoch, weights in card.snapshots.items()
        if history[epoch - 1].phase == history[-1].phase  # another phase had another loss
    )
