"""A checkpoint of ours as the audit sees it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from auditkit.data.images import ImageEncoder
from auditkit.data.schema import Task
from auditkit.data.text import START, PairEncoder, TextEncoder
from auditkit.errors import UsageError
from auditkit.models.base import batches, fed
from auditkit.models.decoding import greedy, sample
from auditkit.models.files import Checkpoint
from auditkit.models.language import bits_of
from auditkit.models.predictor import (
    Ability,
    Classes,
    Decisions,
    Images,
    Language,
    Numbers,
    Outputs,
    Texts,
)
from auditkit.models.vectors import word_vectors
from auditkit.runtime import Runtime, track

MADE = 5000  # images that a generator is judged by
AT_ONCE = 512  # rows a forward pass of a network that reads more than a table
SAMPLES, SAMPLE_TOKENS = 3, 200


@dataclass(frozen=True, kw_only=True)
class CheckpointModel:
    """Rows through the saved encoder, then through the network."""

    checkpoint: Checkpoint
    runtime: Runtime
    name: str

    @property
    def task(self) -> Task:
        """What it was trained for."""
        return self.checkpoint.card.task

    @property
    def abilities(self) -> frozenset[Ability]:
        """Everything: it is our own network."""
        return frozenset(Ability)

    @property
    def levels(self) -> tuple[str, ...]:
        """The target's levels."""
        return self.checkpoint.card.schema.target.levels

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the report says of it."""
        card = self.checkpoint.card
        return {
            "name": self.name,
            "kind": f"trained by auditkit ({card.architecture})",
            "parameters": card.training.parameters,
            "weights sha256": card.weights_sha256,
            "card sha256": self.checkpoint.sha256,
            "trained on": card.data.name,
            "training seed": card.training.seed,
        }

    @torch.no_grad()
    def outputs(self, frame: pd.DataFrame) -> Outputs:
        """What the network says of the rows, by its task; a generator makes images of its own."""
        match self.task:
            case Task.LANGUAGE:
                return self._language(frame)
            case Task.TRANSDUCTION:
                return self._texts(frame)
            case Task.IMAGES:
                return self._images()
        answers = torch.cat([self._model(*one).cpu() for one in self._batches(frame)]).double()
        match self.task:
            case Task.DECISION:
                return Decisions(scores=torch.sigmoid(answers).numpy())
            case Task.CLASSES:
                return Classes(probabilities=torch.softmax(answers, dim=1).numpy())
            case _:
                return Numbers(values=answers.numpy())

    @torch.no_grad()
    def look(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, d) and probabilities (n, K) of images (n, C, H, W) uint8, for a judge.

        Made sure of by `require_judge` beforehand.
        """
        model = self._model
        features, answers = [], []
        for (batch,) in batches((torch.from_numpy(pixels),), AT_ONCE):
            seen = model.features(*fed((batch,), self._device))
            features.append(seen.cpu())
            answers.append(model.output(seen).cpu())
        probabilities = torch.softmax(torch.cat(answers).double(), dim=1)
        return torch.cat(features).double().numpy(), probabilities.numpy()

    def word_vectors(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (n, d) of words in the embedding layer, and their pieces, as WordVectors says."""
        return word_vectors(self.checkpoint.model, self.checkpoint.card.encoder, words)

    def require_judge(self, images: Any = None) -> None:
        """Raise UsageError unless this classifies images, of the size of `images` if given."""
        own = self.checkpoint.card.encoder
        if not isinstance(own, ImageEncoder) or self.task is not Task.CLASSES:
            raise UsageError(
                f"{self.name} cannot judge images: it is no classifier of images; train one with "
                "`auditkit train cnn`"
            )
        if images is None:
            return
        sizes = [(one.channels, one.height, one.width) for one in (own, images)]
        if sizes[0] != sizes[1]:
            raise UsageError(
                f"{self.name} judges images of (channels, height, width) {sizes[0]}, not {sizes[1]}"
            )

    @property
    def _device(self) -> str:
        return self.runtime.resolved_device()

    @property
    def _model(self) -> Any:
        return self.checkpoint.model.to(self._device)

    def _batches(self, frame: pd.DataFrame) -> Iterator[tuple[Tensor, ...]]:
        """The rows as the network takes them, encoded and moved a batch at a time."""
        encoder, table = self.checkpoint.card.encoder, self.checkpoint.card.schema.medium == "table"
        size = self.runtime.batch_size if table else min(self.runtime.batch_size, AT_ONCE)
        for start in range(0, len(frame), size):
            arrays = encoder.arrays(frame.iloc[start : start + size])
            yield fed(tuple(map(torch.from_numpy, arrays)), self._device)

    def _texts(self, frame: pd.DataFrame) -> Texts:
        encoder = self.checkpoint.card.encoder
        assert isinstance(encoder, PairEncoder), "a text from a text has two"
        # Like goes with like: a batch is written until its longest text has ended.
        order = np.argsort(frame[encoder.source.column].str.len().to_numpy(), kind="stable")
        texts: list[str] = []
        total = -(-len(frame) // min(self.runtime.batch_size, AT_ONCE))
        for source, lengths in track(self._batches(frame.iloc[order]), "writing", total):
            # A beam of four is right .5 points more often on CMUdict, for five times the time.
            written = greedy(self._model, source, lengths, encoder.target.longest)
            texts += [encoder.target.text(row) for row in written.tokens.tolist()]
        found = np.empty(len(frame), dtype=object)
        found[order] = texts
        return Texts(texts=found)

    def _language(self, frame: pd.DataFrame) -> Language:
        encoder = self.checkpoint.card.encoder
        assert isinstance(encoder, TextEncoder), "language is of texts"
        model = self._model
        rows = encoder.rows(frame)
        generator = torch.Generator(self._device)
        generator.manual_seed(self.runtime.seed)
        start = torch.full((SAMPLES, 1), START, device=self._device)
        drawn = sample(model, start, SAMPLE_TOKENS, top_k=50, generator=generator)
        texts = frame[encoder.column]
        return Language(
            bits=bits_of(model, rows, self._device),
            characters=np.array([len(one) for one in texts], dtype=np.int64),
            samples=tuple(encoder.text(row) for row in drawn.tolist()),
        )

    def _images(self) -> Images:
        generator = torch.Generator()
        generator.manual_seed(self.runtime.seed)
        pixels, classes = self._model.sample(MADE, generator)
        return Images(pixels=pixels.numpy(), classes=None if classes is None else classes.numpy())
