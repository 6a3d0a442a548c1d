"""The tests that a method goes through, each from what the bench shares to a verdict."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.base import METHODS, Attributions, Family, asked
from auditkit.attribution.judging.agreement import nearest
from auditkit.attribution.judging.bench import Bench
from auditkit.attribution.judging.completeness import completeness_gap
from auditkit.attribution.judging.complexity import entropy, gini
from auditkit.attribution.judging.deletion import Curves
from auditkit.attribution.judging.infidelity import infidelity, infidelity_of_shuffled
from auditkit.attribution.judging.localisation import chance_accuracy, rank_accuracy
from auditkit.attribution.judging.randomisation import null_similarity, similarity
from auditkit.attribution.judging.ranking import correlation, rank_correlation
from auditkit.attribution.judging.sensitivity import max_sensitivity, relative_distance
from auditkit.attribution.judging.stability import over_baselines, over_seeds
from auditkit.attribution.judging.text import (
    comprehensiveness,
    random_words,
    reads_words,
    sufficiency,
)
from auditkit.attribution.judging.verdicts import (
    KEPT,
    Judged,
    Verdict,
    adds_up,
    beats,
    kept,
    measured,
    notices,
    returns,
)
from auditkit.attribution.question import Question
from auditkit.errors import AuditkitError

SAME = 0.8  # likeness of networks' own reactions above which half of the layers says nothing
COSTLY = 1500  # passes a row beyond which a method is not asked again under nudged inputs
STILL = 1e-6  # of a map's length: rounding of 32 bits
Options = Mapping[str, Any]


def tests_of(
    bench: Bench, found: Attributions, curves: Curves, options: Options
) -> Iterator[Judged]:
    """The tests of one method that can be held, the weightiest first; agreement comes later."""
    row = METHODS[found.method]
    scores = bench.oriented(found)
    yield from _order(bench, found.method, curves)
    shorter = bench.for_passes((found.forward + found.backward) / len(found.answers))
    yield from _tried(lambda: _randomised(shorter, found, options))
    if row.complete:
        yield adds_up(found.method, completeness_gap(found))
    if bench.truth is not None:
        yield _localised(bench, found.method, scores, bench.truth)
    yield from _parts(found.method, curves)
    if row.family is not Family.CONTROL and bench.size is not None:
        yield _beyond_size(found.method, curves, bench.size)
    yield _infidelity(bench, found.method, scores)
    if reads_words(bench.removal):
        yield from _words(bench, found.method, curves)
    yield from _tried(lambda: _stable(shorter, found, options))
    yield from _tried(lambda: _sensitive(shorter, found, options))
    sizes = found.of(bench.question.players).abs()
    words = "1 where a single player has all the weight, 0 where all have as much: {value}"
    yield measured(found.method, "gini", gini(sizes, bench.exists), words)
    words = "0 where a single player has all the weight, 1 where all have as much: {value}"
    yield measured(found.method, "entropy", entropy(sizes, bench.exists), words)


def agreeing(bench: Bench, pairs: pd.DataFrame, sizes: Mapping[str, Tensor]) -> Iterator[Judged]:
    """Whether a method's closest other one is closer than chance; controls are no company."""
    methods = {name for name in sizes if METHODS[name].family is not Family.CONTROL}
    for method in sorted(methods):
        other = nearest(pairs, method, methods - {method})
        if other:
            alike = rank_correlation(sizes[method], sizes[other], bench.exists)
            words = (
                f"it agrees with {other} (rank correlation {{value}})",
                f"it agrees with no other method (the closest is {other}, {{value}})",
            )
            yield beats(method, "agreement", alike, 0.0, words)


def _tried(trial: Callable[[], Iterator[Judged]]) -> list[Judged]:
    """The results of a trial that asks the method again; none where it cannot answer so."""
    try:
        return list(trial())
    except AuditkitError:
        return []


