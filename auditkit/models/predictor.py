"""A model as the audit sees it: rows in, scores or labels out. Knows nothing of torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from auditkit.data.schema import Task


class Ability(StrEnum):
    """What can be asked of a model."""

    GRADIENTS = "gradients"
    LAYERS = "layers"
    MODULE_TYPES = "module types"
    ANY_BATCH = "any batch size"
    SCORES = "scores"


@dataclass(frozen=True, kw_only=True, eq=False)
class Decisions:
    """What a model decides of n rows; one of the two may be None.

    scores (n,) float64 is the probability of the positive outcome; predictions (n,) int8 is the
    decision, None where it follows from the scores and a threshold. reading says how the
    model's own answers were understood, where that was not certain.
    """

    scores: np.ndarray | None = None
    predictions: np.ndarray | None = None
    reading: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Classes:
    """probabilities (n, K) float64 of the target's levels, in the schema's order."""

    probabilities: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbers:
    """values (n,) float64 in the target's own unit."""

    values: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Texts:
    """texts (n,) object: what the model makes of each row's text."""

    texts: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Language:
    """What each of n texts costs to write down, and texts that the model made by itself.

    bits (n,) float64 is -log2 of the probability of the whole text, characters (n,) int64 its
    length; samples are a few texts drawn from the model.
    """

    bits: np.ndarray
    characters: np.ndarray
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """pixels (m, channels, height, width) uint8 that the model made; classes (m,) if it was told.

    m is the model's own choice and has nothing to do with the audited rows.
    """

    pixels: np.ndarray
    classes: np.ndarray | None = None


Outputs = Decisions | Classes | Numbers | Texts | Language | Images


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

    @property
    def task(self) -> Task:
        """What it was made for, and so which of the outputs it gives."""
        ...

    def outputs(self, frame: pd.DataFrame) -> Outputs:
        """What it says of the rows of `frame`, in their order."""
        ...


class Judge(Protocol):
    """A classifier that looks at made images: an audit of a generator needs one.

    name says which it is; levels are its classes in the order of the probabilities.
    """

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def levels(self) -> tuple[str, ...]:
        """Its classes."""
        ...

    def look(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, d) and probabilities (n, K), float64, of images (n, C, H, W) uint8."""
        ...


@runtime_checkable
class Detecting(Protocol):
    """A model that tells made images from real ones, by a panel that can be asked more."""

    @property
    def detector(self) -> Any:
        """An `auditkit.detection.files.Detector`."""
        ...


@runtime_checkable
class WordVectors(Protocol):
    """A model whose layer of word vectors can be looked at."""

    def word_vectors(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (n, d) float64, and of how many pieces each is the mean, (n,) int64.

        A word that the model cannot spell has NaN and 0 pieces. Raises NotApplicable where the
        model has no such layer.
        """
        ...
