"""How well a generator's images can be found: by a detector fitted to them, and by one that is not.

The first is what somebody reaches who has some of its images; the second what a stranger does. An
image that nobody finds is one that misleads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from torch import nn

from auditkit.detection.calibration import Answer
from auditkit.detection.degrading import degraded
from auditkit.detection.files import Detector
from auditkit.detection.marks.survival import share
from auditkit.detection.patches import SMALLEST, grey
from auditkit.errors import NotApplicable
from auditkit.runtime import Runtime
from auditkit.statistics.classification import auc
from auditkit.statistics.estimate import Estimate

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Learner = Callable[[Pixels, Bools, Pixels, Runtime], Floats]  # fitted on, labels, scored -> scores

FEWEST, FEWEST_OWNERS = 40, 16  # images of each kind, and whose the real ones are
CELLS = 32  # frequencies along a side that a linear model is given
POWER = 1.0  # grey levels squared: what rounding leaves is no trace
EPOCHS, BATCH, RATE = 6, 64, 3e-3  # of the network
DRAWS = 1000  # of owners, where somebody has several images
JPEG = 75


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """How well a detector that was fitted on half of the images tells the other half, by AUC.

    made against real images; the same once both were saved as JPEG; and a half of the real images
    against the other, of which nothing can be told.
    """

    title: str
    made: Estimate
    compressed: Estimate
    control: Estimate


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """What a detector not fitted to the generator says: AUC, and shares of its answers."""

    made: Estimate
    found: Estimate  # made images that it calls fake
    false_alarms: Estimate  # real images that it calls fake
    silent: Estimate  # images of both kinds of which it gives no answer


def fitted(made: Pixels, real: Pixels, groups: NDArray[np.int64], runtime: Runtime) -> list[Fitted]:
    """Every learner on made and real images (n, C, h, w) of one size, as many of each.

    groups (n,) says whose a real image is: nobody's images are both learned from and judged on.
    Raises NotApplicable where there are fewer than 40 of each, or 16 owners.
    """
    count = min(len(made), len(real))
    if count < FEWEST:
        raise NotApplicable(
            f"{len(made)} made and {len(real)} real images are too few to fit a detector on: "
            f"{FEWEST} of each are needed"
        )
    owners = len(np.unique(groups))
    if owners < FEWEST_OWNERS:
        raise NotApplicable(
            f"the real images are of {owners} people or things; {FEWEST_OWNERS} are needed, that "
            "nobody is both learned from and judged on"
        )
    rng = runtime.rng("detectability: images")
    chosen = np.sort(rng.permutation(len(real))[:count])
    real, groups, made = real[chosen], groups[chosen], made[:count]
    both = np.concatenate([real, made])
    fake = np.arange(len(both)) >= count
    whose = _owners(groups, count)
    saved = np.stack([degraded(one, "jpeg", JPEG, rng) for one in both])
    sides = _halves(groups, runtime.rng("detectability: control"))
    return [
        Fitted(
            title=title,
            made=_told(learner, both, fake, whose, runtime),
            compressed=_told(learner, saved, fake, whose, runtime),
            control=_told(learner, real, sides, groups, runtime),
        )
        for title, learner in LEARNERS.items()
    ]


def stranger(
    detector: Detector, made: Pixels, real: Pixels, groups: NDArray[np.int64], runtime: Runtime
) -> Stranger:
    """What a detector fitted on others says of made and real images (n, C, h, w).

    Raises NotApplicable where they are too small for it.
    """
    if min(made.shape[2:]) < SMALLEST:
        raise NotApplicable(
            f"the images are {made.shape[2]} x {made.shape[3]} pixels; a detector of others asks "
            f"for {SMALLEST} on the shorter side"
        )
    answers = detector.answers([*real, *made], runtime)
    fake = np.arange(len(answers)) >= len(real)
    said = answers["answer"].to_numpy()
    method = "guarded Wilson interval"
    called, silent = said == Answer.FAKE.value, said == Answer.ABSTAIN.value
    return Stranger(
        made=area(fake, _ranks(answers["score"].to_numpy()), _owners(groups, len(made))),
        found=share(int(called[fake].sum()), len(made), method),
        false_alarms=share(int(called[~fake].sum()), len(real), method),
        silent=share(int(silent.sum()), len(said), method),
    )


def _told(
    learner: Learner, images: Pixels, label: Bools, owners: NDArray[np.int64], runtime: Runtime
) -> Estimate:
    """AUC of each half by the learner of the other; the mean of the two.

    The two depend on each other, for what one half has by chance the other lacks: the limits are
    averaged too, which holds however much they do.
    """
    half = _halves(owners, runtime.rng("detectability: halves"))
    one, other = (
        area(
            label[part],
            _ranks(learner(images[~part], label[~part], images[part], runtime)),
            owners[part],
        )
        for part in (half, ~half)
    )
    return Estimate(
        value=(one.value + other.value) / 2,
        low=(one.low + other.low) / 2,
        high=(one.high + other.high) / 2,
        n=one.n + other.n,
        method=f"{one.method}; mean of two halves",
    )


def area(label: Bools, scores: Floats, owners: NDArray[np.int64]) -> Estimate:
    """AUC of scores (n,); where an owner has several images, owners are drawn for the interval."""
    exact = auc(label, scores)
    names, place = np.unique(owners, return_inverse=True)
    if len(names) == len(owners):
        return exact
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    known = _weighted_areas(label, scores, drawn[:, place])
    low, high = np.nanquantile(known, [0.025, 0.975])
    return replace(exact, low=low, high=high, method=f"bootstrap of {len(names)} owners")


def _weighted_areas(label: Bools, scores: Floats, weights: NDArray[np.int64]) -> Floats:
    """AUC for each row of weights (draws, n); NaN where a class has none."""
    order = np.argsort(scores, kind="stable")
    starts = np.unique(scores[order], return_index=True)[1]  # images with the same score
    weights = weights[:, order].astype(np.float64)
    above = np.add.reduceat(weights * label[order], starts, axis=1)
    below = np.add.reduceat(weights * ~label[order], starts, axis=1)
    beaten = below.cumsum(axis=1) - below / 2
    pairs = above.sum(axis=1) * below.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((above * beaten).sum(axis=1) / pairs)


def _owners(groups: NDArray[np.int64], made: int) -> NDArray[np.int64]:
    """Whose each image is: real ones first, then made ones, each its own."""
    return np.concatenate([groups, groups.max() + 1 + np.arange(made)])


def _halves(owners: NDArray[np.int64], rng: np.random.Generator) -> Bools:
    """About half of the images, and of an owner's either all or none."""
    names, place = np.unique(owners, return_inverse=True)
    order = rng.permutation(len(names))
    return np.asarray(order[place] < len(names) / 2)