def _order(bench: Bench, method: str, curves: Curves) -> Iterator[Judged]:
    words = (
        "the answer follows what it puts first: {value} of its range ahead of a random order",
        "the answer follows what it puts first no better than a random order ({value})",
    )
    yield beats(method, "order", curves.quality, 0.0, words, otherwise=Verdict.FAILED)


def _parts(method: str, curves: Curves) -> Iterator[Judged]:
    yield beats(
        method,
        "deletion",
        curves.deletion,
        0.0,
        (
            "without what it puts first the answer is gone sooner than by chance ({value})",
            "without what it puts first the answer is gone no sooner than by chance ({value})",
        ),
    )
    yield beats(
        method,
        "insertion",
        curves.insertion,
        0.0,
        (
            "what it puts first brings the answer back sooner than chance ({value})",
            "what it puts first brings the answer back no sooner than chance ({value})",
        ),
    )


def _beyond_size(method: str, curves: Curves, size: Curves) -> Judged:
    words = (
        "it knows more than the size of the inputs ({value} of the answer's range)",
        "putting the largest inputs first, whatever the model, does as well ({value})",
    )
    return beats(method, "beyond size", curves.quality - size.quality, 0.0, words)


def _randomised(bench: Bench, found: Attributions, options: Options) -> Iterator[Judged]:
    own = bench.kept(found)
    words = (
        "it changes with the weights (likeness {value}, by chance {null})",
        "it hardly changes when the network is drawn anew, half of it at least "
        "(likeness {value}, by chance {null})",
    )
    if not bool((bench.chance.spans > 0).any()):
        return  # nothing moves this answer, and so no map of it says anything
    if bench.networks:
        alike, null = _against_drawn(bench, found.method, own, options)
        yield notices(found.method, "randomisation", alike, null, words)
    if bench.relabelled is not None:
        alike, null = _likeness(bench, found.method, own, (bench.relabelled,), options)
        words = (
            "it changes with what was learnt (likeness {value}, by chance {null})",
            "it is much the same for a network that learnt shuffled labels "
            "(likeness {value}, by chance {null})",
        )
        yield notices(found.method, "labels", alike, null, words)


def _likeness(
    bench: Bench, method: str, own: Tensor, networks: tuple[nn.Module, ...], options: Options
) -> tuple[Tensor, Tensor]:
    """Of a method's maps of the model and of other networks, and by chance, (b,) each."""
    alike, null = [], []
    for question in bench.others(networks):
        other = bench.map(asked(method, question, **options))
        alike.append(similarity(own, other, bench.sizes, bench.places))
        null.append(null_similarity(own, other, bench.sizes, bench.places))
    return torch.stack(alike).nanmean(dim=0), torch.stack(null).nanmean(dim=0)


def _against_drawn(
    bench: Bench, method: str, own: Tensor, options: Options
) -> tuple[Tensor, Tensor]:
    """Likeness to a method's maps of networks drawn anew, and by chance, (b,) each.

    Where one that knows the model stays alike, it is asked whether the networks do. Half of a
    small network may say nothing of which columns matter: then all of it is drawn anew. NaN where
    even such networks react as the model does, so that nothing can be seen.
    """
    alike, null = _likeness(bench, method, own, bench.networks, options)
    control = METHODS[method].family is Family.CONTROL
    if control or not float(kept(alike, null).nanmean()) > KEPT:
        return alike, null
    reacting = bench.reacting
    if float(reacting.nanmean()) > SAME:
        alike, null = _likeness(bench, method, own, bench.networks_anew, options)
        reacting = bench.reacting_anew
        if float(reacting.nanmean()) > SAME:
            return torch.full_like(alike, torch.nan), null
    return alike, _farther(null, reacting)


def _farther(null: Tensor, other: Tensor) -> Tensor:
    """The null of the higher mean; of reactions the mean alone, in which rows differ by much."""
    mean = other.nanmean()
    return torch.full_like(null, float(mean)) if bool(mean > null.nanmean()) else null


