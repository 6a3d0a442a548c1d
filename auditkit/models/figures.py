"""What a training tells of itself: operations, idle units, how fast each layer moves."""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from auditkit.models.base import fed
from auditkit.models.batches import Batch, Part, in_order
from auditkit.models.objectives import Objective
from auditkit.probing.units import UnitCount, unit_census

LayerFigures = dict[str, tuple[float, float]]
CENSUS_ROWS = 1024  # validation rows on which units are counted
# Kernels that torch's counter does not see into.
UNCOUNTED = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)


def operations_of(model: nn.Module, objective: Objective, batch: Batch) -> float:
    """Floating-point operations that training takes for each row of a batch, by torch's counter.

    A copy of the network is used, so that nothing of the training changes. NaN where the counter
    cannot see into a layer: recurrent kernels count for nothing there.
    """
    if any(isinstance(one, UNCOUNTED) for one in model.modules()):
        return math.nan
    trial = copy.deepcopy(model)
    devices = [batch.targets.device] if batch.targets.is_cuda else []
    with (
        torch.random.fork_rng(devices=devices),
        sdpa_kernel(SDPBackend.MATH),  # the counter does not see into a CPU's fused attention
        FlopCounterMode(display=False) as counter,
    ):
        players = objective.players(trial)
        for player in players:
            with player.alone(players):
                player.cost(batch).mean.backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops()) / len(batch)


@torch.no_grad()
def census_of(model: nn.Module, part: Part, objective: Objective) -> UnitCount:
    """Dead and saturated units of a network in eval mode, on some rows of a part."""
    size = min(CENSUS_ROWS, 256)
    chosen = in_order(part, size)[:: max(len(part) // CENSUS_ROWS, 1)][: CENSUS_ROWS // size]
    device = next(model.parameters()).device
    model.eval()

    def shown(batch: Batch) -> tuple[torch.Tensor, ...]:
        on = Batch(inputs=fed(batch.inputs, device), targets=batch.targets.to(device))
        return objective.shown(model, on)

    return unit_census(model, (shown(one) for one in part.batches(chosen)))


@contextmanager
def layer_figures(model: nn.Module, found: LayerFigures) -> Iterator[None]:
    """Around an optimiser's step: each layer's gradient norm, and its change over its weights.

    A layer is a module with parameters of its own; layers without a gradient are left out.
    """
    layers = {
        name or "network": [p for p in one.parameters(recurse=False) if p.grad is not None]
        for name, one in model.named_modules()
    }
    layers = {name: ones for name, ones in layers.items() if ones}
    gradients = {name: _norm([p.grad for p in ones]) for name, ones in layers.items()}
    before = {name: [p.detach().clone() for p in ones] for name, ones in layers.items()}
    yield
    for name, ones in layers.items():
        change = _norm([p.detach() - old for p, old in zip(ones, before[name], strict=True)])
        size = _norm(before[name])
        found[name] = (gradients[name], change / size if size else math.nan)


def _norm(tensors: list[torch.Tensor | None]) -> float:
    known = [one for one in tensors if one is not None]
    return float(torch.stack([one.detach().float().norm() for one in known]).norm())
