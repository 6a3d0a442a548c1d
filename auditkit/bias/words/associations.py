"""Which words an embedding places near which: WEAT, and SEAT for words within sentences.

Two lists of targets (X, Y) and two of attributes (A, B). A word's association is

    s(w) = mean over a in A of cos(w, a) - mean over b in B of cos(w, b)

and the effect size d = (mean of s over X - mean of s over Y) / standard deviation of s over X and
Y together (n - 1). It lies within -2 and 2, nearly; 0 is no association.

Caliskan, Bryson & Narayanan 2017, "Semantics derived automatically from language corpora contain
human-like biases"; May et al. 2019, "On Measuring Social Biases in Sentence Encoders".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.bias.null import TIE, UNDEFINED, Null
from auditkit.bias.words.effect_size import METHOD, effect_size
from auditkit.errors import DataError, UsageError
from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]
Vectors = Mapping[str, ArrayLike] | tuple[Sequence[str], ArrayLike]
Embed = Callable[[list[str]], ArrayLike]
Alternative = Literal["greater", "two-sided"]

MOST_EXACT = 200_000  # splits that are gone through one by one
LISTS = ("X", "Y", "A", "B")

# Sentences that say nothing of the word, so that what is left is the word's own.
TEMPLATES = (
    "The word is {}.",
    "We spoke of {} today.",
    "Somebody wrote {} on the board.",
    "Now think of {}.",
    "{} is what they meant.",
    "I have read about {}.",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Association:
    """How much nearer X than Y is to A rather than B.

    effect is d, n its target words. null is d (|d| where two-sided) when the targets are split
    otherwise into parts of the same sizes: in all ways where exact, else in some drawn at random.
    p_attributes is its p where the attributes are split otherwise in place of the targets, NaN for
    a list of one attribute. missing maps a list (X, Y, A, B) to its words that have no vector,
    sizes to how many have. words has a line for each target: word, list, association.
    """

    effect: Estimate
    null: Null
    exact: bool
    p_attributes: float
    missing: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, int]
    words: pd.DataFrame

    @property
    def p_value(self) -> float:
        """The share of splits with an effect at least as large; of drawn ones, with one added."""
        return self.null.p_value

    @property
    def p_both(self) -> float:
        """The larger of both p: small only where neither list of either pair could be another.

        p_value alone is small where X and Y differ in a way that has nothing to do with A and B,
        since few attributes never average that out. This one is right where the targets, or the
        attributes, could have been dealt out either way.
        """
        return float(np.fmax(self.p_value, self.p_attributes))

    @property
    def permutations(self) -> int:
        """How many splits were looked at."""
        return self.null.draws


def weat(
    vectors: Vectors,
    targets_x: Sequence[str],
    targets_y: Sequence[str],
    attributes_a: Sequence[str],
    attributes_b: Sequence[str],
    *,
    rng: np.random.Generator,
    alternative: Alternative = "greater",
    permutations: int = 10_000,
    min_words: int = 1,
    confidence: float = 0.95,
) -> Association:
    """The association of words in an embedding: vectors by word, or words and a matrix (n, d).

    A word without a vector, or with one of length 0 or not finite, is missing. Lists may differ in
    length; targets are then split into parts of these lengths. Undefined, with its reason, for
    fewer than min_words in a list (two of targets), or targets that all associate alike. Raises
    UsageError for fewer than one permutation, DataError for a word in both target lists.
    """
    lists = _lists(targets_x, targets_y, attributes_a, attributes_b)
    _check(lists, alternative, permutations)
    found = _found(vectors, {word for several in lists.values() for word in several})
    return _association(found, lists, rng, alternative, permutations, min_words, confidence)


def seat(
    embed: Embed,
    targets_x: Sequence[str],
    targets_y: Sequence[str],
    attributes_a: Sequence[str],
    attributes_b: Sequence[str],
    *,
    rng: np.random.Generator,
    templates: Sequence[str] = TEMPLATES,
    alternative: Alternative = "greater",
    permutations: int = 10_000,
    min_words: int = 1,
    confidence: float = 0.95,
) -> Association:
    """The same for words within sentences: embed gives a vector (n, d) for each of n texts.

    Each word stands in every template, at its {}, and cosines are averaged over its sentences. The
    word stays the unit that is permuted: its sentences are no independent draws, and counting
    them as such, as the paper does, makes any p small. Raises as `weat` does, and UsageError for
    a template without {}.
    """
    lists = _lists(targets_x, targets_y, attributes_a, attributes_b)
    _check(lists, alternative, permutations)
    wrong = [one for one in templates if "{}" not in one]
    if wrong or not templates:
        raise UsageError(f"template {wrong[0]!r} has no {{}}" if wrong else "give a template")
    words = list(dict.fromkeys(chain.from_iterable(lists.values())))
    texts = [template.replace("{}", word) for word in words for template in templates]
    said = np.asarray(embed(texts), float)
    if said.ndim != 2 or len(said) != len(texts):
        raise DataError(f"embed gave shape {said.shape} for {len(texts)} texts; give one row each")
    # The mean of unit vectors: a product of two such means is the mean cosine of all sentences.
    means = _unit(said).reshape(len(words), len(templates), -1).mean(axis=1)
    found = {word: one for word, one in zip(words, means, strict=True) if np.isfinite(one).all()}
    return _association(found, lists, rng, alternative, permutations, min_words, confidence)


def split_null(
    scores: ArrayLike,
    first: int,
    *,
    rng: np.random.Generator,
    alternative: Alternative = "greater",
    permutations: int = 10_000,
    most_exact: int = MOST_EXACT,
) -> tuple[Null, bool]:
    """d of the scores split otherwise into parts of these sizes, and whether in all ways.

    The first scores are list X. With at most most_exact splits each is looked at once, the one seen
    among them; else permutations are drawn, and one is added to both counts of p (Phipson & Smyth
    2010). Two-sided, it is |d|.
    """
    values = np.asarray(scores, float)
    n = len(values)
    # The deviation over both lists is the same in every split, and a mean of X fixes that of Y.
    values = (values - values.mean()) / values.std(ddof=1)
    unit = 1 / first + 1 / (n - first)
    count = math.comb(n, first)
    exact = count <= most_exact
    if exact:
        every = chain.from_iterable(combinations(range(n), first))
        places = np.fromiter(every, dtype=np.intp, count=count * first).reshape(count, first)
        effects = values[places].sum(axis=1) * unit
    else:
        drawn = rng.permuted(np.tile(values, (permutations, 1)), axis=1)
        effects = drawn[:, :first].sum(axis=1) * unit
    seen = float(values[:first].sum()) * unit
    if alternative == "two-sided":
        effects, seen = np.abs(effects), abs(seen)
    extreme = int(np.sum(effects >= seen - TIE * n))
    more = 0 if exact else 1
    null = Null(
        mean=float(effects.mean()),
        upper=float(np.quantile(effects, 0.95)),
        p_value=(extreme + more) / (len(effects) + more),
        draws=len(effects),
    )
    return null, exact


def attribute_p(
    to_a: Floats,
    to_b: Floats,
    first: int,
    *,
    rng: np.random.Generator,
    alternative: Alternative = "greater",
    permutations: int = 10_000,
    most_exact: int = MOST_EXACT,
) -> float:
    """p where the attributes are split otherwise: to_a (n, A), to_b (n, B) are cosines.

    An attribute says how much nearer the first targets lie to it than the others do. NaN for a
    list of one attribute, and where all attributes say the same.
    """
    nearer = np.concatenate(
        [one[:first].mean(axis=0) - one[first:].mean(axis=0) for one in (to_a, to_b)]
    )
    if min(to_a.shape[1], to_b.shape[1]) < 2 or np.ptp(nearer) <= TIE:
        return math.nan
    null, _ = split_null(
        nearer,
        to_a.shape[1],
        rng=rng,
        alternative=alternative,
        permutations=permutations,
        most_exact=most_exact,
    )
    return null.p_value


def _association(
    found: Mapping[str, Floats],
    lists: Mapping[str, tuple[str, ...]],
    rng: np.random.Generator,
    alternative: Alternative,
    permutations: int,
    min_words: int,
    confidence: float,
) -> Association:
    known = {key: tuple(word for word in words if word in found) for key, words in lists.items()}
    sizes = {key: len(words) for key, words in known.items()}
    missing = {
        key: lost
        for key, words in lists.items()
        if (lost := tuple(word for word in words if word not in known[key]))
    }
    targets = (*known["X"], *known["Y"])
    reason = _too_few(sizes, min_words)
    scores = np.full(len(targets), math.nan)
    effect, null, exact = undefined(reason, n=len(targets), method=METHOD), UNDEFINED, False
    of_attributes = math.nan
    if not reason:
        near, a, b = (
            np.array([found[word] for word in words]) for words in (targets, known["A"], known["B"])
        )
        to_a, to_b = near @ a.T, near @ b.T  # (targets, attributes)
        scores = to_a.mean(axis=1) - to_b.mean(axis=1)
        effect = effect_size(to_a, to_b, sizes["X"], confidence=confidence)
    if effect.defined:
        null, exact = split_null(
            scores, sizes["X"], rng=rng, alternative=alternative, permutations=permutations
        )
        of_attributes = attribute_p(
            to_a, to_b, sizes["X"], rng=rng, alternative=alternative, permutations=permutations
        )
    of_list = ["X"] * sizes["X"] + ["Y"] * sizes["Y"]
    words = pd.DataFrame({"word": targets, "list": of_list, "association": scores})
    return Association(
        effect=effect,
        null=null,
        exact=exact,
        p_attributes=of_attributes,
        missing=missing,
        sizes=sizes,
        words=words,
    )


def _lists(*several: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The four lists by letter, each word once."""
    lists = (tuple(dict.fromkeys(words)) for words in several)
    return dict(zip(LISTS, lists, strict=True))