def _localised(bench: Bench, method: str, scores: Tensor, truth: Tensor) -> Judged:
    return beats(
        method,
        "localisation",
        rank_accuracy(scores.abs(), truth, bench.exists, bench.generator(method)),
        chance_accuracy(truth, bench.exists),
        (
            "it puts {value} of what is known to matter first (by chance {null})",
            "it finds what is known to matter no better than chance ({value}, by chance {null})",
        ),
        otherwise=Verdict.FAILED,
    )


def _infidelity(bench: Bench, method: str, scores: Tensor) -> Judged:
    chance = bench.chance
    changes = chance.sign[:, None] * (bench.removal.own[:, None] - chance.answers)
    null = infidelity_of_shuffled(
        scores, bench.exists, chance.sets, changes, bench.generator(method)
    )
    words = (
        "its numbers leave {value} of the answer's changes unexplained (shuffled {null})",
        "its numbers say no more of the answer's changes than the same numbers shuffled "
        "({value}, shuffled {null})",
    )
    return beats(
        method, "infidelity", infidelity(scores, chance.sets, changes), null, words, lower=True
    )


def _words(bench: Bench, method: str, curves: Curves) -> Iterator[Judged]:
    removal, chance = bench.removal, bench.chance
    by_chance, bare = random_words(removal, chance)
    yield beats(
        method,
        "comprehensiveness",
        comprehensiveness(removal, curves.first, chance),
        by_chance,
        (
            "without its first words {value} of the answer is gone (by chance {null})",
            "without its first words no more of the answer is gone than by chance "
            "({value}, by chance {null})",
        ),
    )
    yield beats(
        method,
        "sufficiency",
        sufficiency(removal, curves.last, chance),
        bare,
        (
            "its first words alone fall short of the answer by {value} (by chance {null})",
            "its first words alone are no nearer to the answer than chance "
            "({value}, by chance {null})",
        ),
        lower=True,
    )


def _stable(bench: Bench, found: Attributions, options: Options) -> Iterator[Judged]:
    row, question = METHODS[found.method], bench.again
    most = question.players.most  # the few rows may all have fewer players than others
    exists = bench.exists[bench.few, :most]
    scores = found.of(bench.question.players)[bench.few, :most]
    null = correlation(scores, scores.roll(1, 0), exists & exists.roll(1, 0))
    if row.baseline and bench.baselines:
        others = tuple(one.at(bench.few) for one in bench.baselines)
        yield measured(
            found.method,
            "baselines",
            over_baselines(found.method, question, scores, exists, others, options),
            "correlation with its explanations from other baselines {value} (another row {null})",
            null,
        )
    if row.samples:
        yield returns(
            found.method,
            "seeds",
            over_seeds(found.method, question, scores, exists, options),
            null,
            (
                "another seed gives the same explanation (correlation {value})",
                "another seed gives another explanation (correlation {value})",
            ),
        )


def _sensitive(bench: Bench, found: Attributions, options: Options) -> Iterator[Judged]:
    question = bench.again
    costly = found.forward + found.backward > COSTLY * len(found.answers)
    if costly or not any(one.is_floating_point() for one in question.inputs):
        return

    def explain(moved: Question) -> Tensor:
        return bench.map(asked(found.method, moved, **options))

    own = explain(question) if METHODS[found.method].samples else bench.kept(found)
    moved = max_sensitivity(question, own, explain, bench.generator(found.method))
    other = relative_distance(own, own.roll(1, 0))
    yield beats(
        found.method,
        "sensitivity",
        moved,
        other,
        (
            "a nudge of the input moves it by {value} of its length (another row: {null})",
            "a nudge of the input moves it as far as another row is ({value}, another row {null})",
        ),
        # One map for all rows (the weights of a linear model) does not move, as is ideal.
        margin=torch.where(
            moved <= STILL, 1.0, (other - moved) / (other + moved).clamp(min=1e-300)
        ).where(~moved.isnan(), torch.nan),
    )
