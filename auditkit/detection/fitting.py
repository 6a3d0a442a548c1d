"""Members fitted on batches of patches: linear ones by a ridge, networks by some hundred steps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from auditkit.detection.batches import Batches
from auditkit.detection.members.spectral import Linear
from auditkit.detection.panel import Panel
from auditkit.ranges import ranged, require_ranges
from auditkit.runtime import Runtime, track

Labelled = tuple[Tensor, Tensor]  # patches (B, 1, h, w), whether each was made (B,)

SLIGHT = 1e-6  # a feature that varies less says nothing, and is not blown up
DECAY = 1e-3  # of the networks' weights
WARM = 0.1  # share of the steps in which the rate rises
STEEPEST = 1.0  # the largest norm of a network's gradient


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe:
    """How members are fitted.

    steps are batches that networks see, each once; linear members see `linear` batches. degraded
    is the share of images that are compressed, blurred, sharpened, scaled or made noisy first;
    penalty the ridge of linear members, in units of one patch.
    """

    steps: int = ranged(900, 1, 100_000)
    batch: int = ranged(48, 2, 4_096)
    rate: float = ranged(3e-3, 1e-6, 1)
    linear: int = ranged(200, 1, 10_000)
    penalty: float = ranged(3.0, 0, 1e6)
    degraded: float = ranged(0.7, 0, 1)

    def __post_init__(self) -> None:
        require_ranges(self, "the detector's recipe")


def fit(panel: Panel, batches: Batches, recipe: DetectorRecipe, runtime: Runtime) -> None:
    """Fit every member of a panel; the same seed on a CPU gives the same panel."""
    panel.to(runtime.resolved_device()).train()
    linear = {name: one for name, one in panel.members.items() if isinstance(one, Linear)}
    networks = {name: one for name, one in panel.members.items() if name not in linear}
    drawn = batches.draw(recipe.linear, runtime.rng("detector: linear members"))
    fit_linear(linear, track(drawn, "spectra", recipe.linear), recipe.penalty)
    drawn = batches.draw(recipe.steps, runtime.rng("detector: networks"))
    fit_networks(networks, track(drawn, "networks", recipe.steps), recipe.steps, recipe.rate)
    panel.eval()


def fit_linear(members: Mapping[str, Linear], drawn: Iterable[Labelled], penalty: float) -> None:
    """Logistic regression of each member's standardised features, with a ridge, to convergence."""
    seen: dict[str, list[Labelled]] = {name: [] for name in members}
    with torch.inference_mode():
        for patches, fake in drawn:
            for name, one in members.items():
                if min(patches.shape[-2:]) >= one.least:
                    features = one.features(patches.to(one.mean.device)).cpu()
                    seen[name].append((features, fake))
    for name, one in members.items():
        if not seen[name]:  # it stays as it was built, and reads no patch of these sizes
            continue
        x, y = (torch.cat(each).double().numpy() for each in zip(*seen[name], strict=True))
        mean, deviation = x.mean(0), x.std(0)
        deviation[deviation < SLIGHT] = 1
        law = LogisticRegression(C=1 / max(penalty, 1e-12), max_iter=2_000)
        law.fit((x - mean) / deviation, y)
        with torch.no_grad():
            one.mean.copy_(_numbers(mean))
            one.deviation.copy_(_numbers(deviation))
            one.linear.weight.copy_(_numbers(law.coef_))
            one.linear.bias.copy_(_numbers(law.intercept_))


def fit_networks(
    members: Mapping[str, nn.Module], drawn: Iterable[Labelled], steps: int, rate: float
) -> None:
    """Networks side by side on the same batches: AdamW, a rate that rises, then falls to 0."""
    weights = [one for member in members.values() for one in member.parameters()]
    device = weights[0].device
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, steps))
    for patches, fake in drawn:
        patches, fake = patches.to(device), fake.to(device)
        loss = torch.stack(
            [binary_cross_entropy_with_logits(one(patches), fake) for one in members.values()]
        ).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for member in members.values():  # each by itself: none may slow down another
            nn.utils.clip_grad_norm_(member.parameters(), STEEPEST)
        optimizer.step()
        schedule.step()


def _share(step: int, steps: int) -> float:
    """Of the highest rate: up in a line, down in half a cosine."""
    warm = max(1, round(WARM * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 + 0.5 * float(np.cos(np.pi * (step - warm) / max(1, steps - warm)))


def _numbers(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
