"""A model as the audit sees it: rows in, scores or labels out. Knows nothing of torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import pandas as pd


class Ability(StrEnum):
    """What can be asked of a model."""

    GRADIENTS = "gradients"
    LAYERS = "layers"
    MODULE_TYPES = "module types"
    ANY_BATCH = "any batch size"
    SCORES = "scores"


@dataclass(frozen=True, kw_only=True, eq=False)
class Outputs:
    """What a model says of n rows; one of the two may be None.

    scores (n,) float64 is the probability of the positive outcome; predictions (n,) int8 is the
    decision, None where it follows from the scores and a threshold. reading says how the
    model's own answers were understood, where that was not certain.
    """

    scores: np.ndarray | None = None
    predictions: np.ndarray | None = None
    reading: str = ""


class Predictor(Protocol):
    """A model that can be audited."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do; a check asks before it uses one."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the report says of it: name, kind, checksum, number of parameters."""
        ...

    def outputs(self, frame: pd.DataFrame) -> Outputs:
        """Scores or decisions for the rows of `frame`, in their order."""
        ...
