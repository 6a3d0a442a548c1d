"""Which places of the last maps speak for the answer: Grad-CAM and its kin.

A convolutional network ends in maps, far smaller than the image. Each place of them is weighed by
what the answer makes of it, and the picture is drawn up to the image: coarse, and where the
network has already read what it needs from afar, beside the point.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.methods.gradients import joined
from auditkit.attribution.question import Question
from auditkit.errors import UsageError, suggestion

# From maps and the answer's gradient at them, (B, C, h, w) each, to one map (B, h, w).
Weighing = Callable[[Tensor, Tensor], Tensor]


def grad_cam(maps: Tensor, slopes: Tensor) -> Tensor:
    """Each map weighed by its mean gradient; what speaks against is left out."""
    return (maps * slopes.mean(dim=(2, 3), keepdim=True)).sum(dim=1).clamp(min=0)


def grad_cam_plus_plus(maps: Tensor, slopes: Tensor) -> Tensor:
    """Each map weighed by its positive gradients, so that small objects count as large ones do."""
    square, cube = slopes**2, slopes**3
    below = 2 * square + maps.sum(dim=(2, 3), keepdim=True) * cube
    alpha = torch.where(below != 0, square / torch.where(below != 0, below, 1.0), 0.0)
    weight = (alpha * slopes.clamp(min=0)).sum(dim=(2, 3), keepdim=True)
    return (maps * weight).sum(dim=1).clamp(min=0)


def hires_cam(maps: Tensor, slopes: Tensor) -> Tensor:
    """Each place weighed by its own gradient, signs kept.

    Where a mean and one linear layer follow the maps, the places add up to the logit less bias.
    """
    return (maps * slopes).sum(dim=1)


def layer_cam(maps: Tensor, slopes: Tensor) -> Tensor:
    """Each place weighed by its own positive gradient."""
    return (maps * slopes.clamp(min=0)).sum(dim=1).clamp(min=0)


def stages(question: Question) -> tuple[str, ...]:
    """The names of the layers whose output is a map (B, C, h, w), in the order they end."""
    found: list[str] = []
    model = question.model
    if not isinstance(model, nn.Module) or not any(one.ndim == 4 for one in question.inputs):
        return ()

    def hook(name: str) -> Callable[..., None]:
        def see(_module: nn.Module, _given: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
                found.append(name)

        return see

    layers = [(name, one) for name, one in model.named_modules() if name]
    handles = [one.register_forward_hook(hook(name)) for name, one in layers]
    try:
        with torch.no_grad():
            model(*(one[:1] for one in question.inputs))
    finally:
        for handle in handles:
            handle.remove()
    return tuple(dict.fromkeys(found))


def mapped(question: Question) -> str:
    """Why there are no maps to look at, "" where there are."""
    if stages(question):
        return ""
    return "it reads no image, or none of its layers gives a map"


def _run(weigh: Weighing) -> Callable[..., Found]:
    def run(question: Question, layer: str | None = None) -> Found:
        names = stages(question)
        name = names[-1] if layer is None else layer
        if name not in names:
            raise UsageError(f"no layer {name!r} that gives a map; {suggestion(name, names)}")
        rows = torch.arange(question.rows, device=question.device)
        image = next(i for i, one in enumerate(question.inputs) if one.ndim == 4)
        parts = []
        for part in torch.split(rows, question.at_once):
            maps, slopes = _looked(question, name, part)
            parts.append(_spread(question, image, weigh(maps.double(), slopes.double())))
        return Found(values=joined(parts), note=f"at {name}")

    return run


def _looked(question: Question, name: str, part: Tensor) -> tuple[Tensor, Tensor]:
    """A layer's maps for some rows, and the answer's gradient at them."""
    assert isinstance(question.model, nn.Module), "`mapped` asked for it"
    inputs = tuple(one[part] for one in question.inputs)
    with torch.enable_grad(), _kept(question.model.get_submodule(name)) as kept:
        answer = question.answer(inputs, part)
    question.cost.backward += len(part)
    if not answer.requires_grad:
        return kept[0], torch.zeros_like(kept[0])
    (slopes,) = torch.autograd.grad(answer.sum(), kept[0], allow_unused=True)
    return kept[0].detach(), torch.zeros_like(kept[0]) if slopes is None else slopes


@contextmanager
def _kept(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Inside, what a layer gives is kept, and begins the way back."""
    kept: list[Tensor] = []

    def hook(_module: nn.Module, _given: Any, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        # Its copy goes on: a ReLU that works in place may follow.
        return kept[-1].clone()

    handle = layer.register_forward_hook(hook)
    try:
        yield kept
    finally:
        handle.remove()


def _spread(question: Question, image: int, seen: Tensor) -> tuple[Tensor, ...]:
    """A map (m, h, w) drawn up to the pixels, an equal part to each channel."""
    channels, *size = question.inputs[image].shape[1:]
    large = interpolate(seen[:, None], size=size, mode="bilinear", align_corners=False)
    return tuple(
        large.expand(-1, channels, -1, -1) / channels
        if i == image
        else torch.zeros(len(seen), *one.shape[1:], dtype=torch.float64, device=one.device)
        for i, one in enumerate(question.inputs)
    )


for _name, _weigh, _signed, _summary, _paper in (
    (
        "grad_cam",
        grad_cam,
        False,
        "which places of the last maps speak for the answer, drawn up to the pixels",
        "Selvaraju et al. 2017",
    ),
    (
        "grad_cam_plus_plus",
        grad_cam_plus_plus,
        False,
        "the same, so weighed that small objects count as large ones do",
        "Chattopadhay et al. 2018",
    ),
    (
        "hires_cam",
        hires_cam,
        True,
        "the same, each place weighed by its own gradient",
        "Draelos & Carin 2020",
    ),
    (
        "layer_cam",
        layer_cam,
        False,
        "the same, each place weighed by its own positive gradient",
        "Jiang et al. 2021",
    ),
):
    METHODS.register(_name)(
        Method(
            name=_name,
            family=Family.GRADIENT,
            run=_run(_weigh),
            can=mapped,
            signed=_signed,
            summary=_summary,
            paper=_paper,
        )
    )
