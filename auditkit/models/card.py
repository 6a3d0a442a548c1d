"""The card of a checkpoint: everything about a trained network but its weights."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from auditkit.data.encoders import Encoder, encoder_from_dict, encoder_to_dict
from auditkit.data.schema import Schema, Task
from auditkit.errors import ModelError
from auditkit.ranges import MOST

FORMAT = 2
Z95 = 1.959964  # standard deviations from the middle to the end of a 95 % interval


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a network has to answer.

    size is 1 for a decision (a logit) or a number, else the number of classes, of tokens of the
    target's vocabulary, or 0 where none is asked for. mean and deviation are those of a numeric
    target in the training rows: the network answers in the target's own unit.
    """

    task: Task
    size: int = 1
    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass over the training rows. What was not measured is NaN.

    Losses are means over rows (over tokens for texts), in nats for whatever is a probability, in
    squared deviations for numbers; metrics are others, by name. gradient_norm is the mean over
    steps, before clipping. layers gives for each layer, at the last step, the norm of its
    gradient and that of its change over that of its weights. dead_units and saturated_units are
    shares of the hidden units; rows_per_second counts training rows; seconds is wall time.
    """

    epoch: int
    phase: str = "training"
    train_loss: float
    validation_loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    gradient_norm: float
    learning_rate: float
    layers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    dead_units: float = math.nan
    saturated_units: float = math.nan
    rows_per_second: float = math.nan
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a model came to be: recipe, curve and cost.

    operations counts floating-point operations of all training steps by torch's own counter
    (NaN where it cannot see them); energy is codecarbon's estimate in kilowatt-hours (NaN where
    it was not asked). processes is how many trained together.
    """

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
    operations: float = math.nan
    energy: float = math.nan
    processes: int = 1


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A training on part of the rows: how many, and the score on the test rows with its limits."""

    rows: int
    score: float
    low: float
    high: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """How a score changes with the training rows; higher says which way is better.

    ideal is the score that cannot be beaten, so that |ideal - score| is the error.
    """

    metric: str
    higher: bool
    ideal: float
    points: tuple[CurvePoint, ...]

    @property
    def errors(self) -> list[float]:
        """How far each score is from the ideal one."""
        return [abs(self.ideal - one.score) for one in self.points]

    @property
    def deviations(self) -> list[float]:
        """Standard deviations of the scores, as their 95 % intervals say."""
        return [(one.high - one.low) / (2 * Z95) for one in self.points]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The same training with another value of one choice: its score, and its idle units."""

    value: str
    score: float
    low: float
    high: float
    dead_units: float
    saturated_units: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a choice (an activation, a width) does, all else being equal; one of them is kept."""

    option: str
    metric: str
    variants: tuple[Variant, ...]


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
    """Everything about a checkpoint but its weights; written as JSON beside them.

    snapshots are the weights of earlier epochs, by epoch, where the recipe asked for them; they
    lie in a file of their own, and the JSON has its checksum.
    """

    architecture: str
    options: Mapping[str, Any]
    head: Head
    schema: Schema
    encoder: Encoder
    data: DataSource
    training: Training
    versions: Mapping[str, str]
    curve: LearningCurve | None = None
    comparison: Comparison | None = None
    weights_sha256: str = ""
    snapshots_sha256: str = ""
    snapshots: Mapping[int, Mapping[str, Any]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def task(self) -> Task:
        """What the network was trained for."""
        return self.head.task

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not a number is None."""
        return {
            "format": FORMAT,
            "architecture": self.architecture,
            "options": dict(self.options),
            "head": asdict(self.head),
            "schema": self.schema.to_dict(),
            "encoder": encoder_to_dict(self.encoder),
            "data": asdict(self.data),
            "training": without_nan(asdict(self.training)),
            "versions": dict(self.versions),
            "curve": None if self.curve is None else without_nan(asdict(self.curve)),
            "comparison": (
                None if self.comparison is None else without_nan(asdict(self.comparison))
            ),
            "weights_sha256": self.weights_sha256,
            **({"snapshots_sha256": self.snapshots_sha256} if self.snapshots_sha256 else {}),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """The card that `to_dict` wrote. Raises ModelError where a part is missing."""
        if raw.get("format") != FORMAT:
            raise ModelError(
                f"card of format {raw.get('format')!r}; this auditkit reads format {FORMAT}: "
                "train the model anew"
            )
        try:
            training = _with_nan(raw["training"], Training)
            training["history"] = tuple(map(epoch_from_dict, training["history"]))
            card = cls(
                architecture=raw["architecture"],
                options=raw["options"],
                head=Head(**{**raw["head"], "task": Task(raw["head"]["task"])}),
                schema=Schema.from_dict(raw["schema"]),
                encoder=encoder_from_dict(raw["encoder"]),
                data=DataSource(**raw["data"]),
                training=Training(**training),
                versions=raw["versions"],
                curve=_curve(raw["curve"]) if raw.get("curve") else None,
                comparison=_comparison(raw["comparison"]) if raw.get("comparison") else None,
                weights_sha256=raw["weights_sha256"],
                snapshots_sha256=raw.get("snapshots_sha256", ""),
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
            "the positive value is none of the target's": schema.positive is None
            or not levels
            or schema.positive in levels,
            "the epoch kept is not one of the history": 1
            <= training.best_epoch
            <= len(training.history),
            "the split cannot be made again": 0 < data.test_fraction < 1
            and 0 <= data.split_seed <= MOST,
            "the training time is no number": training.seconds >= 0,
            "the head is impossible": 0 <= self.head.size < 2**24
            and math.isfinite(self.head.mean)
            and math.isfinite(self.head.deviation),
        }
        for fault, holds in known.items():
            if not holds:
                raise ValueError(fault)


def without_nan(value: Any) -> Any:
    """Plain values for JSON: what is not a finite number becomes None, at any depth."""
    if isinstance(value, Mapping):
        return {name: without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def epoch_from_dict(raw: Mapping[str, Any]) -> Epoch:
    """The epoch of a history as it was written. Raises TypeError or KeyError where it is none."""
    given = _with_nan(raw, Epoch)
    given["metrics"] = {n: math.nan if v is None else v for n, v in given["metrics"].items()}
    given["layers"] = {
        name: (_known(pair[0]), _known(pair[1])) for name, pair in given["layers"].items()
    }
    return Epoch(**given)


def _curve(raw: Mapping[str, Any]) -> LearningCurve:
    points = tuple(CurvePoint(**_with_nan(one, CurvePoint)) for one in raw["points"])
    return LearningCurve(**{**raw, "points": points})


def _comparison(raw: Mapping[str, Any]) -> Comparison:
    variants = tuple(Variant(**_with_nan(one, Variant)) for one in raw["variants"])
    return Comparison(**{**raw, "variants": variants})


def _with_nan(raw: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """The values of a dataclass's fields, None read as NaN where a number belongs."""
    numeric = {one.name for one in fields(kind) if one.type in (float, "float")}
    return {name: _known(v) if name in numeric else v for name, v in raw.items()}


def _known(value: Any) -> Any:
    return math.nan if value is None else value
