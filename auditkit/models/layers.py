"""The layers of any torch module by name: which there are, what one gives, and how it is put back.

A layer gives a tensor, a tuple that begins with one (attention, a recurrent network), a mapping or
a dataclass that holds one, packed steps, or a nested tensor. Here that is always one dense tensor,
rows first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import fields, is_dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from auditkit.errors import ModelError, UsageError, suggestion

# What a sweep over a model's layers passes over: they add nothing to what came in.
IDLE = (nn.Dropout, nn.Identity, nn.Flatten, nn.ModuleDict, nn.ParameterList)
WEIGHING = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
WILD = "*?["
# Of several tensors that a layer gives by name, the first of these is what goes on.
MEANT = ("last_hidden_state", "hidden_states", "output", "out", "logits")


def named_layers(model: nn.Module, names: str | Sequence[str]) -> Mapping[str, nn.Module]:
    """The layers that names or patterns (`blocks.*`) mean, in the order of the model.

    `*` stands for what has no dot, as in `blocks.*` for each block and not for its parts. Raises
    UsageError for a name or a pattern that no layer has.
    """
    known = {name: one for name, one in model.named_modules(remove_duplicate=False) if name}
    first = {name for name, _ in model.named_modules()}  # a layer in two places is one of `*`
    wanted = [names] if isinstance(names, str) else list(names)
    chosen: set[str] = set()
    for one in wanted:
        found = {one} & known.keys() or {name for name in known if _means(one, name)} & first
        if not found:
            raise UsageError(f"no layer {one!r} in the model; {suggestion(one, known)}")
        chosen |= found
    return {name: module for name, module in known.items() if name in chosen}


def _means(pattern: str, name: str) -> bool:
    if not any(sign in pattern for sign in WILD):
        return pattern == name
    parts, own = pattern.split("."), name.split(".")
    return len(parts) == len(own) and all(map(fnmatchcase, own, parts))


def named_layer(model: Any, name: str) -> nn.Module:
    """The layer of that name. Raises UsageError where there is none."""
    known = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    if name not in known or not name:
        raise UsageError(
            f"no layer {name!r} in the model; {suggestion(name, [one for one in known if one])}"
        )
    found: nn.Module = known[name]
    return found


def numbers_of(module: nn.Module, output: Any, name: str) -> Tensor:
    """What a layer gives as one dense tensor, rows first.

    Of a tuple or a list the first, of a mapping or a dataclass the only tensor, or the one whose
    name is among `MEANT`. Raises ModelError where it gives no real numbers, or several tensors of
    which none is meant.
    """
    while (place := _place(output, name)) is not None:
        output = getattr(output, place) if _fielded(output) else output[place]
    if _packed(output):
        padded, _ = pad_packed_sequence(output, batch_first=True)
        return padded
    if not isinstance(output, Tensor) or not output.is_floating_point():
        seen = output.dtype if isinstance(output, Tensor) else type(output).__name__
        raise ModelError(f"layer {name!r} gives {seen} and no numbers: name another")
    if output.is_nested:
        return output.to_padded_tensor(0.0)
    return rows_first(module, output)


def put_back(module: nn.Module, output: Any, moved: Tensor, name: str = "") -> Any:
    """The layer's output with other numbers in it, rows first."""
    place = _place(output, name)
    if place is None:
        return _as_given(module, output, moved)
    inner = getattr(output, place) if _fielded(output) else output[place]
    changed = put_back(module, inner, moved, name)
    if _fielded(output):
        return replace(output, **{place: changed})
    if isinstance(output, Mapping):
        whole: Any = copy(output)
        whole[place] = changed
        return whole
    parts = [changed, *output[1:]]
    if isinstance(output, list):
        return parts
    return output._make(parts) if hasattr(output, "_make") else tuple(parts)


def lengths_of(output: Any) -> Tensor | None:
    """How many steps each row of packed or nested steps has, (n,) on the CPU; None of others."""
    while isinstance(output, tuple | list) and not _packed(output) and output:
        output = output[0]
    if _packed(output):
        lengths: Tensor = pad_packed_sequence(output, batch_first=True)[1]
        return lengths
    if isinstance(output, Tensor) and output.is_nested:
        return torch.tensor([len(one) for one in output.unbind()])
    return None


def rows_first(module: nn.Module, given: Tensor) -> Tensor:
    """What a layer takes or gives, rows first; one row without a batch is a batch of it."""
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention) and given.ndim == 2:
        return given.unsqueeze(0)
    return given.transpose(0, 1) if _steps_first(module) else given


def _as_given(module: nn.Module, output: Any, moved: Tensor) -> Any:
    if _packed(output):
        _, lengths = pad_packed_sequence(output, batch_first=True)
        return pack_padded_sequence(moved, lengths, batch_first=True, enforce_sorted=False)
    if output.is_nested:
        rows = [row[: len(one)] for row, one in zip(moved, output.unbind(), strict=True)]
        return torch.nested.as_nested_tensor(rows, layout=output.layout)
    if output.ndim < moved.ndim:
        return moved.squeeze(0)
    return moved.transpose(0, 1) if _steps_first(module) else moved