def _check(
    lists: Mapping[str, tuple[str, ...]], alternative: Alternative, permutations: int
) -> None:
    if alternative not in get_args(Alternative):
        raise UsageError(f"alternative is {alternative!r}; it is 'greater' or 'two-sided'")
    if permutations < 1:
        raise UsageError(f"permutations is {permutations}; give at least 1, better 10000")
    both = [word for word in lists["X"] if word in lists["Y"]]
    if both:
        raise DataError(f"{both[0]!r} stands in both lists of targets; leave it out of one")


def _too_few(sizes: Mapping[str, int], min_words: int) -> str:
    for key in LISTS:
        least = max(min_words, 2 if key in "XY" else 1)
        if sizes[key] < least:
            kind = "targets" if key in "XY" else "attributes"
            return f"{sizes[key]} of the {kind} in list {key} have a vector; {least} are needed"
    return ""


def _found(vectors: Vectors, wanted: set[str]) -> dict[str, Floats]:
    """Vectors of length 1 of the wanted words that have one."""
    if isinstance(vectors, Mapping):
        rows = {word: np.asarray(vectors[word], float) for word in wanted if word in vectors}
    else:
        words, matrix = vectors
        held = np.asarray(matrix)
        if held.ndim != 2 or len(held) != len(words):
            raise DataError(f"{len(words)} words beside vectors of shape {held.shape}; give (n, d)")
        place = {word: row for row, word in enumerate(words) if word in wanted}
        rows = {word: np.asarray(held[row], float) for word, row in place.items()}
    if len({one.shape for one in rows.values()}) > 1:
        raise DataError("vectors differ in length; give one length to all words")
    units = {word: _unit(one) for word, one in rows.items()}
    return {word: one for word, one in units.items() if np.isfinite(one).all()}


def _unit(vectors: Floats) -> Floats:
    """Vectors scaled to length 1; NaN where the length is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
