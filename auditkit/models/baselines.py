"""Simpler models on the same rows, to ask whether the audited one is worth its complexity.

What is simple depends on what is read: columns, words, pixels or the course of a sequence.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from auditkit.data.encoding import Encoded, TableEncoder
from auditkit.data.schema import Medium, Schema, Task

MOST_CODES = 255  # levels that gradient boosting takes as categories
MOST_ROWS: Mapping[Medium, int] = {Medium.IMAGE: 10_000, Medium.SEQUENCE: 30_000}
SIDE = 28  # pixels a side that a linear model is given; larger images are averaged down
MOST_RUNS = 200_000  # of words or letters that are counted
FOLDS, FEW_FOLDS = 5, 3  # few where a fit takes seconds
AT_ONCE = 256  # texts whose neighbours are sought at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """What a simple model says of the audited rows, none of which it was fitted on.

    answers is the probability of the positive outcome (n,), of each class (n, K), or a number
    (n,). how says what it was fitted on.
    """

    name: str
    answers: np.ndarray
    how: str

    @property
    def predictions(self) -> np.ndarray:
        """The likeliest class; of a decision 1 where its probability is at least one half."""
        if self.answers.ndim == 2:
            return np.asarray(self.answers.argmax(axis=1))
        return (self.answers >= 0.5).astype(np.int8)


class Known(NamedTuple):
    """Rows to learn from: labels of 0 and 1, places of classes, or numbers, (n,)."""

    frame: pd.DataFrame
    truth: np.ndarray


Model = Callable[[Known, pd.DataFrame, Schema, int], Any]


def majority(known: np.ndarray | None, truth: np.ndarray, *, classes: int = 0) -> Baseline:
    """Always the commonest answer: of the training rows, or of these where those are unknown.

    classes is how many there are, 0 for a decision between two.
    """
    seen, n = truth if known is None else known, len(truth)
    how = "of the audited rows themselves" if known is None else "of the training rows"
    if not classes:
        return Baseline(name="majority guess", answers=np.full(n, float(np.mean(seen))), how=how)
    shares = np.bincount(seen, minlength=classes) / max(len(seen), 1)
    return Baseline(name="majority guess", answers=np.tile(shares, (n, 1)), how=how)


def majority_answer(known: np.ndarray | None, positives: int, n: int) -> tuple[bool, str]:
    """Whether `majority` says yes to a decision, and how it knows: from counts of these rows."""
    share = positives / n if known is None else float(np.mean(known))
    how = "of the audited rows themselves" if known is None else "of the training rows"
    return share >= 0.5, how


def mean_guess(known: np.ndarray | None, truth: np.ndarray) -> Baseline:
    """Always the mean: of the training rows, or of these where those are unknown."""
    seen = truth if known is None else known
    how = "of the audited rows themselves" if known is None else "of the training rows"
    return Baseline(name="mean", answers=np.full(len(truth), float(np.mean(seen))), how=how)


def fitted(
    train: tuple[pd.DataFrame, np.ndarray], frame: pd.DataFrame, schema: Schema, *, seed: int
) -> tuple[Baseline, ...]:
    """The simple models for what the schema reads, fitted on (rows, truth) for training.

    Empty where the training rows have one answer alone.
    """
    if len(np.unique(train[1])) < 2:
        return ()
    known, how = _drawn(Known(*train), schema, seed)
    return tuple(
        Baseline(name=name, answers=np.asarray(model(known, frame, schema, seed)), how=how)
        for name, model in models_of(schema, frame).items()
    )


def cross_fitted(
    frame: pd.DataFrame, truth: np.ndarray, schema: Schema, *, seed: int
) -> tuple[Baseline, ...]:
    """The same where training rows are unknown: each audited row by a model of the other folds.

    Empty where there are too few rows to do so.
    """
    cuts = _cuts(truth, schema, seed)
    found = []
    for name, model in models_of(schema, frame).items() if cuts else ():
        answers = np.empty((len(truth), *_shape(schema)))
        for rest, asked in cuts:
            known, _ = _drawn(Known(frame.iloc[rest], truth[rest]), schema, seed)
            if len(np.unique(known.truth)) < 2:
                return ()
            answers[asked] = model(known, frame.iloc[asked], schema, seed)
        how = f"the audited rows, {len(cuts)} folds crosswise"
        found.append(Baseline(name=name, answers=answers, how=how))
    return tuple(found)


def nearest_texts(
    known: Sequence[str], written: Sequence[str], asked: Sequence[str]
) -> tuple[str, ...]:
    """What was written for the known text that is most like each text asked, by its spelling.

    Alike are texts that share runs of two to four characters, rare ones weighing more.
    """
    runs = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), lowercase=False, dtype=np.float32
    )
    library = sparse.csc_matrix(runs.fit_transform(known).T)
    vectors = sparse.csr_matrix(runs.transform(asked))
    places: list[int] = []
    for start in range(0, len(asked), AT_ONCE):
        alike = (vectors[start : start + AT_ONCE] @ library).tocsr()
        places += np.asarray(alike.argmax(axis=1)).ravel().tolist()
    return tuple(written[place] for place in places)


def models_of(schema: Schema, frame: pd.DataFrame) -> Mapping[str, Model]:
    """The simple models for what the schema reads, by the name the report gives them.

    Of texts that are mostly single words, as names are, the letters are counted.
    """
    linear = "ridge regression" if schema.task is Task.NUMBER else "logistic regression"
    match schema.medium:
        case Medium.TABLE:
            return {linear: _linear_on_table, "gradient boosting": _boosting}
        case Medium.TEXT:
            if frame[_column(schema)].astype(str).str.strip().str.contains(" ").mean() < 0.5:
                return {f"{linear} on runs of letters": _linear_on_letters}
            return {f"{linear} on words and pairs of words": _linear_on_words}
        case Medium.IMAGE:
            return {f"{linear} on pixels": _linear_on_pixels}
        case Medium.SEQUENCE:
            return {f"{linear} on each channel's mean, deviation and ends": _linear_on_course}


def _cuts(truth: np.ndarray, schema: Schema, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    folds = FOLDS if schema.medium is Medium.TABLE else FEW_FOLDS
    if schema.task is Task.DECISION:
        folds = min(folds, int(np.bincount(truth, minlength=2).min()))
    folds = min(folds, len(truth))
    if folds < 2:
        return []
    kind = StratifiedKFold if schema.task is Task.DECISION else KFold
    cut: Iterator[Any] = kind(n_splits=folds, shuffle=True, random_state=seed).split(truth, truth)
    return list(cut)


def _drawn(known: Known, schema: Schema, seed: int) -> tuple[Known, str]:
    """As many rows as a fit may take, and the words for them."""
    n = len(known.truth)
    most = MOST_ROWS.get(schema.medium, n)
    if n <= most:
        return known, "training rows"
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:most])
    part = Known(known.frame.iloc[rows], known.truth[rows])
    return part, f"{most:,} of {n:,} training rows, drawn at random"


def _shape(schema: Schema) -> tuple[int, ...]:
    """The shape of one row's answer."""
    return (len(schema.target.levels),) if schema.task is Task.CLASSES else ()


