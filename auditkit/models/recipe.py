"""How to train: every number that a preset may choose, with its range. Knows nothing of torch."""

from dataclasses import dataclass
from typing import Literal

from auditkit.ranges import SHARE, ranged, require_ranges


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Schedule, optimiser and what keeps a network from memorising.

    warmup is the share of all steps in which the learning rate rises; cosine then takes it to
    nothing, constant holds it. weight_decay is that of matrices and kernels alone. clip is the
    norm above which a step is shortened. patience counts epochs without a better validation loss
    before training stops (0: never). averaging is the decay of an exponential average of the
    weights, which is then what is judged and kept (0: none). pretraining counts epochs of
    guessing masked tokens before the task itself. shift and flip move images at random, by so
    many pixels and left to right. turns cuts a pass over the rows into so many epochs, for data of
    which one pass takes minutes: progress is kept, and the best weights chosen, at their ends.
    snapshots is of how many epochs the weights are kept beside the best, to trace what each row
    taught; the checkpoint grows by as many (0: none).
    """

    epochs: int = ranged(30, 1, 100_000)
    batch_size: int = ranged(512, 1, 1_000_000)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = ranged(2e-3, 0)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = ranged(0.0, *SHARE)
    weight_decay: float = ranged(1e-2, 0)
    label_smoothing: float = ranged(0.0, *SHARE)
    clip: float = ranged(5.0, 0)
    patience: int = ranged(6, 0)
    averaging: float = ranged(0.0, 0, 0.999999)
    validation_fraction: float = ranged(0.15, 0.001, 0.999)
    pretraining: int = ranged(0, 0, 100_000)
    turns: int = ranged(1, 1, 100_000)
    snapshots: int = ranged(0, 0, 1_000)
    shift: int = ranged(0, 0, 64)
    flip: bool = False

    def __post_init__(self) -> None:
        require_ranges(self, "the recipe")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How the arithmetic is done; it changes speed, and results by no more than rounding.

    precision "auto" is bf16 on a GPU and float32 on a CPU; "bf16" is bf16 on a CPU as well, if it
    computes so natively, which pays for convolutions and wide transformers (1.4 to 1.6 times as
    fast). channels_last is the layout of images in memory. memory_mb bounds what the encoded rows
    may take before they are encoded batch by batch, by `loaders` processes.
    """

    precision: Literal["auto", "float32", "bf16"] = "auto"
    channels_last: bool = True
    compile: bool = False
    memory_mb: int = ranged(4096, 0)
    loaders: int = ranged(0, 0, 64)
    energy: bool = False
    country: str = "USA"  # whose power grid codecarbon assumes, as ISO 3166 has it

    def __post_init__(self) -> None:
        require_ranges(self, "the engine")
