"""The last linear layer of any network: what it reads, and whether the answer is what it gives.

Where the answer follows from one `nn.Linear`, the rest of the network makes features, and the
layer by itself is a linear model of them, whose loss is convex. It is found by watching a
forward pass, and held to what the network answers: nothing is taken from names.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.errors import ModelError

ALIKE = 1e-4  # of the answers' size: how far a layer's outputs may be from what is answered
LOOKED_AT = 64  # rows by which the layer is found

Inputs = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class LastLayer:
    """A linear layer that gives the answer: outputs = scale (W x + b) + shift.

    name is its place in the network. weights (K, D) float64 hold the bias as the last column
    where `biased`. scale and shift bring a number to the target's unit; squashed says that the
    network answers with a probability (of the outputs' sigmoid or softmax).
    """

    name: str
    weights: Tensor
    biased: bool
    scale: float = 1.0
    shift: float = 0.0
    squashed: bool = False

    def outputs(self, features: Tensor) -> Tensor:
        """Outputs (n, K) of features (n, D)."""
        return self.scale * (features @ self.weights.T) + self.shift

    def extended(self, features: Tensor) -> Tensor:
        """Features (n, D) float64 on the CPU, with a column of ones where there is a bias."""
        wide = features.detach().to("cpu", torch.float64)
        return torch.cat([wide, torch.ones_like(wide[:, :1])], dim=1) if self.biased else wide


def last_layer(model: nn.Module, inputs: Inputs) -> LastLayer:
    """The last `nn.Linear` of a forward pass, if the answer is what it gives.

    Allowed between the two are a scale and a shift, and a sigmoid or softmax. Raises ModelError
    where there is no such layer, where it is used twice or reads more than one vector a row, or
    where the answer is something else.
    """
    few = tuple(one[:LOOKED_AT] for one in inputs)
    with at_rest(model), torch.no_grad(), _watched(model) as calls:
        answers = model(*few)
    if not isinstance(answers, Tensor):
        raise ModelError(f"the network answers {type(answers).__name__}, and not a tensor")
    if not calls:
        raise ModelError("the network has no nn.Linear: it has no last layer to be looked at")
    name, layer, seen, given = calls[-1]
    if sum(one[0] == name for one in calls) > 1:
        raise ModelError(f"the last linear layer {name!r} is used twice in a forward pass")
    if given.ndim != 2 or seen.ndim != 2 or len(given) != len(few[0]):
        raise ModelError(
            f"the last linear layer {name!r} gives {tuple(given.shape)} for {len(few[0])} rows: "
            "it must give one vector a row"
        )
    scale, shift, squashed = _link(given.double(), answers.double(), name)
    weights = layer.weight.detach().to("cpu", torch.float64)
    if layer.bias is not None:
        bias = layer.bias.detach().to("cpu", torch.float64)
        weights = torch.cat([weights, bias[:, None]], dim=1)
    return LastLayer(
        name=name,
        weights=weights,
        biased=layer.bias is not None,
        scale=scale,
        shift=shift,
        squashed=squashed,
    )


def features_of(
    model: nn.Module, layer: LastLayer, inputs: Inputs, *, at_once: int = 512
) -> Tensor:
    """What the layer reads, (n, D) float64 on the CPU, a column of ones with it for the bias."""
    parts = []
    with at_rest(model), torch.no_grad(), _watched(model, layer.name) as calls:
        for start in range(0, len(inputs[0]), at_once):
            calls.clear()
            model(*(one[start : start + at_once] for one in inputs))
            parts.append(layer.extended(calls[-1][2]))
    return torch.cat(parts) if parts else torch.empty(0, layer.weights.shape[1]).double()


@contextmanager
def _watched(model: nn.Module, only: str | None = None) -> Any:
    """(name, layer, input, output) of each call of a linear layer, in their order."""
    calls: list[tuple[str, nn.Linear, Tensor, Tensor]] = []

    def hook(name: str) -> Any:
        def seen(module: nn.Linear, arguments: Sequence[Tensor], output: Tensor) -> None:
            calls.append((name, module, arguments[0], output))

        return seen

    handles = [
        one.register_forward_hook(hook(name))
        for name, one in model.named_modules()
        if isinstance(one, nn.Linear) and only in (None, name)
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _link(given: Tensor, answers: Tensor, name: str) -> tuple[float, float, bool]:
    """Scale and shift between what the layer gives (n, K) and the answer, and if it is squashed."""
    if answers.numel() != given.numel() or len(answers) != len(given):
        raise ModelError(
            f"the last linear layer {name!r} gives {given.shape[1]} numbers a row, the network "
            f"{tuple(answers.shape[1:])}: its answer is made of something else"
        )
    said = answers.reshape(given.shape)
    if _near(given, said):
        return 1.0, 0.0, False
    whole = torch.softmax(given, dim=1) if given.shape[1] > 1 else torch.sigmoid(given)
    if _near(whole, said):
        return 1.0, 0.0, True
    if given.shape[1] == 1:
        design = torch.cat([given, torch.ones_like(given)], dim=1)
        scale, shift = torch.linalg.lstsq(design, said, driver="gelsd").solution[:, 0].tolist()
        if scale and _near(scale * given + shift, said):
            return scale, shift, False
    raise ModelError(
        f"the network's answer is not what its last linear layer {name!r} gives, nor its sigmoid "
        "or softmax: the layer by itself says nothing of it"
    )


def _near(one: Tensor, other: Tensor) -> bool:
    size = float(other.abs().max()) or 1.0
    return bool((one - other).abs().max() <= ALIKE * size)