def _linear_on_table(known: Known, asked: pd.DataFrame, schema: Schema, seed: int) -> Any:
    encoder = TableEncoder.fit(known.frame, schema, bins=2)
    rows, others = encoder.transform(known.frame), encoder.transform(asked)
    onehot = OneHotEncoder(handle_unknown="ignore", dtype=np.float32, sparse_output=False)
    if rows.categorical.shape[1]:
        onehot.fit(rows.categorical)

    def columns(rows: Encoded) -> np.ndarray:
        levels = onehot.transform(rows.categorical) if rows.categorical.shape[1] else rows.missing
        return np.hstack([rows.numeric, rows.missing, levels])

    return _linear(columns(rows), known.truth, columns(others), schema, seed)


def _boosting(known: Known, asked: pd.DataFrame, schema: Schema, seed: int) -> Any:
    encoder = TableEncoder.fit(known.frame, schema, bins=2)
    rows, others = encoder.transform(known.frame), encoder.transform(asked)
    empty = rows.missing.all(axis=0)  # a column without any value has no threshold

    def columns(rows: Encoded) -> np.ndarray:
        numeric = np.where(rows.missing & ~empty, np.nan, rows.numeric)
        return np.hstack([numeric, np.minimum(rows.categorical, MOST_CODES - 1)])

    mask = [False] * rows.numeric.shape[1] + [True] * rows.categorical.shape[1]
    if schema.task is Task.NUMBER:
        trees = HistGradientBoostingRegressor(categorical_features=mask, random_state=seed)
        return trees.fit(columns(rows), known.truth).predict(columns(others))
    model = HistGradientBoostingClassifier(categorical_features=mask, random_state=seed)
    model.fit(columns(rows), known.truth)
    return _answers(model, columns(others), schema)


