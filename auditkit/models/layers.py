"""The layers of any torch module by name: which there are, what one gives, and how it is put back.

A layer gives a tensor, a tuple that begins with one (attention, a recurrent network), packed
steps, or a nested tensor. Here that is always one dense tensor, rows first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def named_layers(model: nn.Module, names: str | Sequence[str]) -> Mapping[str, nn.Module]:
    """The layers that names or patterns (`blocks.*`) mean, in the order of the model.

    `*` stands for what has no dot, as in `blocks.*` for each block and not for its parts. Raises
    UsageError for a name or a pattern that no layer has.
    """
    known = {name: one for name, one in model.named_modules() if name}
    wanted = [names] if isinstance(names, str) else list(names)
    chosen: set[str] = set()
    for one in wanted:
        found = {name for name in known if _means(one, name)}
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

    Raises ModelError where it gives no real numbers.
    """
    first = output[0] if isinstance(output, tuple) and not _packed(output) else output
    if _packed(first):
        padded, _ = pad_packed_sequence(first, batch_first=True)
        return padded
    if not isinstance(first, Tensor) or not first.is_floating_point():
        raise ModelError(f"layer {name!r} gives {type(first).__name__} and no numbers")
    if first.is_nested:
        return first.to_padded_tensor(0.0)
    return first.transpose(0, 1) if _steps_first(module) else first


def put_back(module: nn.Module, output: Any, moved: Tensor) -> Any:
    """The layer's output with other numbers in it, rows first."""
    if isinstance(output, tuple) and not _packed(output):
        return (put_back(module, output[0], moved), *output[1:])
    if _packed(output):
        _, lengths = pad_packed_sequence(output, batch_first=True)
        return pack_padded_sequence(moved, lengths, batch_first=True, enforce_sorted=False)
    return moved.transpose(0, 1) if _steps_first(module) else moved


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
    return isinstance(module, nn.RNNBase | nn.MultiheadAttention) and not module.batch_first
