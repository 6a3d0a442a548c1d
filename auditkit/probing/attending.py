"""What the heads of an attention gathered, and where they looked.

heads    (n, heads, T, d): what each head gathered, before they are joined
weights  (n, heads, T, S): where each looked, rows of 1 over what it may see

Of our transformers, of `nn.MultiheadAttention` (so of torch's own transformers), and heads of any
attention that says how many it has and ends in a linear layer of a usual name. torch's own keeps
neither: they are taken again from what it was given, so that its answer stays as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, scaled_dot_product_attention

from auditkit.errors import ModelError, UsageError
from auditkit.models.layers import rows_first

# How attentions of others call the number of their heads, and the layer that joins them.
COUNTS = ("heads", "num_heads", "n_heads", "n_head", "num_attention_heads")
JOINS = ("output", "out_proj", "o_proj", "c_proj", "out_lin", "proj", "to_out", "wo", "dense")


def is_torchs(module: nn.Module) -> bool:
    """Whether it is torch's own attention, as it is."""
    return isinstance(module, nn.MultiheadAttention) and (
        type(module).forward is nn.MultiheadAttention.forward
    )


def joined_by(module: nn.Module, name: str) -> tuple[nn.Module, int]:
    """The layer that joins an attention's heads, and how many there are.

    Raises UsageError where that is not known.
    """
    counts = [getattr(module, one, None) for one in COUNTS]
    heads = next((one for one in counts if isinstance(one, int)), 0)
    joins = [getattr(module, one, None) for one in JOINS]
    join = next((one for one in joins if isinstance(one, nn.Module)), None)
    if not heads or join is None or isinstance(module, nn.MultiheadAttention):
        raise UsageError(
            f"layer {name!r} is a {type(module).__name__}, of which is not known where its heads "
            "are joined: name the layer that joins them with ':input', and cut that yourself"
        )
    return join, heads


def cut(joined: Tensor, heads: int, name: str) -> Tensor:
    """(n, T, width) -> (n, heads, T, d)."""
    if joined.ndim != 3 or joined.shape[-1] % heads:
        raise ModelError(
            f"the heads of layer {name!r} come as {tuple(joined.shape)}: (rows, steps, width) in "
            f"{heads} equal parts can be cut"
        )
    return joined.view(*joined.shape[:2], heads, -1).transpose(1, 2)


def joined(heads: Tensor) -> Tensor:
    """(n, heads, T, d) -> (n, T, width)."""
    return heads.transpose(1, 2).flatten(2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Attended:
    """One call of torch's attention: query (n, heads, T, d), key and value (n, heads, S, d).

    mask is added to the scores, (n or 1, heads or 1, T or 1, S).
    """

    module: nn.MultiheadAttention
    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None

    def heads(self) -> Tensor:
        """What each head gathered."""
        found: Tensor = scaled_dot_product_attention(
            self.query, self.key, self.value, attn_mask=self.mask
        )
        return found

    def weights(self) -> Tensor:
        """Where each looked; nowhere where it may see nothing."""
        scores: Tensor = self.query @ self.key.transpose(-1, -2) / self.query.shape[-1] ** 0.5
        scores = scores if self.mask is None else scores + self.mask
        blind = scores.isneginf().all(dim=-1, keepdim=True)
        weights: Tensor = scores.softmax(dim=-1)
        return weights.masked_fill(blind, 0)

    def moved(self, output: Tensor, change: Tensor) -> Tensor:
        """The answer (n, T, width) after a change of what the heads gathered.

        What is put in is added as a difference: where nothing changes, nothing does.
        """
        added: Tensor = linear(joined(change), self.module.out_proj.weight)
        moved: Tensor = output + added.to(output.dtype)
        return moved


def attended(
    module: nn.MultiheadAttention, given: Sequence[Any], named: Any, name: str
) -> Attended:
    """What torch's attention was asked. Raises ModelError where it drops weights at random."""
    if module.training and module.dropout:
        raise ModelError(
            f"layer {name!r} drops weights while training, which cannot be seen again: put the "
            "model in eval mode"
        )
    bound = signature(module.forward).bind(*given, **named)
    bound.apply_defaults()
    asked = bound.arguments
    query, key, value = _projected(
        module, [rows_first(module, asked[one]) for one in ("query", "key", "value")]
    )
    found = _mask(asked["attn_mask"], asked["key_padding_mask"], query, key)
    if found is not None and key.shape[2] > found.shape[-1]:
        found = pad(found, (0, key.shape[2] - found.shape[-1]))  # what was added can be seen
    return Attended(module=module, query=query, key=key, value=value, mask=found)


def _projected(module: nn.MultiheadAttention, given: Sequence[Tensor]) -> list[Tensor]:
    size, n = module.embed_dim, len(given[0])
    own: Tensor | None = module.in_proj_weight  # None where keys or values have their own width
    if own is not None:
        weights = list(own.chunk(3))
    else:
        weights = [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
    bias = module.in_proj_bias
    biases = [None] * 3 if bias is None else list(bias.chunk(3))
    query, key, value = (
        linear(one.to(weight.dtype), weight, shift)
        for one, weight, shift in zip(given, weights, biases, strict=True)
    )
    if module.bias_k is not None and module.bias_v is not None:
        key = torch.cat([key, module.bias_k.expand(n, 1, size)], dim=1)
        value = torch.cat([value, module.bias_v.expand(n, 1, size)], dim=1)
    if module.add_zero_attn:
        key, value = pad(key, (0, 0, 0, 1)), pad(value, (0, 0, 0, 1))
    heads = module.num_heads
    return [one.view(*one.shape[:2], heads, -1).transpose(1, 2) for one in (query, key, value)]


def _mask(steps: Tensor | None, rows: Tensor | None, query: Tensor, key: Tensor) -> Tensor | None:
    """The masks of pairs of steps, and of each row's padding, as one that is added."""
    n, heads = query.shape[:2]
    found = None
    if steps is not None:
        found = _added(steps, query)
        found = found[None, None] if found.ndim == 2 else found.view(n, heads, *found.shape[1:])
    if rows is not None:
        padding = _added(rows, query).view(n, 1, 1, -1)
        found = padding if found is None else found + padding
    return found


def _added(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, -torch.inf)
