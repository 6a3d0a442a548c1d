"""A checkpoint of ours as the audit sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from auditkit.data.schema import Task
from auditkit.models.base import batches, tensors
from auditkit.models.files import Checkpoint
from auditkit.models.predictor import Ability, Decisions
from auditkit.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class CheckpointModel:
    """Rows through the saved encoder, then through the network."""

    checkpoint: Checkpoint
    runtime: Runtime
    name: str

    @property
    def abilities(self) -> frozenset[Ability]:
        """Everything: it is our own network."""
        return frozenset(Ability)

    @property
    def task(self) -> Task:
        """What it was trained for."""
        return Task.DECISION

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
    def outputs(self, frame: pd.DataFrame) -> Decisions:
        """Probability of the positive outcome of each row."""
        device = self.runtime.resolved_device()
        model = self.checkpoint.model.to(device)
        rows = tensors(self.checkpoint.card.encoder.transform(frame))
        logits = [
            model(*(one.to(device) for one in batch)).cpu()
            for batch in batches(rows, self.runtime.batch_size)
        ]
        return Decisions(scores=torch.sigmoid(torch.cat(logits).double()).numpy())
