"""From a data set's name and a recipe to a checkpoint on disk, judged on rows it never saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditkit.config import built
from auditkit.data.tables import Table, split
from auditkit.errors import UsageError
from auditkit.loading import is_file, table_from_catalogue, table_from_file
from auditkit.models.base import ARCHITECTURES
from auditkit.models.card import Card, DataSource
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.files import ensure_savable, load, save
from auditkit.models.trainer import Recipe, train
from auditkit.runtime import Runtime
from auditkit.statistics.classification import accuracy
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject

TEST_FRACTION = 0.25  # of data without a published test set


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What to train on: a file or a catalogue name, and for a file what its columns mean."""

    name: str
    target: str | None = None
    positive: str | None = None
    sensitive: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def table(self) -> Table:
        """The rows. Raises UsageError where more or less is said than is needed."""
        if is_file(self.name):
            return table_from_file(
                self.name, self.target, self.positive, self.sensitive, self.features
            )
        if self.target or self.positive or self.features:
            raise UsageError(f"{self.name} is in the catalogue: it has its own target and features")
        return table_from_catalogue(self.name, self.sensitive)


def train_checkpoint(
    architecture: str,
    data: TrainingData,
    out: Path,
    *,
    runtime: Runtime,
    recipe: Mapping[str, Any],
    sizes: Mapping[str, Any],
) -> tuple[Card, Estimate]:
    """Train on the training part, save to `out`; the card and the accuracy on the test part.

    Raises UsageError where `out` holds something else or a value is out of its range.
    """
    ensure_savable(out)
    options = built(ARCHITECTURES[architecture].Options, f"--set of {architecture}", sizes)
    chosen, table = Recipe(**recipe), data.table()
    source = DataSource(
        name=table.name,
        sha256=table.sha256,
        catalogue=not is_file(data.name),
        test_fraction=TEST_FRACTION,
        split_seed=runtime.seed,
    )
    fitting, test = split(table, seed=source.split_seed, test_fraction=source.test_fraction)
    model, card = train(
        architecture, fitting, recipe=chosen, runtime=runtime, source=source, options=options
    )
    save(out, model, card)
    return card, _accuracy(out, card, test, runtime)


def _accuracy(folder: Path, card: Card, test: Table, runtime: Runtime) -> Estimate:
    """Accuracy of the checkpoint as it was saved, on rows it never saw."""
    model = CheckpointModel(checkpoint=load(folder), runtime=runtime, name=folder.name)
    judged = Subject(predictor=model, table=test, train=None, card=card, runtime=runtime)
    return accuracy(judged.labels, judged.predictions)
