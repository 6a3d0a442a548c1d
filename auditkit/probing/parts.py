"""What of a layer is recorded or replaced, by name: `layer`, `layer:part`, `layer#2:part`.

output          what it gives, which is meant without a part
input           what comes in first: before a block, the residual stream
hidden          hidden states of a recurrent layer, every step; of its last level, or `hidden.0`
cell, gates     the same of its cell states and gates
heads, weights  what the heads of an attention gathered, and where they looked

#2 is the second call of a layer in a pass, where it is called several times. A part is tapped:
`see` is given its numbers, rows first, and each row's steps where they are known; what it gives
back, unless that is None, goes on in their place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from auditkit.errors import ModelError, UsageError, suggestion
from auditkit.models.layers import lengths_of, named_layers, numbers_of, put_back
from auditkit.models.rnn import Layer
from auditkit.models.transformer.blocks import Attention
from auditkit.probing.attending import attended, cut, is_torchs, joined, joined_by
from auditkit.probing.recurrent import given_of, level_of, run_of

See = Callable[[Tensor, Tensor | None], Tensor | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Spot:
    """One part of one layer: name as it was asked, call 0 where it is the only one of a pass.

    moves says that something may go on in its place, so that gradients are wanted.
    """

    name: str
    layer: str
    module: nn.Module
    part: str
    level: int
    call: int
    moves: bool

    @property
    def steps(self) -> tuple[int, ...] | None:
        """Which axes are steps; None where the second of three is."""
        return PARTS[self.part].steps

    def tap(self, see: See, kept: ExitStack) -> None:
        """From now on, until `kept` closes, `see` is asked whenever the layer runs."""
        PARTS[self.part].tap(self, see, kept)


@dataclass(frozen=True, kw_only=True)
class Part:
    """How a part is tapped, and which axes are steps; recurrent ones have levels."""

    tap: Callable[[Spot, See, ExitStack], None]
    steps: tuple[int, ...] | None
    changes: bool = True
    levels: bool = False


def spots_of(
    model: nn.Module, wanted: str | Sequence[str], *, moves: bool = False
) -> tuple[Spot, ...]:
    """The parts of layers that names or patterns mean, in the order of the model.

    Raises UsageError for a layer, a part or a level that does not exist, ModelError for a layer
    that runs out of sight.
    """
    known = dict(model.named_modules(remove_duplicate=False))
    order = {name: place for place, name in enumerate(known)}
    found: dict[str, Spot] = {}
    for one in [wanted] if isinstance(wanted, str) else wanted:
        base, colon, asked = one.partition(":")
        base, mark, call = base.partition("#")
        part, _, level = (asked or "output").partition(".")
        _require_part(one, part, level, call if mark else "1", moves=moves)
        for layer, module in named_layers(model, base).items():
            _require_seen(known, layer)
            deep = int(level) if level else None
            name = f"{layer}{mark}{call}{colon}{asked}"
            found[name] = Spot(
                name=name,
                layer=layer,
                module=module,
                part=part,
                level=level_of(module, layer, part, deep) if PARTS[part].levels else 0,
                call=int(call or 0),
                moves=moves,
            )
    if not found:
        raise UsageError("no layer was named: give at least one")
    return tuple(sorted(found.values(), key=lambda one: order[one.layer]))


def _require_part(asked: str, part: str, level: str, call: str, *, moves: bool) -> None:
    if part not in PARTS:
        raise UsageError(f"no part {part!r} of a layer in {asked!r}; {suggestion(part, PARTS)}")
    if level and not (PARTS[part].levels and level.isdecimal()):
        raise UsageError(
            f"no level {level!r} of {part!r} in {asked!r}: levels are those of hidden, cell and "
            "gates, as in 'rnn:hidden.0'"
        )
    if not call.isdecimal() or int(call) < 1:
        raise UsageError(f"no call {call!r} in {asked!r}: the second of a pass is 'layer#2'")
    if moves and not PARTS[part].changes:
        raise UsageError(f"{part!r} in {asked!r} follow from the states: replace hidden or cell")


def _require_seen(known: Mapping[str, nn.Module], layer: str) -> None:
    """Raise ModelError for a layer that is not run as itself, and so could not be seen."""
    steps = layer.split(".")
    for depth in range(len(steps) + 1):
        one = known[".".join(steps[:depth])]
        kind = "a script" if isinstance(one, torch.jit.ScriptModule) else ""
        around = type(one).__name__ == "OptimizedModule"  # its own module takes 3 s to import
        if around or getattr(one, "_compiled_call_impl", None):
            kind = "compiled"
        if kind and (depth < len(steps) or not around):
            whose = f"layer {'.'.join(steps[:depth])!r}" if depth else "the model"
            raise ModelError(
                f"{whose} is {kind}, and what runs inside of it cannot be seen: record the module "
                "that it was made of"
            )


def _tap_output(spot: Spot, see: See, kept: ExitStack) -> None:
    def hook(module: nn.Module, given: Any, output: Any) -> Any:
        numbers = numbers_of(module, output, spot.name)
        changed = see(numbers, _known_lengths(module, given, output))
        return None if changed is None else put_back(module, output, changed, spot.name)

    kept.callback(spot.module.register_forward_hook(hook).remove)


def _tap_input(spot: Spot, see: See, kept: ExitStack) -> None:
    def hook(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        tensors = (one for one in named.values() if isinstance(one, Tensor | PackedSequence))
        first = given[0] if given else next(tensors, None)
        numbers = numbers_of(module, first, spot.name)
        changed = see(numbers, _known_lengths(module, given, first))
        if changed is None:
            return None
        moved = put_back(module, first, changed, spot.name)
        # Query, key and value are often one and the same.
        return tuple(moved if one is first else one for one in given), {
            name: moved if one is first else one for name, one in named.items()
        }

    kept.callback(spot.module.register_forward_pre_hook(hook, with_kwargs=True).remove)


def _known_lengths(module: nn.Module, given: Any, numbers: Any) -> Tensor | None:
    if isinstance(module, Layer):
        told: Tensor = given[1]
        return told
    return lengths_of(numbers)


def _tap_states(spot: Spot, see: See, kept: ExitStack) -> None:
    def hook(module: nn.Module, given: Any, named: Any, output: Any) -> Any:
        with _plainly(spot):
            run = run_of(module, given, named, output, spot.layer)
            own: Tensor = getattr(run, spot.part)(spot.level)

            def change(states: Tensor) -> Tensor:
                changed = see(states, run.lengths)
                return states if changed is None else changed

            if spot.part == "gates" or not spot.moves:
                see(own, run.lengths)
                return None
            put_in = change(own.clone())
            if torch.equal(put_in, own) and not put_in.requires_grad:
                return None  # what torch made of the same states stays as it was, bit for bit
            moved = run.changed(spot.level, change, cells=spot.part == "cell")
            return given_of(module, output, moved, spot.layer)

    kept.callback(spot.module.register_forward_hook(hook, with_kwargs=True).remove)


def _tap_heads(spot: Spot, see: See, kept: ExitStack) -> None:
    if is_torchs(spot.module):
        _tap_torchs(spot, see, kept)
        return
    join, count = joined_by(spot.module, spot.layer)

    def hook(_module: nn.Module, given: tuple[Any, ...]) -> Any:
        changed = see(cut(given[0], count, spot.layer), None)
        return None if changed is None else (joined(changed), *given[1:])

    kept.callback(join.register_forward_pre_hook(hook).remove)


def _tap_weights(spot: Spot, see: See, kept: ExitStack) -> None:
    if is_torchs(spot.module):
        _tap_torchs(spot, see, kept)
        return
    if not isinstance(spot.module, Attention):
        raise UsageError(
            f"layer {spot.layer!r} is a {type(spot.module).__name__}, which does not show where it "
            "looks: nn.MultiheadAttention and the attention of auditkit's transformers do"
        )

    def hook(_module: nn.Module, _given: Any, weights: Tensor) -> Tensor | None:
        return see(weights, None)

    kept.callback(setattr, spot.module, "watched", spot.module.watched)
    spot.module.watched = True
    kept.callback(spot.module.weights.register_forward_hook(hook).remove)


def _tap_torchs(spot: Spot, see: See, kept: ExitStack) -> None:
    def hook(module: Any, given: Any, named: Any, output: Any) -> Any:
        with _plainly(spot):
            seen = attended(module, given, named, spot.layer)
            own = seen.heads() if spot.part == "heads" else seen.weights()
            changed = see(own.clone() if spot.moves else own, None)
            if changed is None:
                return None
            change = changed - own if spot.part == "heads" else (changed - own) @ seen.value
            numbers = numbers_of(module, output, spot.layer)
            return put_back(module, output, seen.moved(numbers, change), spot.layer)

    # In one piece, torch's own hands its attention nested tensors, or does not call it.
    kept.callback(
        torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled()
    )
    torch.backends.mha.set_fastpath_enabled(False)
    kept.callback(spot.module.register_forward_hook(hook, with_kwargs=True).remove)


@contextmanager
def _plainly(spot: Spot) -> Iterator[None]:
    """Inside, in the precision of the weights, with gradients only where they are of use."""
    device = next((one.device.type for one in spot.module.parameters()), "cpu")
    grad = spot.moves and torch.is_grad_enabled()
    with torch.autocast(device, enabled=False), torch.set_grad_enabled(grad):
        yield


PARTS: Mapping[str, Part] = {
    "output": Part(tap=_tap_output, steps=None),
    "input": Part(tap=_tap_input, steps=None),
    "hidden": Part(tap=_tap_states, steps=(1,), levels=True),
    "cell": Part(tap=_tap_states, steps=(1,), levels=True),
    "gates": Part(tap=_tap_states, steps=(1,), levels=True, changes=False),
    "heads": Part(tap=_tap_heads, steps=(2,)),
    "weights": Part(tap=_tap_weights, steps=(2, 3)),
}
