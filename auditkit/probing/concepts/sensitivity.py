"""Whether an answer follows a concept: derivatives along its direction, beside random concepts.

S_i = slope of row i's answer at the layer, times the concept's direction v. TCAV's score is the
share of rows with S_i > 0, and the mean of S_i is by how much the answer moves, to first order,
when a row moves as far as rows with the concept lie ahead of others.

Random concepts are the same rows with the marks exchanged (within the strata, where the target is
given). Two questions are asked of them:

p         how often does a random concept's direction, as the reader gives it, move the answer by as
          much as this one's, whichever the sign
score p   how often is a random concept's score as far from one half: Kim's own. Where the rest of
          the network is linear, all rows have one slope, every random concept scores 0 or 1 as
          well, and this says nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.question import at_rest, tensors
from auditkit.errors import DataError
from auditkit.probing.asking import Looked, looking, slopes
from auditkit.probing.concepts.directions import (
    ConceptReader,
    ConceptVector,
    along,
    centred,
    directions,
    fitted,
    used_of,
)
from auditkit.probing.concepts.examples import Concept, random_marks
from auditkit.probing.pooling import Pool, vectors
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime, track
from auditkit.statistics.intervals import rate_interval, z_of
from auditkit.statistics.multiplicity import holm

Floats = NDArray[np.float64]
Lengths = Tensor | Callable[[str], Tensor | None] | None

DRAWS = 1000  # random concepts at least, and so many for each concept and layer: of all together
EACH = 40  # the smallest p-value is then still clear of .05 after Holm's correction
SCORED = 100  # of them, for the scores, which need every row's slope along every direction
CHANCE = 0.5  # of a score


@dataclass(frozen=True, kw_only=True, eq=False)
class TCAV:
    """Concepts by layers.

    frame has a line for each: concept, layer; auc with low and high, and accuracy, held out; score
    with low and high (Wilson, over rows); random low and high (scores of the middle 95 % of random
    concepts); score p; sensitivity with its interval, in units of the answer a concept apart;
    random sensitivity (the size that 95 % of random concepts stay below, on the same scale); p,
    and adjusted (Holm, over all lines); rows; reason, where a concept cannot be read and all else
    is NaN. vectors holds the directions by (concept, layer).
    """

    __repr__ = in_short

    frame: pd.DataFrame
    vectors: Mapping[tuple[str, str], ConceptVector]
    draws: int
    reader: ConceptReader

    @property
    def found(self) -> pd.DataFrame:
        """The lines that chance does not explain: adjusted p of at most .05."""
        return self.frame[self.frame["adjusted"] <= 0.05]


def tcav(
    model: nn.Module,
    layers: str | Sequence[str],
    inputs: Tensor | tuple[Tensor, ...],
    concepts: Concept | Sequence[Concept],
    *,
    targets: Looked = None,
    rows: NDArray[np.bool_] | None = None,
    examples: Tensor | tuple[Tensor, ...] | None = None,
    lengths: Lengths = None,
    pool: Pool = "mean",
    reader: ConceptReader = "means",
    given: NDArray[np.int64] | None = None,
    draws: int | None = None,
    runtime: Runtime | None = None,
) -> TCAV:
    """Whether an answer follows concepts at layers.

    targets say which number of the answer is looked at, the logit of a class for instance; rows
    (n,) of whom, all by default. The concepts' marks are of the inputs, or of `examples` where
    these are given. Numbers of steps and maps are pooled, and slopes added up over the same
    places, so that their product is the slope along moving every place. given (n,) are classes,
    of the target for instance, within which concepts are compared. Raises UsageError, DataError,
    ModelError for layers, rows and answers that do not fit.

    Kim et al. 2018, "Interpretability Beyond Feature Attribution".
    """
    runtime = runtime or Runtime()
    names = [layers] if isinstance(layers, str) else list(layers)
    chosen = [concepts] if isinstance(concepts, Concept) else list(concepts)
    held = tensors(inputs)
    with at_rest(model):
        found = pooled_slopes(
            model, names, held, targets, lengths=lengths, pool=pool, runtime=runtime
        )
        given_by = {name: one for name, (one, _) in found.items()}
        if examples is not None:
            # Only what the layers give is wanted of these: any number has a slope.
            shown = pooled_slopes(
                model, names, tensors(examples), targets, pool=pool, runtime=runtime
            )
            given_by = {name: one for name, (one, _) in shown.items()}
    wanted = np.ones(len(held[0]), bool) if rows is None else np.asarray(rows, bool)
    if not wanted.any():
        raise DataError("no row is asked about: `rows` is False throughout")
    return sensitivities(
        given_by,
        {name: slope[torch.from_numpy(wanted)] for name, (_, slope) in found.items()},
        chosen,
        reader=reader,
        given=given,
        draws=draws,
        runtime=runtime,
    )


def sensitivities(
    activations: Mapping[str, Tensor],
    slopes_at: Mapping[str, Tensor],
    concepts: Sequence[Concept],
    *,
    reader: ConceptReader = "means",
    given: NDArray[np.int64] | None = None,
    draws: int | None = None,
    runtime: Runtime | None = None,
) -> TCAV:
    """The same from activations (n, d) and slopes (m, d) by layer, as `pooled_slopes` gives them.

    The slopes may be of other rows. Every concept stands beside `draws` random ones, by default
    1,000 or 40 for each concept and layer, whichever are more: the model is not asked again.
    """
    runtime = runtime or Runtime()
    lines, kept = [], {}
    if draws is None:
        draws = max(DRAWS, EACH * len(concepts) * len(activations))
    for concept in track(concepts, "concepts", len(concepts)):
        marks: Floats | None = None
        for layer, numbers in activations.items():
            vector = fitted(
                numbers, concept, layer=layer, reader=reader, given=given, runtime=runtime
            )
            kept[concept.name, layer] = vector
            line = {"concept": concept.name, "layer": layer, "rows": len(slopes_at[layer])}
            line |= {"auc": vector.auc.value, "auc low": vector.auc.low}
            line |= {"auc high": vector.auc.high, "accuracy": vector.accuracy.value}
            line |= {"reason": vector.reason}
            if vector.readable:
                x, strata = used_of(numbers, concept, given)
                if marks is None:  # the same random concepts at every layer
                    rng = runtime.rng(f"random concepts {concept.name}")
                    own = concept.marks[concept.used][None]
                    random = random_marks(concept, strata, draws, rng)
                    marks = centred(np.concatenate([own, random]), strata)
                line |= _beside(slopes_at[layer], vector, x, strata, marks)
            lines.append(line)
    frame = pd.DataFrame(lines).reindex(columns=COLUMNS)
    frame["adjusted"] = holm(frame["p"].to_numpy(float))
    return TCAV(frame=frame, vectors=kept, draws=draws, reader=reader)


# fmt: off
COLUMNS = [
    "concept", "layer", "auc", "auc low", "auc high", "accuracy", "score", "low", "high",
    "random low", "random high", "score p", "sensitivity", "sensitivity low", "sensitivity high",
    "random sensitivity", "p", "adjusted", "rows", "reason",
]
# fmt: on


def _beside(
    slopes_at: Tensor, vector: ConceptVector, x: Floats, strata: NDArray[np.int64], marks: Floats
) -> dict[str, float]:
    """A line's numbers: centred marks (1 + draws, m) are the concept's own and random ones.

    The interval of the sensitivity joins two spreads: of the rows' slopes, and of what the
    reader's direction would be in other rows, which is taken to be that of random concepts.
    """
    g = slopes_at.detach().cpu().double().numpy()
    direction = vector.direction.numpy()
    mean = mean_of(g @ direction)
    moved = along(x, strata, g.mean(axis=0), marks, vector.reader)
    first, random = moved[0], moved[1:]
    drawn = directions(x, strata, marks[: 1 + SCORED], vector.reader)
    # The reader's own numbers on the scale of the concept's: a concept apart.
    scale = float(np.linalg.norm(direction)) / max(float(np.linalg.norm(drawn[:, 0])), 1e-300)
    rows = 0.0 if np.isnan(mean.low) else mean.value - mean.low
    half = np.hypot(z_of(0.95) * scale * random.std(), rows)
    scores = (g @ drawn > 0).mean(axis=0)
    low, high = rate_interval(scores[0] * len(g), len(g))
    return {
        "score": float(scores[0]),
        "low": float(low),
        "high": float(high),
        "random low": float(np.quantile(scores[1:], 0.025)),
        "random high": float(np.quantile(scores[1:], 0.975)),
        "score p": _rarer(abs(scores[0] - CHANCE), np.abs(scores[1:] - CHANCE)),
        "sensitivity": mean.value,
        "sensitivity low": mean.value - half,
        "sensitivity high": mean.value + half,
        "random sensitivity": float(np.quantile(np.abs(random), 0.95) * scale),
        "p": _rarer(abs(first), np.abs(random)),
    }


def _rarer(own: float, random: Floats) -> float:
    """The share of random concepts that go as far, the concept itself counted among them."""
    return float((1 + np.sum(random >= own - 1e-12 * max(own, 1))) / (1 + len(random)))


def pooled_slopes(
    model: nn.Module,
    layers: Sequence[str],
    inputs: tuple[Tensor, ...],
    looked: Looked,
    *,
    lengths: Lengths = None,
    pool: Pool = "mean",
    runtime: Runtime,
) -> dict[str, tuple[Tensor, Tensor]]:
    """What each layer gives and the answer's slope there, both (n, d), of a model at rest.

    "flat" keeps every number. Else what is given is pooled as `vectors` does, and a slope is the
    sum over all places within a row's length: the slope along moving all of them alike.
    """
    kept: dict[str, list[tuple[Tensor, Tensor]]] = {}
    measure = looking(looked, len(inputs[0]))
    for rows, seen in slopes(model, layers, inputs, measure, runtime=runtime):
        for name, (numbers, slope) in seen.items():
            whole = lengths(name) if callable(lengths) else lengths
            ends = None if whole is None else whole[rows.to(whole.device)]
            pair = (vectors(numbers, ends, pool=pool), summed(slope, pool))
            kept.setdefault(name, []).append((pair[0].cpu(), pair[1].cpu()))
    return {
        name: (torch.cat([one for one, _ in parts]), torch.cat([one for _, one in parts]))
        for name, parts in kept.items()
    }


def summed(slope: Tensor, pool: Pool) -> Tensor:
    """(n, d) from slopes at (n, d), steps (n, T, d) or maps (n, C, H, W).

    Padding has no slope, since no answer may depend on it.
    """
    if pool == "flat" or slope.ndim == 2:
        return slope.flatten(1) if slope.ndim > 1 else slope[:, None]
    if slope.ndim == 4:
        return slope.sum(dim=(2, 3))
    return slope.sum(dim=1)


def joined(found: Mapping[str, TCAV]) -> TCAV:
    """Several answers' lines as one result, adjusted over all of them; `answer` says whose."""
    first = next(iter(found.values()))
    frame = pd.concat(
        [one.frame.assign(answer=answer) for answer, one in found.items()], ignore_index=True
    )
    frame["adjusted"] = holm(frame["p"].to_numpy(float))
    return replace(first, frame=frame)
