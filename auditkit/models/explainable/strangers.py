"""Somebody else's module: its features are players, or the numbers that `preprocess` makes."""

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.baselines import Baseline, zeros
from auditkit.attribution.players import HELD, Players, each_number
from auditkit.errors import NotApplicable
from auditkit.models.explainable.images import patches
from auditkit.models.explainable.sequences import stretches
from auditkit.models.explainable.tables import drawn_rows
from auditkit.models.foreign import ForeignModel
from auditkit.runtime import Runtime

ENOUGH = 4_096  # training rows for a median


class Odds(nn.Module):
    """The log-odds of the second of two logits."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> Tensor:
        """(B,) from whatever the module takes."""
        answer: Tensor = self.module(*inputs)
        return answer[:, 1] - answer[:, 0]


def deciding(module: nn.Module, answers: Tensor) -> tuple[nn.Module, Tensor | None, str]:
    """The module whose answer is explained, the place in it, and what that is in words.

    A module that answers in probabilities is explained in probabilities: their log-odds have no
    end where one is 0.
    """
    shares = bool(((answers >= 0) & (answers <= 1)).all())
    if answers.ndim == 2 and answers.shape[1] == 2:
        if shares and bool((answers.sum(dim=1) - 1).abs().max() < 1e-4):
            return module, torch.ones(len(answers), 1, dtype=torch.int64), "probability"
        return Odds(module), None, "log-odds"
    if answers.ndim == 1 or answers.shape[1:] == (1,):
        return module, None, "probability" if shares else "log-odds"
    raise NotApplicable(f"the module answers {tuple(answers.shape[1:])} numbers a row, not one")


def numbers_of(model: ForeignModel, inputs: tuple[Tensor, ...], cells: int, spans: int) -> Players:
    """The features by name; of what `preprocess` makes patches, stretches of time or numbers."""
    if model.preprocess is None:
        return Players(masks=(torch.arange(len(model.features))[None],), names=(model.features,))
    first = inputs[0]
    rest = tuple(torch.full((1, *one.shape[1:]), HELD) for one in inputs[1:])
    if first.is_floating_point() and first.ndim == 4:
        channels, height, width = first.shape[1:]
        made = patches(channels, height, width, cells)
        return Players(masks=(*made.masks, *rest), names=made.names)
    if first.is_floating_point() and first.ndim == 3:
        whole = torch.full((1,), first.shape[1])
        made = stretches(first[:1], whole, spans)
        return Players(masks=(made.masks[0], *rest), names=made.names)
    return each_number(inputs)


def medium_of(model: ForeignModel, inputs: tuple[Tensor, ...]) -> tuple[str, str]:
    """What the module reads, and the word for a player."""
    if model.preprocess is None:
        return "table", "column"
    if inputs[0].is_floating_point() and inputs[0].ndim in (3, 4):
        return ("image", "patch") if inputs[0].ndim == 4 else ("sequence", "time span")
    return "table", "number"


def stranger_baselines(
    model: ForeignModel,
    inputs: tuple[Tensor, ...],
    reference: pd.DataFrame | None,
    samples: int,
    runtime: Runtime,
) -> Mapping[str, Baseline]:
    """typical, sample and zero; the first two need the training rows.

    Each number of typical is the median of at most 4,096 of them, the commonest whole number or,
    of images and sequences, the mean.
    """
    zero = zeros(inputs)
    if reference is None or not len(reference):
        return {"zero": zero}
    device = inputs[0].device
    drawn = tuple(one.to(device) for one in model.inputs(drawn_rows(reference, samples, runtime)))
    if [one.shape[1:] for one in drawn] != [one.shape[1:] for one in inputs]:
        return {"zero": zero}  # padded to another length: not to be compared
    some = drawn_rows(reference, ENOUGH, runtime)
    usual = tuple(_usual(one).to(device) for one in model.inputs(some))
    return {
        "typical": Baseline(name="typical", rows=usual),
        "sample": Baseline(name="sample", rows=drawn),
        "zero": zero,
    }


def _usual(column: Tensor) -> Tensor:
    if column.is_floating_point() and column.ndim == 2:
        return column.double().median(dim=0, keepdim=True).values.to(column.dtype)
    if column.is_floating_point():
        return column.double().mean(dim=0, keepdim=True).to(column.dtype)
    return column.to(torch.int64).mode(dim=0).values[None].to(column.dtype)
