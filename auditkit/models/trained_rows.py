"""The rows a network was trained on, as a question about what they taught it needs them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.training_rows.gradients import Rows
from auditkit.attribution.training_rows.last_layer import LastLayer, features_of
from auditkit.attribution.training_rows.losses import Logistic, RowLoss, Softmax, Squared
from auditkit.attribution.training_rows.tracin import Snapshot
from auditkit.data.schema import Medium, Task
from auditkit.data.tables import Table, classes, labels, targets
from auditkit.errors import NotApplicable
from auditkit.models.base import fed
from auditkit.models.card import Card
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.foreign import ForeignModel
from auditkit.models.predictor import Predictor
from auditkit.models.preparation import validation_split
from auditkit.models.recipe import Recipe
from auditkit.runtime import Runtime

AT_ONCE = 256  # rows a forward pass
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
    predictor: "CheckpointModel | ForeignModel"

    def rows(self, table: Table, places: np.ndarray) -> Rows:
        """Rows of a table as the network takes them, with what they should be answered."""
        frame = table.frame.iloc[places]
        return Rows(inputs=self._inputs(frame), targets=self.targets(table, places))

    def targets(self, table: Table, places: np.ndarray) -> Tensor:
        """What these rows should be answered with: 0 or 1, a class, or a number."""
        frame = table.frame.iloc[places]
        match self.predictor.task:
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
        order = self._by_length(table, places)
        for start in range(0, len(places), AT_ONCE):
            part = order[start : start + AT_ONCE]
            inputs = self._inputs(table.frame.iloc[places[part]])
            found[torch.from_numpy(part)] = features_of(self.module, layer, inputs)
        return found

    def _by_length(self, table: Table, places: np.ndarray) -> np.ndarray:
        """Positions of the rows, short texts first: padding is read like a word."""
        schema = table.schema
        if schema.medium is not Medium.TEXT:
            return np.arange(len(places))
        lengths = table.frame[schema.feature_names[0]].iloc[places].str.len().to_numpy()
        return np.argsort(lengths, kind="stable")

    def _inputs(self, frame: pd.DataFrame) -> tuple[Tensor, ...]:
        device = self.predictor.runtime.resolved_device()
        if isinstance(self.predictor, ForeignModel):
            return tuple(one.to(device) for one in self.predictor.inputs(frame))
        encoder = self.predictor.checkpoint.card.encoder
        return fed(tuple(map(torch.from_numpy, encoder.arrays(frame))), device)


def pupil(predictor: Predictor) -> Pupil:
    """The network behind a predictor. Raises NotApplicable without one, or without one answer."""
    if predictor.task not in ASKED:
        raise NotApplicable("what a training row taught is asked of models with one answer a row")
    if isinstance(predictor, ForeignModel):
        device = predictor.runtime.resolved_device()
        return Pupil(
            module=predictor.module.to(device), loss=Logistic(), snapshots=(), predictor=predictor
        )
    if not isinstance(predictor, CheckpointModel):
        raise NotApplicable(
            "only the model's answers are known, not its weights: what a training row taught it "
            "cannot be told"
        )
    card = predictor.checkpoint.card
    return Pupil(
        module=predictor.checkpoint.model.to(predictor.runtime.resolved_device()),
        loss=_loss_of(card),
        snapshots=_snapshots_of(card),
        predictor=predictor,
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