def _place(output: Any, name: str) -> Any:
    """Where in a collection the numbers are; None where it is none."""
    if isinstance(output, tuple | list) and not _packed(output):
        return 0 if output else None
    if isinstance(output, Mapping):
        found = [key for key, one in output.items() if _numbers(one)]
    elif _fielded(output):
        found = [one.name for one in fields(output) if _numbers(getattr(output, one.name))]
    else:
        return None
    meant = [key for key in MEANT if key in found] or found
    if not found or (len(found) > 1 and meant is found):
        seen = ", ".join(map(repr, found)) or "no tensor"
        raise ModelError(f"layer {name!r} gives {seen} by name: name a layer that gives one")
    return meant[0]


def _numbers(one: Any) -> bool:
    return isinstance(one, Tensor) and one.is_floating_point()


def _fielded(output: Any) -> bool:
    return is_dataclass(output) and not isinstance(output, type | Mapping)


def stages(model: nn.Module, most: int = 12) -> tuple[str, ...]:
    """A sensible sweep: the stages that what is read passes through one after another.

    A list of blocks is opened wherever it stands, a sequence of single layers too; of a layer and
    its activation the activation is kept. Embeddings of single columns and the last linear layer,
    which is the answer, stay out. At most `most`, evenly apart; () for a model of one layer.
    """
    found = list(_opened("", model))
    if len(found) > 1 and _answers(found[-1][1]):
        found.pop()
    names = [name for name, _ in found]
    if len(names) <= most:
        return tuple(names)
    return tuple(names[round(i * (len(names) - 1) / (most - 1))] for i in range(most))


def _opened(prefix: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    children = [(f"{prefix}{name}", one) for name, one in module.named_children()]
    for place, (name, one) in enumerate(children):
        follower = children[place + 1][1] if place + 1 < len(children) else None
        if isinstance(one, IDLE) or getattr(one, "embeds", False):
            continue
        if isinstance(module, nn.Sequential) and follower is not None and _plain(follower):
            continue
        if _in_a_row(one):
            yield from _opened(f"{name}.", one)
        elif not isinstance(one, nn.ModuleList):
            yield name, one


def _in_a_row(module: nn.Module) -> bool:
    """Whether a part is best seen part by part."""
    inner = list(module.children())
    if isinstance(module, nn.ModuleList):
        return not any(isinstance(one, nn.Embedding) for one in inner)
    if isinstance(module, nn.Sequential):
        single = all(not _parts(one) for one in inner)
        return single and sum(isinstance(one, WEIGHING) for one in inner) > 1
    return any(isinstance(one, nn.ModuleList) and len(one) for one in inner)


def _plain(module: nn.Module) -> bool:
    """An activation or a normalisation: what stands before it is seen behind it."""
    return not _parts(module) and type(module).__module__ in (
        "torch.nn.modules.activation",
        "torch.nn.modules.batchnorm",
    )


def _answers(module: nn.Module) -> bool:
    if isinstance(module, nn.Linear):
        return True
    weighing = [one for one in module.modules() if list(one.parameters(recurse=False))]
    return bool(weighing) and all(isinstance(one, nn.Linear) for one in weighing)


def _parts(module: nn.Module) -> list[nn.Module]:
    """What a module is made of, but for how its weights are computed (spectral norm)."""
    return [one for name, one in module.named_children() if name != "parametrizations"]


def only(seen: Sequence[Tensor], name: str) -> Tensor:
    """What a layer that is called once in a pass gave. Raises ModelError where it is not."""
    if len(seen) != 1:
        raise ModelError(
            f"layer {name!r} is called {len(seen)} times in a pass: name one that is called once"
        )
    return seen[0]


def together(parts: Iterable[Tensor]) -> Tensor:
    """The rows of several passes; where steps differ, the shorter are filled up with zeros."""
    found = list(parts)
    most = max((one.shape[1] for one in found if one.ndim > 2), default=0)
    return torch.cat(
        [
            one
            if one.ndim < 3 or one.shape[1] == most
            else torch.nn.functional.pad(one, (0, 0) * (one.ndim - 2) + (0, most - one.shape[1]))
            for one in found
        ]
    )


def _packed(output: Any) -> bool:
    return isinstance(output, PackedSequence)  # itself a tuple


def _steps_first(module: nn.Module) -> bool:
    if isinstance(module, nn.TransformerEncoder | nn.TransformerDecoder):
        module = module.layers[0]
    if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        module = module.self_attn
    whole = nn.RNNBase | nn.MultiheadAttention | nn.Transformer
    return isinstance(module, whole) and not module.batch_first