def _ranks(scores: Floats) -> Floats:
    return np.asarray(rankdata(scores) / (len(scores) + 1), dtype=np.float64)


def log_spectra(images: Pixels) -> Floats:
    """Log power of the cosine transform of brightness: (n, C, h, w) to (n, cells).

    Sides above 32 are summed in cells, so that there are at most 32 x 32 frequencies.
    """
    bright = np.stack([grey(one) for one in images]).astype(np.float64) * 255
    power = dctn(bright, axes=(1, 2), norm="ortho") ** 2
    for axis in (1, 2):
        starts = np.linspace(0, power.shape[axis], min(power.shape[axis], CELLS) + 1).astype(int)
        power = np.add.reduceat(power, starts[:-1], axis=axis)
    return np.asarray(np.log(power + POWER).reshape(len(images), -1))


def _by_spectrum(known: Pixels, label: Bools, asked: Pixels, runtime: Runtime) -> Floats:
    x, z = log_spectra(known), log_spectra(asked)
    mean, deviation = x.mean(0), x.std(0).clip(1e-6)
    law = LogisticRegression(C=0.01, max_iter=200).fit((x - mean) / deviation, label)
    return np.asarray(law.decision_function((z - mean) / deviation))


def _by_network(known: Pixels, label: Bools, asked: Pixels, runtime: Runtime) -> Floats:
    """A small network of the pixels, which may learn what the images show as well."""
    inputs, truth = _scaled(known), torch.from_numpy(label.astype(np.float32))
    with runtime.seeded("detectability: network"):
        network = _network(inputs.shape[1])
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
        steps = -(-EPOCHS * len(inputs) // BATCH)
        course = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for _ in range(steps):
            rows = torch.randint(len(inputs), (BATCH,))
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(
                network(inputs[rows]), truth[rows]
            )
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            course.step()
    with torch.no_grad():
        parts = [network.eval()(one) for one in torch.split(_scaled(asked), 256)]
    return np.asarray(torch.cat(parts).double())


def _network(channels: int) -> nn.Module:
    """Images (B, C, h, w) to logits (B,). Where something is counts, as in a generator's grid."""
    return nn.Sequential(
        nn.Conv2d(channels, 24, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(24, 48, 4, stride=2, padding=1),
        nn.GroupNorm(4, 48),
        nn.LeakyReLU(0.2),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(48 * 16, 1),
        nn.Flatten(0),
    )


def _scaled(images: Pixels) -> torch.Tensor:
    return torch.from_numpy(images).float() / 127.5 - 1


LEARNERS: Mapping[str, Learner] = {
    "linear model of the spectrum": _by_spectrum,
    "small network of the pixels": _by_network,
}
