"""Randomisation: does an explanation notice that half of the network was drawn anew?

One that does not, shows the input and not the model. What two maps share since both follow
the size of the input is taken out of their ranks first (the product of gradient and input stays
alike at .6 and more whatever the gradient). Two maps are then compared with the map of one row
and another network's map of the next row, which share what belongs to the place alone.

Adebayo et al. 2018, "Sanity Checks for Saliency Maps".
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from auditkit.attribution.judging.ranking import partial_rank_correlation
from auditkit.attribution.question import embeds

NETWORKS = 2
ROUNDING = 1e-6  # of a map's largest number: what single precision cannot tell from nothing
LARGE = 120  # numbers in a map: ten for each of what is taken out of their ranks


def redrawn(model: nn.Module, inputs: tuple[Tensor, ...], *, all_of_it: bool = False) -> nn.Module:
    """A copy of a model whose embeddings and later half of other layers are drawn anew.

    Their order is that of their calls. What was learnt of a word stands in its embedding: left
    as it is, a faithful explanation finds it again whatever comes after. A layer draws as it
    did when it was made (`reset_parameters`); one that cannot, from the normal law of its
    weights' own mean and spread. Running statistics are taken again from `inputs`. Draws from
    torch's generator: call it inside `runtime.seeded(...)`.
    """
    copy = deepcopy(model)
    layers = _layers(copy, inputs)
    tables = [one for one in layers if embeds(one)]
    rest = [one for one in layers if not embeds(one)]
    for layer in layers if all_of_it else tables + rest[len(rest) // 2 :]:
        _redraw(layer)
    _settle(copy, inputs)
    return copy


def similarity(first: Tensor, second: Tensor, sizes: Sequence[Tensor], exists: Tensor) -> Tensor:
    """Rank correlation of the strength of two maps (B, N) beyond the size of the input, (B,).

    sizes (B, N) each are what is taken out: whether they are above 0, their ranks and, of maps
    large enough to tell, how far they are from their middle. 1 where a map is nothing else.
    """
    return _beyond(first, second, sizes, exists, nothing=1.0)


def null_similarity(
    first: Tensor, second: Tensor, sizes: Sequence[Tensor], exists: Tensor
) -> Tensor:
    """The same of a row's map and the other network's map of the next row; NaN for one row."""
    if len(first) < 2:
        return torch.full((len(first),), torch.nan, dtype=torch.float64)
    return _beyond(first, second.roll(1, 0), sizes, exists & exists.roll(1, 0), nothing=0.0)


def _beyond(
    first: Tensor, second: Tensor, sizes: Sequence[Tensor], exists: Tensor, *, nothing: float
) -> Tensor:
    given = []
    for one in sizes:
        given += [(one > 0).double(), one]
        if exists.shape[1] >= LARGE:
            given.append((one - one.median(dim=1, keepdim=True).values).abs())
    strengths = (_told(first), _told(second))
    return partial_rank_correlation(*strengths, given, exists, nothing=nothing)


def _told(values: Tensor) -> Tensor:
    """Sizes of a map (B, N), those that are its rounding as 0: else the unused would have ranks."""
    found = values.abs()
    return torch.where(found > ROUNDING * found.amax(dim=1, keepdim=True), found, 0.0)


@torch.no_grad()
def _layers(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[nn.Module]:
    """Those with weights of their own by their first call; what is never called comes last."""
    weighted = [
        one for one in model.modules() if next(one.parameters(recurse=False), None) is not None
    ]
    called: list[nn.Module] = []

    def hook(layer: nn.Module, _arguments: object, _output: object) -> None:
        if layer not in called:
            called.append(layer)

    handles = [one.register_forward_hook(hook) for one in weighted]
    try:
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return called + [one for one in weighted if one not in called]


@torch.no_grad()
def _redraw(layer: nn.Module) -> None:
    own = [one for one in layer.parameters(recurse=False) if one.is_floating_point()]
    before = [one.clone() for one in own]
    reset: Callable[[], None] | None = getattr(layer, "reset_parameters", None)
    reset = reset or getattr(layer, "_reset_parameters", None)
    if callable(reset):
        with suppress(TypeError):  # a stranger's may want arguments
            reset()
    # What a normalised layer draws is overwritten from its length and direction: draw those.
    for weight, old in zip(own, before, strict=True):
        if weight.numel() > 1 and torch.equal(weight, old):
            weight.normal_(float(weight.mean()), float(weight.std()))


@torch.no_grad()
def _settle(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Running statistics that belong to the new weights: else they blow the answer up."""
    norms = [one for one in model.modules() if isinstance(one, _BatchNorm)]
    if not norms or len(inputs[0]) < 2:
        return
    before = [(one.momentum, one.training) for one in norms]
    for one in norms:
        one.reset_running_stats()
        one.momentum = None  # a plain mean
        one.train()
    model(*inputs)
    for one, (momentum, training) in zip(norms, before, strict=True):
        one.momentum, one.training = momentum, training
