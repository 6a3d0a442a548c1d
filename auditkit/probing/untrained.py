"""An untrained twin of any torch module: what layers of this shape hold before anything is learnt.

A probe reads a lot out of random layers (Zhang & Bowman 2018, "Language Modeling Teaches You More
Syntax than Translation Does"; Saxe et al. 2011): what a trained layer says counts beyond that.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

from auditkit.errors import ModelError, UsageError
from auditkit.runtime import Runtime

Batch = Tensor | tuple[Tensor, ...]
ROUNDS = 20  # passes by which a spectral norm knows the largest singular value of new weights


def untrained_twin(
    model: nn.Module,
    inputs: Batch | Sequence[Batch] = (),
    *,
    built: Callable[[], nn.Module] | None = None,
    runtime: Runtime | None = None,
) -> nn.Module:
    """A network of the same shape with the weights it could have begun with; model stays as it is.

    built makes one anew where that is known. Else each part of a copy draws as it did when it was
    made (`reset_parameters`), inner parts first. A weight that no part draws keeps its numbers in
    a random order: of its law at the beginning nothing is known, and a spread of its own is
    at least one that the layers after it can work with.

    inputs are batches of real rows as the model takes them; running statistics are taken over
    them anew, since the old ones belong to the old weights. Raises UsageError where they are
    needed and not given, ModelError for a model that cannot be copied, has no weights of its own
    or computes them from others in a way that cannot be turned round.
    """
    runtime = runtime or Runtime()
    with runtime.seeded("untrained twin"):
        twin = built() if built is not None else _drawn_anew(model)
    _settle(twin, inputs)
    return twin.train(model.training)


def _drawn_anew(model: nn.Module) -> nn.Module:
    weights = list(model.parameters())
    if any(isinstance(one, UninitializedParameter) for one in weights):
        raise ModelError("the model has lazy layers that never ran: send it one batch first")
    if not any(one.is_floating_point() for one in weights):
        raise ModelError(
            "the model has no weights of torch's own to draw anew (a quantised one keeps them "
            "packed): give built=, a function that makes an untrained network"
        )
    try:
        twin = deepcopy(model)
    except Exception as error:
        raise ModelError(
            f"the model cannot be copied ({str(error).split('.')[0]}): give built=, a function "
            "that makes an untrained network"
        ) from error
    before = [one.detach().clone() for one in twin.parameters()]
    for name, part in _inner_first(twin):
        _reset(name, part)
    with torch.no_grad():
        for weight, old in zip(twin.parameters(), before, strict=True):
            if weight.is_floating_point() and torch.equal(weight, old):
                order = torch.randperm(weight.numel()).to(weight.device)
                weight.copy_(weight.flatten()[order].reshape(weight.shape))
    return twin


def _inner_first(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every part after the parts within it: the order in which they were made."""
    parts = [(name, one) for name, one in model.named_modules() if not _computing(one)]
    yield from reversed(parts)


def _computing(part: nn.Module) -> bool:
    return isinstance(part, parametrize.ParametrizationList)


@torch.no_grad()
def _reset(name: str, part: nn.Module) -> None:
    plain = part
    computed = parametrize.is_parametrized(part)
    if computed:
        plain = _without_computing(part)
    draw = getattr(plain, "reset_parameters", None) or getattr(plain, "_reset_parameters", None)
    if not callable(draw):
        return
    with suppress(TypeError):  # a stranger's may want arguments
        draw()
    if computed:
        _put_in(name, part, plain)


def _without_computing(part: nn.Module) -> nn.Module:
    """A copy with plain weights: what a computed one draws would be lost.

    Not by torch's remove_parametrizations, which takes the weights from the model's own class.
    """
    plain = deepcopy(part)
    plain.__class__ = parametrize.type_before_parametrizations(part)
    del plain._modules["parametrizations"]
    for tensor in list(part.parametrizations):  # type: ignore[arg-type]
        plain.register_parameter(str(tensor), nn.Parameter(getattr(part, str(tensor)).clone()))
    return plain


def _put_in(name: str, part: nn.Module, plain: nn.Module) -> None:
    """The weights of a plain copy in a part that computes its own, and what is not computed."""
    for tensor in list(part.parametrizations):  # type: ignore[arg-type]
        try:
            setattr(part, str(tensor), getattr(plain, str(tensor)).detach())
        except (NotImplementedError, RuntimeError, ValueError) as error:
            how = type(part.parametrizations[tensor][0]).__name__  # type: ignore[index]
            raise ModelError(
                f"layer {name!r} computes its {tensor} by {how}, which cannot be turned round: "
                "give built=, a function that makes an untrained network"
            ) from error
    own = dict(part.named_parameters(recurse=False))
    for tensor, drawn in plain.named_parameters(recurse=False):
        if tensor in own:
            own[tensor].copy_(drawn)


@torch.no_grad()
def _settle(twin: nn.Module, inputs: Batch | Sequence[Batch]) -> None:
    """Running statistics and largest singular values that belong to the new weights."""
    norms: list[Any] = [one for one in twin.modules() if _keeps_statistics(one)]
    batches = [*_batches(inputs)]
    if norms and not batches:
        raise UsageError(
            f"the model keeps running statistics in {len(norms)} layers, which belong to its old "
            "weights: give inputs, a batch of real rows, to take them anew"
        )
    twin.eval()
    for part in twin.modules():
        if parametrize.is_parametrized(part):
            _turn(part)
        for hook in part._forward_pre_hooks.values():  # spectral norm as it was before torch 1.12
            if hasattr(hook, "compute_weight") and hasattr(hook, "n_power_iterations"):
                for _ in range(ROUNDS):
                    hook.compute_weight(part, do_power_iteration=True)
    momenta = [one.momentum for one in norms]
    for one in norms:
        one.reset_running_stats()
        one.momentum = None  # a plain mean
        one.train()
    for batch in batches if norms else ():
        twin(*batch)
    for one, momentum in zip(norms, momenta, strict=True):
        one.momentum = momentum


def _turn(part: nn.Module) -> None:
    """A weight is asked for while its part learns, which is how a spectral norm follows it."""
    for tensor, computing in part.parametrizations.items():  # type: ignore[operator, union-attr]
        computing.train()
        for _ in range(ROUNDS):
            getattr(part, tensor)
        computing.eval()


def _keeps_statistics(part: nn.Module) -> bool:
    return isinstance(part, _NormBase) and part.running_mean is not None


def _batches(inputs: Batch | Sequence[Batch]) -> Iterator[tuple[Tensor, ...]]:
    """Batches of two rows or more: one row has no spread."""
    given = [inputs] if isinstance(inputs, Tensor | tuple) and len(inputs) else inputs
    for one in given:
        batch = (one,) if isinstance(one, Tensor) else tuple(one)
        if len(batch[0]) > 1:
            yield batch
