"""Where attention looked: its weights, of our transformer and of any `nn.MultiheadAttention`.

So of `nn.TransformerEncoder` too, as it is. torch forms no weights unless it is asked, and in use
it runs a whole layer at once or on nested tensors: while a model is watched, each attention is
asked for its weights, and torch's shortcuts are off. The answers stay the same within rounding.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from auditkit.attribution.memory import MEGABYTE
from auditkit.attribution.question import Question
from auditkit.errors import NotApplicable
from auditkit.models.transformer.blocks import Attention
from auditkit.models.transformer.weights import attention_weights

COPIES = 8  # of the weights that a pass keeps: their scores, their gradients, in two precisions
NONE = (
    "it has no attention that shows its weights (that of auditkit's transformers, "
    "nn.MultiheadAttention or nn.TransformerEncoder)"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One call of an attention: weights (B, heads, T, S), gathered (B, T, width) by them.

    own says that a text looks at itself; else it looks at another.
    """

    name: str
    weights: Tensor
    gathered: Tensor
    own: bool


@contextmanager
def watching(model: nn.Module) -> Iterator[list[Look]]:
    """While open, each call of an attention adds its look; clear the list before a pass.

    Where gradients are on, the answer depends on the weights as they are listed, so that it has
    a gradient at each of them. Nothing is left behind. Raises NotApplicable for a model without.
    """
    if not attends(model):
        raise NotApplicable(NONE)
    looks: list[Look] = []
    with ExitStack() as kept:
        _watch_ours(model, looks, kept)
        _watch_torch(model, looks, kept)
        yield looks


def attends(model: Any) -> bool:
    """Whether a model has an attention whose weights can be seen."""
    return isinstance(model, nn.Module) and any(
        isinstance(one, Attention) or _is_torchs(one) for one in model.modules()
    )


def parted(looks: list[Look]) -> tuple[list[Look], list[Look]]:
    """The looks of a text that is read, and those of one that is written from it, if there is one.

    A text that is written looks at itself before it looks at the other, in every layer.
    """
    across = [i for i, one in enumerate(looks) if not one.own]
    if not across:
        return looks, []
    first = across[0]
    begun = first > 0 and looks[first - 1].weights.shape[2] == looks[first].weights.shape[2]
    start = first - 1 if begun else first
    return looks[:start], looks[start:]


def rows_watched(question: Question, looks: list[Look]) -> int:
    """Rows a pass while watched: weights are kept with their gradients, and so a few times."""
    looks.clear()
    with torch.no_grad():
        question.model(*(one[:1] for one in question.inputs))
    row = COPIES * sum(one.weights.numel() * one.weights.element_size() for one in looks)
    looks.clear()
    return max(1, min(question.at_once, question.runtime.memory * MEGABYTE // max(row, 1)))


def _is_torchs(module: nn.Module) -> bool:
    return isinstance(module, nn.MultiheadAttention) and (
        type(module).forward is nn.MultiheadAttention.forward
    )


def _watch_ours(model: nn.Module, looks: list[Look], kept: ExitStack) -> None:
    found = {name: one for name, one in model.named_modules() if isinstance(one, Attention)}
    if not found:
        return
    weights = kept.enter_context(attention_weights(model))

    def seen(name: str) -> Any:
        def hook(module: Any, _inputs: object, output: Tensor) -> None:
            own = module.rotary is not None
            looks.append(Look(name=name, weights=weights[name], gathered=output, own=own))

        return hook

    for name, one in found.items():
        kept.callback(one.weights.register_forward_hook(_begin).remove)
        kept.callback(one.register_forward_hook(seen(name)).remove)


def _begin(_module: nn.Module, _inputs: object, weights: Tensor) -> None:
    """Let gradients begin at the first weights: those of a model at rest want none."""
    if torch.is_grad_enabled() and not weights.requires_grad:
        weights.requires_grad_()


def _watch_torch(model: nn.Module, looks: list[Look], kept: ExitStack) -> None:
    found = {name: one for name, one in model.named_modules() if _is_torchs(one)}
    if not found:
        return
    before = torch.backends.mha.get_fastpath_enabled()
    kept.callback(torch.backends.mha.set_fastpath_enabled, before)
    torch.backends.mha.set_fastpath_enabled(False)
    wanted: dict[nn.Module, tuple[bool, bool]] = {}

    def ask(module: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        bound = signature(module.forward).bind(*inputs, **named)
        bound.apply_defaults()
        given = bound.arguments
        wanted[module] = (given["need_weights"], given["average_attn_weights"])
        given["need_weights"], given["average_attn_weights"] = True, False
        return bound.args, bound.kwargs

    def seen(name: str) -> Any:
        def hook(module: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> Any:
            query, key, value = inputs[:3]
            answer, weights = output
            _begin(module, (), weights)
            gathered = answer if module.batch_first else answer.transpose(0, 1)
            if torch.is_grad_enabled():
                gathered = _gathered(module, weights, value)
            looks.append(Look(name=name, weights=weights, gathered=gathered, own=query is key))
            # What is listed lies on the way to the answer, or it would have no gradient.
            answer = gathered if module.batch_first else gathered.transpose(0, 1)
            asked, mean = wanted[module]
            return answer, (weights.mean(dim=1) if mean else weights) if asked else None

        return hook

    for name, one in found.items():
        kept.callback(one.register_forward_pre_hook(ask, with_kwargs=True).remove)
        kept.callback(one.register_forward_hook(seen(name)).remove)


def _gathered(module: Any, weights: Tensor, value: Tensor) -> Tensor:
    """What an `nn.MultiheadAttention` answers, rows first, from its weights (B, heads, T, S).

    torch gives out a copy of the weights, at which its own answer has no gradient.
    """
    size = module.embed_dim
    same = module.in_proj_weight is not None
    projected = linear(
        value if module.batch_first else value.transpose(0, 1),
        module.in_proj_weight[2 * size :] if same else module.v_proj_weight,
        None if module.in_proj_bias is None else module.in_proj_bias[2 * size :],
    )  # (B, S, width)
    rows = len(projected)
    if module.bias_v is not None:
        projected = torch.cat([projected, module.bias_v.expand(rows, 1, size)], dim=1)
    if module.add_zero_attn:
        projected = torch.cat([projected, projected.new_zeros(rows, 1, size)], dim=1)
    heads = projected.view(*projected.shape[:2], module.num_heads, -1).transpose(1, 2)
    joined = (weights @ heads).transpose(1, 2).flatten(2)  # (B, T, width)
    return linear(joined, module.out_proj.weight, module.out_proj.bias)
