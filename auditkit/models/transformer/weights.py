"""Attention weights on request; without it they are never formed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from auditkit.errors import ModelError
from auditkit.models.transformer.blocks import Attention


@contextmanager
def attention_weights(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """While open, the weights (B, heads, T, S) of each attention in the latest forward pass.

    Keys are the attentions' names in the model ("stack.blocks.0.own"), in order. Each row sums
    to 1 over what it may see. Weights keep their gradient; a hook on an attention's `weights`
    that returns a tensor changes them. The model leaves as it came. Raises ModelError for a
    model without attention of ours.
    """
    kept: dict[str, Tensor] = {}
    found = {name: one for name, one in model.named_modules() if isinstance(one, Attention)}
    if not found:
        raise ModelError(f"no attention in {type(model).__name__}: it has no weights to show")
    before = {name: one.watched for name, one in found.items()}
    handles = []

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, weights: Tensor) -> None:
            kept[name] = weights

        return hook

    try:
        for name, one in found.items():
            one.watched = True
            handles.append(one.weights.register_forward_hook(keep(name)))
        yield kept
    finally:
        for handle in handles:
            handle.remove()
        for name, one in found.items():
            one.watched = before[name]