def _linear_on_words(known: Known, asked: pd.DataFrame, schema: Schema, seed: int) -> Any:
    words = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2 if len(known.truth) > 1000 else 1,
        max_features=MOST_RUNS,
        sublinear_tf=True,
        token_pattern=r"(?u)\b\w+\b",
        dtype=np.float32,
    )
    return _linear_on_counts(words, known, asked, schema, seed)


def _linear_on_letters(known: Known, asked: pd.DataFrame, schema: Schema, seed: int) -> Any:
    letters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 4), max_features=MOST_RUNS, dtype=np.float32
    )
    return _linear_on_counts(letters, known, asked, schema, seed)


def _linear_on_counts(
    counts: TfidfVectorizer, known: Known, asked: pd.DataFrame, schema: Schema, seed: int
) -> Any:
    rows, others = (one[_column(schema)].astype(str) for one in (known.frame, asked))
    return _linear(
        counts.fit_transform(rows), known.truth, counts.transform(others), schema, seed, 4.0
    )


def _linear_on_pixels(known: Known, asked: pd.DataFrame, schema: Schema, seed: int) -> Any:
    rows, others = (_pixels(one[_column(schema)].tolist()) for one in (known.frame, asked))
    return _linear(rows, known.truth, others, schema, seed, 0.1)


def _pixels(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images of one size as (n, features) float32 in [0, 1], large ones averaged down."""
    height, width = images[0].shape[1:]
    step = max(-(-max(height, width) // SIDE), 1)
    kept = (height // step * step, width // step * step)
    shape = (-1, kept[0] // step, step, kept[1] // step, step)
    blocks = (one[:, : kept[0], : kept[1]].reshape(shape) for one in images)
    return np.stack([one.mean(axis=(2, 4), dtype=np.float32).ravel() / 255 for one in blocks])


def _linear_on_course(known: Known, asked: pd.DataFrame, schema: Schema, seed: int) -> Any:
    rows, others = (_course(one[_column(schema)].tolist()) for one in (known.frame, asked))
    scale = StandardScaler().fit(rows)
    return _linear(scale.transform(rows), known.truth, scale.transform(others), schema, seed)


def _course(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Mean, deviation, first and last value of each channel: (n, 4 channels)."""
    parts = [np.r_[one.mean(axis=0), one.std(axis=0), one[0], one[-1]] for one in sequences]
    return np.array(parts, dtype=np.float64)


def _column(schema: Schema) -> str:
    """The one feature that is no column of a table."""
    return next(one.name for one in schema.features if one.kind.value == schema.medium.value)


def _linear(
    rows: Any, truth: np.ndarray, asked: Any, schema: Schema, seed: int, strength: float = 1.0
) -> Any:
    """Answers of a logistic or ridge regression; strength is how little it is held back."""
    if schema.task is Task.NUMBER:
        return Ridge(alpha=1 / strength, random_state=seed).fit(rows, truth).predict(asked)
    # On words a looser fit swings by .01 of AUC; on columns it is worth nothing.
    tolerance = 1e-4 if sparse.issparse(rows) else 1e-3
    model = LogisticRegression(max_iter=300, C=strength, tol=tolerance, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a comparison
        model.fit(rows, truth)
    return _answers(model, asked, schema)


def _answers(model: Any, asked: Any, schema: Schema) -> np.ndarray:
    """Probability of the positive outcome, or of every class; 0 of one never trained with."""
    given = np.asarray(model.predict_proba(asked))
    if schema.task is Task.DECISION:
        return given[:, 1]
    whole = np.zeros((len(given), *_shape(schema)))
    whole[:, model.classes_] = given
    return whole
