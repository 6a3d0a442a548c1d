"""The answer handed back through the nonlinear functions by rules: guided backprop, DeepLIFT.

The rules are put in the functions' place while they are called, whether a module calls them or a
line of code does: nothing of the model is hooked or changed. (captum's DeepLift knows modules
alone, and is silently wrong where a model calls `relu` itself.)
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, resolve_name

from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.methods.gradients import differentiable, joined
from auditkit.attribution.question import Question
from auditkit.attribution.surface import surface_of
from auditkit.errors import NotApplicable

TOLERANCE = 0.01  # of the answer's change: a model that misses more has parts without a rule
TRIED = 8  # rows on which that is tried
SAME = 1e-5  # inputs of a function that differ by less have its derivative

# Functions that turn each number into another by itself.
ELEMENTWISE = (
    *("relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "relu6"),
    *("hardtanh", "hardsigmoid", "hardswish", "logsigmoid", "softsign", "tanhshrink"),
    *("sigmoid", "tanh", "exp", "log", "sqrt", "abs", "square", "sin", "cos", "erf", "clamp"),
)
POOLS = ("max_pool1d", "max_pool2d", "max_pool3d")

Rule = Callable[..., Any]


class Rules(TorchFunctionMode):
    """While open, some functions of tensors that want a gradient run by rules of ours.

    A rule takes the function and what it is called with. Rules are found by the functions' names:
    `nn.ReLU`, `torch.relu`, `x.relu_()` are all "relu".
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        super().__init__()
        self.rules = rules
        self.applied = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        rule = self.rules.get(name_of(func))
        first = args[0] if args else None
        if rule is None or not isinstance(first, Tensor) or not first.requires_grad:
            return func(*args, **(kwargs or {}))
        self.applied += 1
        return rule(func, *args, **(kwargs or {}))


@cache
def name_of(func: Any) -> str:
    """A function's name without its module, and without the _ of one that works in place."""
    return (resolve_name(func) or "").rsplit(".", 1)[-1].rstrip("_")


class _Sloped(torch.autograd.Function):
    """A function's value with a slope of our own; `positive` lets only gains pass back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, slope: Tensor, positive: bool) -> Tensor:
        ctx.save_for_backward(slope)
        ctx.positive = positive
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        handed = slopes[0].clamp(min=0) if ctx.positive else slopes[0]
        return handed * ctx.saved_tensors[0], None, None, None


class _Pooled(torch.autograd.Function):
    """Max pooling of rows and then their baselines: each window's change goes where it arose.

    A maximum that rose did so at the row's place, one that fell at the baseline's.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(x, value, places)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        x, value, places = ctx.saved_tensors
        half = len(x) // 2
        slope, place = slopes[0][:half].flatten(2), places.flatten(2)
        rise = (value[:half] - value[half:]).flatten(2)
        change = (x[:half] - x[half:]).flatten(2)
        given, plain = torch.zeros_like(change), torch.zeros_like(change)
        given.scatter_add_(2, place[:half], slope * rise.clamp(min=0))
        given.scatter_add_(2, place[half:], slope * rise.clamp(max=0))
        plain.scatter_add_(2, place[:half], slope)
        shared = torch.where(change.abs() > SAME, given / change, plain).view_as(x[:half])
        return torch.cat([shared, torch.zeros_like(shared)]), None, None


def guided_backprop(question: Question) -> Found:
    """The gradient, of which each ReLU hands back only what is above 0.

    It redraws edges of the input whatever the weights are (Adebayo 2018): kept as the known
    failure that a test of explanations must catch.
    """
    surface = surface_of(question)
    rows = torch.arange(question.rows, device=question.device)
    parts = []
    with surface.open() as running:
        for part in torch.split(rows, question.at_once):
            point = running.point(tuple(one[part] for one in question.inputs))
            with Rules({"relu": _guided}):
                parts.append(surface.folded(running.gradients(point, part)[1]))
    return Found(values=joined(parts))


def deeplift(question: Question) -> Found:
    """Each function's change from the baseline, divided by that of its input, in a slope's place.

    The Rescale rule, and one for max pooling. Raises NotApplicable where the numbers miss the
    answer's change on any row: then a part of the model is no function of single numbers.
    """
    values, miss = _lifted(question)
    if miss:
        raise NotApplicable(f"deeplift cannot explain this model: {miss}")
    return Found(values=values)


