"""Which call of which layer it is, in a pass of the model.

A pass is a call of the model itself. Where a layer runs outside of one, because only a part of the
model was called, each of its calls is a pass by itself.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from torch import nn

from auditkit.errors import ModelError
from auditkit.probing.parts import Spot


def _nothing() -> None:
    return None


class Passes:
    """Counts calls until `kept` closes; told at the begin of each pass and at its end.

    A pass that fails has no end. Raises ModelError at the end of one in which a layer that is
    named without a call was called several times, or has no call of the number that is named.
    """

    def __init__(
        self,
        model: nn.Module,
        spots: Sequence[Spot],
        kept: ExitStack,
        *,
        begin: Callable[[], None] = _nothing,
        end: Callable[[], None] = _nothing,
    ) -> None:
        self._spots, self._told_begin, self._told_end = spots, begin, end
        self._calls: dict[nn.Module, int] = {}
        self._running = False
        self.ended = 0
        kept.callback(model.register_forward_pre_hook(self._begin).remove)
        kept.callback(model.register_forward_hook(self._end).remove)
        kept.callback(model.register_forward_hook(self._stop, always_call=True).remove)
        for module in dict.fromkeys(one.module for one in spots):
            kept.callback(module.register_forward_pre_hook(self._count).remove)

    @property
    def running(self) -> bool:
        """Whether a pass of the whole model is under way."""
        return self._running

    def here(self, spot: Spot) -> bool:
        """Whether the call under way is the one that is meant."""
        if not self._running and spot.call:
            raise ModelError(
                f"{spot.name!r} is a call of a pass, and only a part of the model was called: call "
                "the model, or name that part as the model"
            )
        return not self._running or self._calls.get(spot.module) == (spot.call or 1)

    def _begin(self, _module: nn.Module, _given: Any) -> None:
        self._calls.clear()
        self._running = True
        self._told_begin()

    def _count(self, module: nn.Module, _given: Any) -> None:
        self._calls[module] = self._calls.get(module, 0) + 1

    def _end(self, _module: nn.Module, _given: Any, _output: Any) -> None:
        for spot in self._spots:
            calls = self._calls.get(spot.module, 0)
            if calls > 1 and not spot.call:
                raise ModelError(
                    f"layer {spot.layer!r} is called {calls} times in a pass: name one that is "
                    f"called once, or one call of it, as in '{spot.layer}#2'"
                )
            if calls and spot.call > calls:
                raise ModelError(f"no call {spot.call} of layer {spot.layer!r}: a pass has {calls}")
        self.ended += 1
        self._told_end()

    def _stop(self, _module: nn.Module, _given: Any, _output: Any) -> None:
        """However it ended."""
        self._running = False
