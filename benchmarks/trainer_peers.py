"""The same training by other hands: a loop, skorch and Lightning, their extras off."""

import copy
import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from auditkit.data.schema import Task
from auditkit.models.batches import shuffled
from auditkit.models.trainer import Trainer
from auditkit.models.work import Work, arithmetic

Training = Callable[[Trainer, int], float]
Batched = Iterable[tuple[list[Tensor], Tensor]]


def task_of(trainer: Trainer) -> Task:
    return Task.DECISION if trainer.work.fitting.targets.is_floating_point() else Task.CLASSES


class Loop:
    """Training as one would write it by hand, with the trainer's network, optimiser and bound."""

    def __init__(self, trainer: Trainer) -> None:
        self.model, self.work = copy.deepcopy(trainer.model), trainer.work
        self.decides = task_of(trainer) is Task.DECISION
        recipe = self.work.recipe
        weights = list(self.model.parameters())
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in weights if p.ndim > 1]},
                {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.smoothing, self.bound = recipe.label_smoothing, recipe.clip or math.inf

    def epoch(self, batches: Batched) -> float:
        """The mean loss over the batches after a step on each."""
        self.model.train()
        half = arithmetic(self.work)
        kind, lower, weights = half.device, half._enabled, list(self.model.parameters())
        losses, rows = [], []
        for inputs, targets in batches:
            self.optimizer.zero_grad(set_to_none=True)
            with torch.autocast(kind, dtype=torch.bfloat16, enabled=lower):
                loss = self.loss(self.model(*inputs), targets)
            loss.backward()
            nn.utils.clip_grad_norm_(weights, self.bound, foreach=True)
            self.optimizer.step()
            losses.append(loss.detach())
            rows.append(len(targets))
        return float(np.average(torch.stack(losses).cpu().numpy(), weights=rows))

    def loss(self, answer: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        if self.decides:
            return F.binary_cross_entropy_with_logits(answer, targets)
        return F.cross_entropy(answer, targets, label_smoothing=self.smoothing)


def in_memory(work: Work, number: int) -> Batched:
    """The very batches of the trainer's epoch, indexed by hand."""
    part = work.fitting
    order = shuffled(part, work.recipe.batch_size, work.runtime.rng(f"order {number}"))
    if len(order[-1]) == 1:
        order.pop()
    for rows in order:
        index = torch.from_numpy(rows).to(work.device)
        inputs = [one[index] for one in part.inputs]
        if part.lengths is not None:
            inputs[0] = inputs[0][:, : int(part.lengths[rows].max())]
        if inputs[0].dtype == torch.uint8:
            inputs[0] = inputs[0].float() / 255
        yield inputs, part.targets[index]


def loader_of(work: Work) -> DataLoader[Any]:
    """Torch's own way from tensors to shuffled batches."""
    rows = TensorDataset(*work.fitting.inputs, work.fitting.targets)
    return DataLoader(rows, batch_size=work.recipe.batch_size, shuffle=True, num_workers=0)


def loaded(work: Work) -> Batched:
    for *inputs, targets in loader_of(work):
        yield [one.to(work.device) for one in inputs], targets.to(work.device)


def with_skorch(trainer: Trainer, epochs: int) -> float:
    """Seconds of a fit on rows ((numeric, missing, categorical), label), no rows held out."""
    from skorch import NeuralNet
    from skorch.callbacks import GradientNormClipping

    work = trainer.work
    quiet = ("epoch_timer", "train_loss", "valid_loss", "print_log")
    net = NeuralNet(
        Packed(copy.deepcopy(trainer.model)),
        nn.BCEWithLogitsLoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=work.recipe.weight_decay,
        optimizer__fused=True,
        lr=work.recipe.learning_rate,
        max_epochs=epochs,
        batch_size=work.recipe.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[GradientNormClipping(work.recipe.clip)],
        device=work.device,
        verbose=0,
        **{f"callbacks__{name}": None for name in quiet},
    )
    rows = Paired(*work.fitting.inputs, work.fitting.targets)
    started = time.perf_counter()
    net.fit(rows, y=None)
    return time.perf_counter() - started


class Packed(nn.Module):
    """skorch hands a network one argument."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """The network's own answer."""
        return self.network(*inputs)


class Paired(TensorDataset):
    """Rows as skorch reads them: what goes in, and what should come out."""

    def __getitem__(self, row: int) -> tuple[tuple[Tensor, ...], Tensor]:
        *inputs, target = super().__getitem__(row)
        return tuple(inputs), target


def with_lightning(trainer: Trainer, epochs: int) -> float:
    """Seconds of a fit without progress bar, logger, checkpoints, summary or validation."""
    import lightning

    work, recipe = trainer.work, trainer.work.recipe
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)

    class Lit(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = copy.deepcopy(trainer.model)

        def training_step(self, batch: Any, _: int) -> Tensor:
            *inputs, targets = batch
            return F.binary_cross_entropy_with_logits(self.network(*inputs), targets)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(
                self.parameters(),
                lr=recipe.learning_rate,
                weight_decay=recipe.weight_decay,
                fused=True,
            )

    rows = TensorDataset(*work.fitting.inputs, work.fitting.targets)
    loader = DataLoader(rows, batch_size=recipe.batch_size, shuffle=True, num_workers=0)
    engine = lightning.Trainer(
        max_epochs=epochs,
        accelerator="gpu" if work.device.startswith("cuda") else "cpu",
        devices=1,
        gradient_clip_val=recipe.clip,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    started = time.perf_counter()
    engine.fit(Lit(), loader)
    return time.perf_counter() - started


PEERS: dict[str, Training] = {"skorch": with_skorch, "lightning": with_lightning}
