"""Layer-wise relevance propagation: the answer itself is divided among what made it up.

Each function hands its relevance back by a rule, and what a bias or a stabiliser takes is counted,
so that what arrives at the inputs and what was taken add up to the answer. A model with a
function that has no rule is refused, by the function's name. Nothing of the model is touched.

    input_of_image   z^B, which knows the range of a pixel         Montavon 2017
    convolution      gamma: what speaks for counts 1 + gamma times  Montavon 2019
    other layers     epsilon                                        Bach 2015
    sums, means      in proportion;  max pooling: the largest;  activations: unchanged
    normalisation    folded into the convolution before it          Montavon 2019
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.methods.gradients import differentiable, joined
from auditkit.attribution.methods.propagation import name_of
from auditkit.attribution.question import Question
from auditkit.attribution.surface import surface_of
from auditkit.errors import NotApplicable

TINY = 1e-9
LOST = 0.01  # of the answer: more that is neither at the inputs nor taken has gone astray
Back = Callable[[Tensor], tuple[Tensor, ...]]

ACTIVATIONS = ("relu", "leaky_relu", "relu6", "tanh", "dropout")  # each gives 0 for 0
CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
PROPORTIONAL = ("mean", "sum", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool2d", "interpolate")
# Their own way back moves relevance, and adds none.
MOVING = (
    *("flatten", "view", "reshape", "unflatten", "transpose", "permute", "movedim", "squeeze"),
    *("unsqueeze", "cat", "concat", "stack", "getitem", "contiguous", "clone", "to", "float"),
    *("double", "chunk", "split", "unbind", "select", "narrow", "expand", "pad", "type_as"),
    *("max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool2d", "identity", "detach"),
)


class _Handed(torch.autograd.Function):
    """A value whose relevance goes back to the tensors it came from by a rule."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, back: Back, *_sources: Tensor) -> Tensor:
        ctx.back = back
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *ctx.back(relevance[0])


def _handed(value: Tensor, back: Back, *sources: Tensor) -> Tensor:
    given: Tensor = _Handed.apply(value.detach(), back, *sources)  # type: ignore[no-untyped-call]
    return given


