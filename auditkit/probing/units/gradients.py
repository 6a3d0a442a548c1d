"""How far the gradient of the loss reaches: layer by layer, and row by row."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.errors import DataError, ModelError
from auditkit.models.layers import named_layers, numbers_of
from auditkit.probing.asking import sloping
from auditkit.probing.telling import in_short

FAR = 1000.0  # times that a gradient may shrink or grow over the layers before it is said to

Loss = Callable[[Tensor, Tensor], Tensor]
Batch = tuple[tuple[Tensor, ...], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class GradientFlow:
    """The gradient of the loss at each layer.

    frame has a line for each layer in the order of the model: layer; relative, the length of the
    mean loss's gradient by the layer's weights over the length of these; typical, low and high,
    the median and the 5 and 95 % quantiles over rows of the length of a row's gradient by what
    the layer gives; zero, the share of its units that no row gives any gradient; rows. NaN
    where a layer gives no (n, d), (n, steps, d) or maps.
    """

    __repr__ = in_short

    frame: pd.DataFrame

    @property
    def reach(self) -> float:
        """typical of the first layer over that of the last; NaN of one layer, or of none at all."""
        found = self.frame["typical"].dropna().to_numpy(float)
        if len(found) < 2 or not found.any():
            return math.nan
        return float(found[0] / found[-1]) if found[-1] else math.inf

    @property
    def ends(self) -> tuple[str, str]:
        """Names of the two layers that `reach` compares."""
        known = self.frame.loc[self.frame["typical"].notna(), "layer"]
        return str(known.iloc[0]), str(known.iloc[-1])

    @property
    def verdict(self) -> str:
        """Whether a row's gradient gets as far as the first layer: vanishing, exploding or even.

        It is less than a thousandth of that at the last layer, or more than a thousand times as
        long; "" where there are no two layers to compare.
        """
        if math.isnan(self.reach):
            return ""
        if self.reach < 1 / FAR:
            return "vanishing"
        return "exploding" if self.reach > FAR else "even"


@dataclass(slots=True)
class Seen:
    """What one layer has shown: its weights' gradient, lengths of rows' gradients, units reached.

    reached (units,) says which units got a gradient from some row.
    """

    weights: list[nn.Parameter]
    sums: list[Tensor] = field(default_factory=list)
    lengths: list[Tensor] = field(default_factory=list)
    reached: Tensor | None = None


def gradient_flow(
    model: nn.Module,
    batches: Iterable[Batch],
    loss: Loss,
    *,
    layers: str | Sequence[str] | None = None,
) -> GradientFlow:
    """The gradient of the loss at each layer, at the weights as they are.

    batches give (inputs, targets), inputs as a tuple; loss(outputs, targets) gives one number a
    row, (m,), as torch's losses do with reduction="none". layers are names or patterns, by
    default every layer with weights of its own that are matrices. The model is in its resting
    mode, without dropout, and is left as it came. Raises ModelError for a loss of another shape.

    Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward networks".
    """
    known = _weighing(model) if layers is None else named_layers(model, layers)
    seen = {name: Seen(list(one.parameters())) for name, one in known.items()}
    rows = 0
    with at_rest(model), _wanting(model), _given(known) as outputs:
        for inputs, targets in batches:
            outputs.clear()
            with sloping():
                losses = loss(model(*(one.clone() for one in inputs)), targets.clone())
            if losses.shape != (len(targets),):
                raise ModelError(
                    f"the loss gave {tuple(losses.shape)} for {len(targets)} rows: give one "
                    'number a row, with reduction="none"'
                )
            with sloping():
                _take_in(seen, outputs, losses)
            rows += len(targets)
    if not rows:
        raise DataError("there are no batches: give at least one row with its target")
    return GradientFlow(frame=pd.DataFrame([_line(name, one, rows) for name, one in seen.items()]))


def _weighing(model: nn.Module) -> dict[str, nn.Module]:
    """Layers with a weight matrix of their own. Raises ModelError where there is none."""
    found = {
        name: one
        for name, one in model.named_modules()
        if name and any(weight.ndim > 1 for weight in one.parameters(recurse=False))
    }
    if not found:
        raise ModelError("the model has no layer with weights: there is no gradient to follow")
    return found


@contextmanager
def _wanting(model: nn.Module) -> Iterator[None]:
    """Inside, every weight wants a gradient; `at_rest` puts back what was wanted before."""
    for weight in model.parameters():
        if weight.is_floating_point():
            weight.requires_grad_()
    yield


@contextmanager
def _given(layers: Mapping[str, nn.Module]) -> Iterator[list[tuple[str, Tensor]]]:
    """Inside, keeps what the layers give, call after call, with its graph."""
    found: list[tuple[str, Tensor]] = []

    def hook(name: str) -> Any:
        def seen(module: nn.Module, _given: Any, output: Any) -> None:
            try:
                numbers = numbers_of(module, output, name)
            except ModelError:
                return  # what is no tensor has no gradient of its own
            if numbers.requires_grad:
                found.append((name, numbers))

        return seen

    handles = [one.register_forward_hook(hook(name)) for name, one in layers.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _take_in(
    seen: Mapping[str, Seen], outputs: Sequence[tuple[str, Tensor]], losses: Tensor
) -> None:
    weights = [one for layer in seen.values() for one in layer.weights]
    wanted = [*(one for one in weights), *(one for _, one in outputs)]
    found = torch.autograd.grad(losses.sum(), wanted, allow_unused=True)
    place = 0
    for layer in seen.values():
        for i, weight in enumerate(layer.weights):
            given = found[place]
            new = torch.zeros_like(weight) if given is None else given
            place += 1
            if len(layer.sums) == i:
                layer.sums.append(new.double())
            else:
                layer.sums[i] += new
    squares: dict[str, Tensor] = {}
    for (name, _), slope in zip(outputs, found[place:], strict=True):
        if slope is None or len(slope) != len(losses) or slope.ndim not in (2, 3, 4):
            continue
        flat = slope.reshape(len(slope), -1).double()
        units = slope.movedim(1, -1) if slope.ndim == 4 else slope
        reached = (units != 0).reshape(-1, units.shape[-1]).any(dim=0)
        before = seen[name].reached
        seen[name].reached = reached if before is None else before | reached
        squares[name] = squares.get(name, 0) + flat.square().sum(dim=1)
    for name, one in squares.items():
        seen[name].lengths.append(one.sqrt().cpu())


def _line(name: str, seen: Seen, rows: int) -> dict[str, object]:
    with torch.no_grad():
        gradient = _length(seen.sums) / rows
        size = _length(seen.weights)
    lengths = torch.cat(seen.lengths).numpy() if seen.lengths else np.full(1, np.nan)
    low, typical, high = (float(one) for one in np.quantile(lengths, [0.05, 0.5, 0.95]))
    return {
        "layer": name,
        "relative": gradient / size if size else math.nan,
        "typical": typical,
        "low": low,
        "high": high,
        "zero": math.nan if seen.reached is None else float((~seen.reached).double().mean()),
        "rows": rows,
    }


def _length(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(one.double().square().sum()) for one in tensors))
