"""Weights that the model computes itself: where it fetched from, not what decided.

Jain & Wallace 2019, "Attention is not Explanation": very different weights can give the same
answer. So these are shown beside methods that ask the model, and judged as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from auditkit.attribution.attention import (
    NONE,
    Look,
    attends,
    parted,
    rows_watched,
    watching,
)
from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.question import Question
from auditkit.errors import NotApplicable

# What each place of the text that is read gave (B, S), and of that which is written (B, T).
Given = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pass:
    """The looks of one pass, the gradient at each one's weights, and who is asked at the end.

    read (B, T) sums to 1: how strongly the answer depends on what each place last gathered.
    """

    looks: list[Look]
    slopes: list[Tensor]
    read: Tensor

    def mean(self, look: Look) -> Tensor:
        """The mean weights of the heads (B, T, S), 0 where a place saw nothing."""
        return look.weights.detach().double().nan_to_num().mean(dim=1)

    def weighed(self, look: Look) -> Tensor:
        """The mean over heads of weights times their gradient, where that is above 0."""
        place = next(i for i, one in enumerate(self.looks) if one is look)
        product = look.weights.detach().double() * self.slopes[place].double()
        return product.nan_to_num().clamp(min=0).mean(dim=1)

    def asked(self, matrix: Tensor) -> Tensor:
        """The rows of (B, T, S) as they are read at the end: (B, S)."""
        return (self.read[:, :, None] * matrix).sum(dim=1)


def can_watch(question: Question) -> str:
    """Why a model's attention cannot be shown on its inputs, "" where it can."""
    if not attends(question.model):
        return NONE
    try:
        with watching(question.model) as looks, torch.no_grad():  # type: ignore[arg-type]
            question.model(*(one[:1] for one in question.inputs))
        _places(question, looks)
    except NotApplicable as error:
        return str(error)
    return ""


def attention(question: Question) -> Found:
    """The last layer's weights, the mean of its heads."""
    return _over(question, _last)


def attention_rollout(question: Question) -> Found:
    """Weights multiplied through the layers, half of each layer being what was there before."""
    return _over(question, _rolled)


def attention_gradient(question: Question) -> Found:
    """Weights times their gradient where that speaks for the answer, gathered over the layers."""
    return _over(question, _chefer)


def rollout(weights: Sequence[Tensor]) -> Tensor:
    """What of each place has reached each other, (B, T, T), from weights (B, T, T) by layer.

    Each row sums to 1 where those of the weights do.
    """
    eye = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype, device=weights[0].device)
    total = eye.expand_as(weights[0])
    for one in weights:
        total = (one + eye) / 2 @ total
    return total


def _last(seen: _Pass) -> Given:
    reading, writing = parted(seen.looks)
    if not writing:
        return (seen.asked(seen.mean(reading[-1])),)
    across = next(one for one in reversed(writing) if not one.own)
    own = [one for one in writing if one.own]
    given = seen.asked(seen.mean(across))
    return (given, seen.asked(seen.mean(own[-1]))) if own else (given,)


def _rolled(seen: _Pass) -> Given:
    reading, writing = parted(seen.looks)
    read = rollout([seen.mean(one) for one in reading]) if reading else None
    if not writing:
        assert read is not None, "a model that attends has looked at something"
        return (seen.asked(read),)
    own, across = _begun(writing)
    for look in writing:
        weights = seen.mean(look)
        if look.own:
            own, across = (own + weights @ own) / 2, (across + weights @ across) / 2
        else:
            fetched = weights if read is None else weights @ read
            own, across = own / 2, (across + fetched) / 2
    return seen.asked(across), seen.asked(own)


def _chefer(seen: _Pass) -> Given:
    """Rules 5 to 11 of the paper; the identity that each text begins with is taken off."""
    reading, writing = parted(seen.looks)
    read = _gathered([seen.weighed(one) for one in reading]) if reading else None
    if not writing:
        assert read is not None, "a model that attends has looked at something"
        return (seen.asked(read - torch.eye(read.shape[-1], device=read.device)),)
    own, across = _begun(writing)
    for look in writing:
        weights = seen.weighed(look)
        if look.own:
            own, across = own + weights @ own, across + weights @ across
        else:
            fetched = weights if read is None else weights @ _even(read)
            across = across + _even(own).transpose(1, 2) @ fetched
    return seen.asked(across), seen.asked(own - torch.eye(own.shape[-1], device=own.device))


def _gathered(weights: Sequence[Tensor]) -> Tensor:
    eye = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype, device=weights[0].device)
    total = eye.expand_as(weights[0])
    for one in weights:
        total = total + one @ total
    return total