def _lifted(question: Question) -> tuple[tuple[Tensor, ...], str]:
    """DeepLIFT's numbers, and in words by how much they miss the answer's change if they do."""
    surface = surface_of(question)
    rows = torch.arange(question.rows, device=question.device)
    many = len(question.baseline.rows[0]) if question.baseline.several else 1
    rules = dict.fromkeys(ELEMENTWISE, _rescaled) | dict.fromkeys(POOLS, _unpooled)
    parts, worst = [], 0.0
    with surface.open() as running:
        for part in torch.split(rows, max(question.at_once // 2, 1)):
            end = running.point(tuple(one[part] for one in question.inputs))
            total = [torch.zeros_like(one, dtype=torch.float64) for one in end]
            for which in range(many):
                start = running.point(question.start(part, torch.full_like(part, which)))
                both = [torch.cat(pair) for pair in zip(end, start, strict=True)]
                with Rules(rules):
                    answers, slopes = running.gradients(both, part.repeat(2))
                own, other = answers.double().chunk(2)
                lifted = [
                    slope[: len(part)].double() * (b - a)
                    for slope, a, b in zip(slopes, start, end, strict=True)
                ]
                sums = torch.stack([one.flatten(1).sum(dim=1) for one in lifted]).sum(dim=0)
                worst = max(worst, _missed(sums, own, other))
                for sum_, one in zip(total, lifted, strict=True):
                    sum_ += one / many
            parts.append(surface.folded(total))
    told = (
        f"its numbers miss the answer's change by {worst:.1%}: a part of the model has no rule "
        "(attention, normalisation by the row, gates)"
    )
    return joined(parts), told if worst > TOLERANCE else ""


def _missed(sums: Tensor, own: Tensor, other: Tensor) -> float:
    """The largest gap as a share of the answer's change; the rounding of answers is no gap."""
    rounding = 1e-5 * (own.abs() + other.abs())
    gap = ((sums - (own - other)).abs() - rounding).clamp(min=0)
    share = gap / torch.maximum((own - other).abs(), rounding)
    return float(torch.where(gap > 0, share, 0.0).max())


def _rescaled(func: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    free = x.detach().clone().requires_grad_()
    plain = {key: one for key, one in kwargs.items() if key != "inplace"}
    with torch.enable_grad():
        value = func(free, *args, **plain)
        slope = torch.autograd.grad(value.sum(), free)[0]
    value = value.detach()
    change, input_change = _change(value), _change(x.detach())
    ratio = torch.where(input_change.abs() > SAME, change / input_change, slope[: len(change)])
    given: Tensor = _Sloped.apply(x, value, torch.cat([ratio, ratio]), False)  # type: ignore[no-untyped-call]
    return given


def _change(both: Tensor) -> Tensor:
    own, other = both.chunk(2)
    return own - other


def _unpooled(func: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    value, places = func(x.detach(), *args, **{**kwargs, "return_indices": True})
    given: Tensor = _Pooled.apply(x, value, places)  # type: ignore[no-untyped-call]
    return given


def _guided(_func: Any, x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
    given: Tensor = _Sloped.apply(x, x.detach().clamp(min=0), (x > 0).to(x.dtype), True)  # type: ignore[no-untyped-call]
    return given


def _can_guide(question: Question) -> str:
    reason = differentiable(question)
    if reason:
        return reason
    few = _few(question, 1)
    surface = surface_of(few)
    with surface.open() as running, Rules({"relu": _guided}) as rules:
        running.gradients(
            running.point(few.inputs), torch.zeros(1, dtype=torch.int64, device=few.device)
        )
    return "" if rules.applied else "no ReLU is on the way from its inputs to its answer"


def _can_lift(question: Question) -> str:
    return differentiable(question) or _lifted(_few(question, TRIED))[1]


def _few(question: Question, rows: int) -> Question:
    return question.at(torch.arange(min(rows, question.rows), device=question.device))


for _method in (
    Method(
        name="guided_backprop",
        family=Family.PROPAGATION,
        run=guided_backprop,
        can=_can_guide,
        summary="the gradient, from which every ReLU on the way takes what speaks against",
        paper="Springenberg et al. 2015",
    ),
    Method(
        name="deeplift",
        family=Family.PROPAGATION,
        run=deeplift,
        can=_can_lift,
        baseline=True,
        complete=True,
        summary="the answer's change from the baseline, handed back through each function",
        paper="Shrikumar, Greenside & Kundaje 2017",
    ),
):
    METHODS.register(_method.name)(_method)
