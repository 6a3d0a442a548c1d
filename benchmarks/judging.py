"""Deletion and insertion beside Quantus: the same curves, and the time of both in one run.

    python benchmarks/judging.py

Quantus (`pip install quantus==0.6.0`) flips pixels in the order of an explanation, in equal
steps; it has no insertion, which is deletion in reverse order. We are asked at the same steps.
Rounds take turns, so that a busy machine slows both; told are the ratios.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.attribution.base import question_of
from auditkit.attribution.judging.deletion import chance_of, curves_by
from auditkit.attribution.judging.removal import Removal, ranks, removal_of
from auditkit.attribution.question import at_rest
from auditkit.runtime import Runtime

SIDE, CLASSES = 28, 10
STEP = 28  # pixels taken out at once: 28 steps


def network(width: int) -> nn.Module:
    """A small classifier of images, untrained: time and equality do not depend on it."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(2 * width, 4 * width, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, CLASSES),
    )


def ours(removal: Removal, scores: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Answers with the first out and with the last out, without the untouched image, (B, T)."""
    places = ranks(scores, removal.exists, torch.Generator().manual_seed(0))
    both = torch.cat([removal.out(places), removal.out(places, reverse=True)], dim=1)
    first, last = removal.answers(both).chunk(2, dim=1)
    return first[:, 1:].numpy(), last[:, 1:].numpy()


def theirs(
    model: nn.Module, images: Tensor, labels: Tensor, scores: Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """The same of Quantus."""
    import quantus

    maps = scores.view(-1, 1, SIDE, SIDE).numpy()
    found = []
    for one in (maps, -maps):
        metric = quantus.PixelFlipping(
            features_in_step=STEP,
            perturb_baseline=0.0,  # "black" is the smallest pixel of all
            abs=False,
            normalise=False,
            disable_warnings=True,
        )
        curves = metric(
            model=model,
            x_batch=images.numpy(),
            y_batch=labels.numpy(),
            a_batch=one,
            softmax=False,
            device="cpu",
        )
        found.append(np.asarray(curves, float))
    return found[0], found[1]


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def main() -> None:
    """Equality first, then the ratios of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    model = network(given.width).eval()
    images = torch.rand(given.images, 1, SIDE, SIDE)
    with at_rest(model):
        labels = model(images).argmax(dim=1)
        question = question_of(model, (images,), labels, runtime=Runtime(device="cpu"))
        scores = (
            torch.rand(given.images, SIDE * SIDE) - 0.5
        )  # without ties, which fall at random here
        removal = removal_of(question)
        steps = torch.arange(0, SIDE * SIDE + 1, STEP).expand(given.images, -1)
        removal = replace(removal, counts=steps)
        own, other = ours(removal, scores), theirs(model, images, labels, scores)
        for name, a, b in zip(("deletion", "insertion"), own, other, strict=True):
            apart = float(np.abs(a - b).max() / np.abs(b).max())
            print(f"{name}: {a.shape} answers, largest difference {apart:.1e} of the largest")
        ratios = [
            timed(lambda: theirs(model, images, labels, scores))
            / timed(lambda: ours(removal, scores))
            for _ in range(given.rounds)
        ]
        print(f"Quantus takes {np.median(ratios):.2f} times ours (rounds: {np.round(ratios, 2)})")
        orders = timed(lambda: chance_of(removal_of(question), torch.Generator().manual_seed(0)))
        chance = chance_of(removal_of(question), torch.Generator().manual_seed(0))
        places = ranks(scores, removal.exists, torch.Generator().manual_seed(0))
        usual = timed(lambda: curves_by(removal_of(question), places, chance))
        print(
            f"by default, {given.images} images: a method {usual:.2f} s, "
            f"random orders {orders:.2f} s"
        )


if __name__ == "__main__":
    main()