class Relevance(TorchFunctionMode):
    """While open, gradients are relevances. unknown names the functions without a rule.

    raw are the tensors that are images, or images moved and scaled; their rows are followed by
    as many of the lowest and of the highest values that they may have.
    """

    def __init__(self, gamma: float, epsilon: float, raw: list[Tensor]) -> None:
        super().__init__()
        self.gamma, self.epsilon = gamma, epsilon
        self.raw = {id(one): one for one in raw}
        self.convolved: dict[int, tuple[Tensor, Any, tuple[Any, ...]]] = {}
        self.unknown: list[str] = []
        self.taken = 0.0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = {key: one for key, one in (kwargs or {}).items() if key != "inplace"}
        moved = [one for one in tree_leaves(args) if isinstance(one, Tensor) and one.requires_grad]
        if not moved:
            return func(*args, **kwargs)
        name = name_of(func).strip("_")
        if name in ACTIVATIONS:
            value = func(args[0].detach(), *args[1:], **kwargs)
            return self._handed(value, lambda one: (one,), args[0])
        if name in CONVOLUTIONS or name == "linear":
            return self._dense(func, name, *args, **kwargs)
        if name == "batch_norm":
            return self._normalised(*args, **kwargs)
        if name in PROPORTIONAL:
            return self._proportional(lambda x: func(x, *args[1:], **kwargs), args[0])
        if name in ("add", "sub", "rsub", "mul", "div", "truediv", "radd", "rmul"):
            return self._arithmetic(func, name, moved, args, kwargs)
        value = func(*args, **kwargs)
        return value if name in MOVING else self._marked(value, name or "a fused function")

    def _marked(self, value: Any, name: str) -> Any:
        """What a function without a rule gives: it is unknown once relevance comes back to it.

        What lies before a moved vector is called as well, and nothing comes back there.
        """

        def back(relevance: Tensor) -> tuple[Tensor, ...]:
            self.unknown.append(name)
            return (relevance,)

        def mark(one: Any) -> Any:
            if not (isinstance(one, Tensor) and one.requires_grad):
                return one
            return _handed(one, back, one)

        return tree_map(mark, value)

    def _handed(self, value: Tensor, back: Back, *sources: Tensor) -> Tensor:
        def counted(relevance: Tensor) -> tuple[Tensor, ...]:
            given = back(relevance)
            self.taken += float(relevance.double().sum() - sum(one.double().sum() for one in given))
            return given

        return _handed(value, counted, *sources)

    def _proportional(self, linear: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        value = linear(x.detach())
        return self._handed(value, lambda one: (_part(linear, x, self._ratio(one, value)),), x)

    def _ratio(self, relevance: Tensor, value: Tensor) -> Tensor:
        sign = torch.where(value < 0, -1.0, 1.0)
        return relevance / (value + sign * (self.epsilon * value.abs() + TINY))

    def _dense(
        self,
        func: Any,
        name: str,
        x: Tensor,
        weight: Tensor,
        bias: Any = None,
        *rest: Any,
        **more: Any,
    ) -> Tensor:
        def layer(by: Tensor) -> Callable[[Tensor], Tensor]:
            return lambda at: func(at, by, None, *rest, **more)

        bias = more.pop("bias", bias)
        weight = weight.detach()
        value = func(x.detach(), weight, bias, *rest, **more)
        if id(x) in self.raw and name != "linear":
            back = self._bounded(x, weight, layer)
        elif name != "linear":
            back = self._favouring(x, weight, bias, value, layer)
        else:
            back = lambda one: (_part(layer(weight), x, self._ratio(one, value)),)  # noqa: E731
        given = self._handed(value, back, x)
        if name != "linear":
            self.convolved[id(given)] = (given, func, (x, weight, bias, *rest))
        return given

    def _bounded(self, x: Tensor, weight: Tensor, layer: Any) -> Back:
        rows = len(x) // 3
        lowest, highest = x[rows : 2 * rows].detach(), x[2 * rows :].detach()
        low, high = torch.minimum(lowest, highest), torch.maximum(lowest, highest)
        own, gain, loss = layer(weight), layer(weight.clamp(min=0)), layer(weight.clamp(max=0))
        seen = x[:rows].detach()

        def back(relevance: Tensor) -> tuple[Tensor, ...]:
            value = own(seen) - gain(low) - loss(high)
            ratio = self._ratio(relevance[:rows], value)
            given = _part(own, seen, ratio) - _part(gain, low, ratio) - _part(loss, high, ratio)
            return (torch.cat([given, torch.zeros_like(x[rows:])]),)

        return back

    def _favouring(self, x: Tensor, weight: Tensor, bias: Any, value: Tensor, layer: Any) -> Back:
        """Gamma, for inputs of either sign (Andeol 2021)."""
        more = layer(weight + self.gamma * weight.clamp(min=0))
        less = layer(weight + self.gamma * weight.clamp(max=0))
        gain, loss = x.detach().clamp(min=0), x.detach().clamp(max=0)
        added = torch.zeros(()) if bias is None else bias.view(1, -1, *[1] * (value.ndim - 2))

        def back(relevance: Tensor) -> tuple[Tensor, ...]:
            given = torch.zeros_like(x)
            for first, second, chosen, kept in (
                (more, less, value > 0, added.clamp(min=0)),
                (less, more, value < 0, added.clamp(max=0)),
            ):
                total = first(gain) + second(loss) + added + self.gamma * kept
                ratio = torch.where(chosen, self._ratio(relevance, total), 0.0)
                given = given + _part(first, gain, ratio) + _part(second, loss, ratio)
            return (given,)

        return back

    def _normalised(
        self,
        x: Tensor,
        mean: Tensor,
        variance: Tensor,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        scale = (1.0 if weight is None else weight) / (variance + eps).sqrt()
        shift = -mean * scale + (0.0 if bias is None else bias)
        if id(x) in self.convolved:
            _, func, (source, kernel, added, *rest) = self.convolved[id(x)]
            folded = kernel * scale.view(-1, *[1] * (kernel.ndim - 1))
            moved = shift if added is None else shift + added * scale
            return self._dense(func, name_of(func), source, folded, moved, *rest)
        beside = (1, -1, *[1] * (x.ndim - 2))
        value = x.detach() * scale.view(beside) + shift.view(beside)
        return self._handed(
            value,
            lambda one: (x.detach() * scale.view(beside) * self._ratio(one, value),),
            x,
        )

    def _arithmetic(
        self, func: Any, name: str, moved: list[Tensor], args: tuple[Any, ...], kwargs: Any
    ) -> Tensor:
        value: Tensor = func(*(_still(one) for one in args), **kwargs)
        if len(moved) == 1:
            source = moved[0]
            if value.shape != source.shape:
                found: Tensor = self._marked(func(*args, **kwargs), f"{name} of another shape")
                return found
            given = self._handed(value, lambda one: (one,), source)
            if id(source) in self.raw:
                self.raw[id(given)] = given
            return given
        first, second = moved
        if name not in ("add", "sub") or first.shape != second.shape or kwargs:
            both: Tensor = self._marked(func(*args, **kwargs), f"{name} of two")
            return both
        sign = 1.0 if name == "add" else -1.0
        return self._handed(
            value,
            lambda one: (
                first.detach() * self._ratio(one, value),
                sign * second.detach() * self._ratio(one, value),
            ),
            first,
            second,
        )


def _still(one: Any) -> Any:
    return one.detach() if isinstance(one, Tensor) else one


def _part(linear: Callable[[Tensor], Tensor], x: Tensor, ratio: Tensor) -> Tensor:
    """The input's share of a linear function's relevance."""
    free = x.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(linear(free), free, ratio)
    return free.detach() * slope


def lrp(question: Question, gamma: float = 0.25, epsilon: float = 1e-6) -> Found:
    """The answer divided among the numbers that made it up, by the rules of this module.

    What biases took is told in `note`. Raises NotApplicable for a model with a function that has
    no rule.
    """
    values, taken, reason = _relevance(question, gamma, epsilon)
    if reason:
        raise NotApplicable(f"lrp cannot explain this model: {reason}")
    return Found(values=values, note=f"biases took {taken:.3g} of the answers' sum")


def _relevance(
    question: Question, gamma: float, epsilon: float
) -> tuple[tuple[Tensor, ...], float, str]:
    """Relevance at the inputs, what was taken in all, and why it means nothing if it does not."""
    surface = surface_of(question)
    rows = torch.arange(question.rows, device=question.device)
    parts, taken, lost, size, unknown = [], 0.0, 0.0, 0.0, []
    with surface.open() as running:
        for part in torch.split(rows, max(question.at_once // 3, 1)):
            point = running.point(tuple(one[part] for one in question.inputs))
            pictures = any(one.ndim == 4 for one in point)
            leaves = [
                torch.cat([one, *_bounds(one)] if pictures else [one]).requires_grad_()
                for one in point
            ]
            mode = Relevance(gamma, epsilon, [one for one in leaves if one.ndim == 4])
            with torch.enable_grad(), mode:
                answers = running.answer(leaves, part.repeat(3 if pictures else 1))
            if not answers.requires_grad:
                return (), 0.0, "its answer has no gradient"
            own = answers.detach().clone()
            own[len(part) :] = 0
            given = torch.autograd.grad(answers, leaves, own, allow_unused=True)
            question.cost.backward += len(answers)
            here = [
                torch.zeros_like(leaf) if one is None else one
                for one, leaf in zip(given, leaves, strict=True)
            ]
            arrived = sum(float(one.double().sum()) for one in here)
            lost += abs(float(own.double().sum()) - arrived - mode.taken)
            size += float(own.double().abs().sum())
            taken += mode.taken
            unknown += mode.unknown
            parts.append(surface.folded([one[: len(part)] for one in here]))
    reason = ""
    if unknown:
        reason = f"there is no rule for {', '.join(dict.fromkeys(unknown))}"
    elif lost > LOST * size:
        reason = "relevance is lost on its way: a part of the model has no rule"
    return joined(parts), taken, reason


def _bounds(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest and the highest value of each number: of a picture's 0 and 1, or its own."""
    flat = tensor.flatten(1)
    beside = (-1, *[1] * (tensor.ndim - 1))
    low = flat.amin(dim=1).clamp(max=0).view(beside)
    high = flat.amax(dim=1).clamp(min=1).view(beside)
    return low.expand_as(tensor), high.expand_as(tensor)


def _can(question: Question) -> str:
    reason = differentiable(question)
    if reason:
        return reason
    few = question.at(torch.zeros(1, dtype=torch.int64, device=question.device))
    return _relevance(few, 0.25, 1e-6)[2]


METHODS.register("lrp")(
    Method(
        name="lrp",
        family=Family.PROPAGATION,
        run=lrp,
        can=_can,
        summary="the answer itself, divided layer by layer among what made it up",
        paper="Bach et al. 2015; Montavon et al. 2019",
    )
)