def _even(total: Tensor) -> Tensor:
    """What came beyond the identity, each row's sum made 1, and the identity."""
    eye = torch.eye(total.shape[-1], dtype=total.dtype, device=total.device)
    beyond = total - eye
    return beyond / beyond.sum(dim=-1, keepdim=True).clamp(min=1e-12) + eye


def _begun(writing: Sequence[Look]) -> tuple[Tensor, Tensor]:
    """Before the first layer a place of the written text is itself, and nothing of the other."""
    first = next(one.weights for one in writing if not one.own)
    rows, _, steps, size = first.shape
    eye = torch.eye(steps, dtype=torch.float64, device=first.device)
    return eye.expand(rows, -1, -1), eye.new_zeros(rows, steps, size)


def _over(question: Question, given: Callable[[_Pass], Given]) -> Found:
    """The passes over all rows, and what each place of each input gave."""
    rows = torch.arange(question.rows, device=question.device)
    parts = []
    with watching(question.model) as looks:  # type: ignore[arg-type]
        for part in torch.split(rows, rows_watched(question, looks)):
            looks.clear()
            values = given(_pass(question, looks, part))
            parts.append(_folded(question, values, _places(question, looks), part))
    return Found(values=tuple(torch.cat(one) for one in zip(*parts, strict=True)))


def _pass(question: Question, looks: list[Look], rows: Tensor) -> _Pass:
    with torch.enable_grad():
        answer = question.answer(tuple(one[rows] for one in question.inputs), rows)
    question.cost.backward += len(rows)
    wanted = [*(one.weights for one in looks), looks[-1].gathered]
    found = torch.autograd.grad(answer.sum(), wanted, allow_unused=True)
    slopes = [
        torch.zeros_like(at) if one is None else one for one, at in zip(found, wanted, strict=True)
    ]
    size = slopes[-1].double().norm(dim=-1)  # (B, T)
    return _Pass(
        looks=list(looks),
        slopes=slopes[:-1],
        read=size / size.sum(dim=1, keepdim=True).clamp(min=1e-300),
    )


def _places(question: Question, looks: list[Look]) -> tuple[int, ...]:
    """Which input each text is: that with as many places, or one fewer behind a class token.

    Raises NotApplicable where there is none.
    """
    reading, writing = parted(looks)
    sizes = [(reading or writing)[-1].weights.shape[3] if reading else writing[0].weights.shape[3]]
    if writing:
        sizes = [next(one for one in writing if not one.own).weights.shape[3]]
        sizes += [one.weights.shape[2] for one in writing if one.own][:1]
    found: list[int] = []
    for size in sizes:
        fitting = [
            (size - one.shape[1], i)
            for i, one in enumerate(question.inputs)
            if one.ndim >= 2 and one.shape[1] in (size, size - 1) and i not in found
        ]
        if not fitting:
            raise NotApplicable(f"its attention reads {size} places, and no input has as many")
        found.append(min(fitting)[1])
    return tuple(found)


def _folded(
    question: Question, values: Given, places: tuple[int, ...], rows: Tensor
) -> tuple[Tensor, ...]:
    """Each place's number at its input, in equal parts where a place has several numbers."""
    found = [
        torch.zeros(len(rows), *one.shape[1:], dtype=torch.float64, device=question.device)
        for one in question.inputs
    ]
    for value, place in zip(values, places, strict=False):
        into = found[place]
        kept = value[:, value.shape[1] - into.shape[1] :]  # behind a class token, if there is one
        each = max(into[0, 0].numel(), 1)
        into += kept.view(*kept.shape, *[1] * (into.ndim - 2)) / each
    return tuple(found)


for _method in (
    Method(
        name="attention",
        family=Family.ATTENTION,
        run=attention,
        can=can_watch,
        signed=False,
        summary="from where the last layer fetched: not what decided",
        paper="Bahdanau, Cho & Bengio 2015",
    ),
    Method(
        name="attention_rollout",
        family=Family.ATTENTION,
        run=attention_rollout,
        can=can_watch,
        signed=False,
        summary="from where all layers together fetched: not what decided",
        paper="Abnar & Zuidema 2020",
    ),
    Method(
        name="attention_gradient",
        family=Family.ATTENTION,
        run=attention_gradient,
        can=can_watch,
        signed=False,
        summary="from where it fetched, as far as the answer would grow with it",
        paper="Chefer, Gur & Wolf 2021",
    ),
):
    METHODS.register(_method.name)(_method)
