"""The card of a checkpoint: everything about a trained network but its weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from auditkit.data.encoding import Encoder
from auditkit.data.schema import Schema
from auditkit.errors import ModelError
from auditkit.ranges import MOST


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass over the training rows.

    Losses are mean cross-entropies in nats; gradient_norm is the mean over steps, before
    clipping; dead_units is a share of the hidden units; seconds is wall time.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    gradient_norm: float
    learning_rate: float
    dead_units: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a model came to be: recipe, curve and cost."""

    recipe: Mapping[str, Any]
    seed: int
    device: str
    hardware: str
    train_rows: int
    validation_rows: int
    parameters: int
    best_epoch: int
    seconds: float
    history: tuple[Epoch, ...]


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Which rows a model was trained on: a name from the catalogue or a file's name."""

    name: str
    sha256: str
    catalogue: bool
    test_fraction: float
    split_seed: int


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything about a checkpoint but its weights; written as JSON beside them."""

    architecture: str
    options: Mapping[str, Any]
    schema: Schema
    encoder: Encoder
    data: DataSource
    training: Training
    versions: Mapping[str, str]
    weights_sha256: str = ""
    format: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "format": self.format,
            "architecture": self.architecture,
            "options": dict(self.options),
            "schema": self.schema.to_dict(),
            "encoder": self.encoder.to_dict(),
            "data": asdict(self.data),
            "training": asdict(self.training),
            "versions": dict(self.versions),
            "weights_sha256": self.weights_sha256,
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """The card that `to_dict` wrote. Raises ModelError where a part is missing."""
        if raw.get("format") != 1:
            raise ModelError(f"card of format {raw.get('format')!r}; this auditkit reads format 1")
        try:
            training = dict(raw["training"])
            training["history"] = tuple(Epoch(**one) for one in training["history"])
            card = cls(
                architecture=raw["architecture"],
                options=raw["options"],
                schema=Schema.from_dict(raw["schema"]),
                encoder=Encoder.from_dict(raw["encoder"]),
                data=DataSource(**raw["data"]),
                training=Training(**training),
                versions=raw["versions"],
                weights_sha256=raw["weights_sha256"],
            )
            card._require_sense()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"the card lacks a part or has one too many: {error}") from error
        return card

    def _require_sense(self) -> None:
        """Raise ValueError for parts that cannot be what `auditkit train` wrote."""
        training, data, schema = self.training, self.data, self.schema
        levels = schema.target.levels
        names = (self.architecture, data.name, data.sha256, *schema.names, *levels)
        known = {
            "a name is not text": all(isinstance(name, str) for name in names),
            "the positive value is none of the target's": not levels or schema.positive in levels,
            "the epoch kept is not one of the history": 1
            <= training.best_epoch
            <= len(training.history),
            "the split cannot be made again": 0 < data.test_fraction < 1
            and 0 <= data.split_seed <= MOST,
            "the training time is no number": training.seconds >= 0,
        }
        for fault, holds in known.items():
            if not holds:
                raise ValueError(fault)
