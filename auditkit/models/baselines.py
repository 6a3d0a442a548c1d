"""Simpler models on the same columns, to ask whether the audited one is worth its complexity."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import OneHotEncoder

from auditkit.data.encoding import Encoded, Encoder
from auditkit.data.schema import Schema

MOST_CODES = 255  # levels that gradient boosting takes as categories


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """Scores of a simple model on the audited rows, (n,), none of which it was fitted on."""

    name: str
    scores: np.ndarray
    how: str

    @property
    def predictions(self) -> np.ndarray:
        """1 where the score is at least one half."""
        return (self.scores >= 0.5).astype(np.int8)


def majority(train_labels: np.ndarray | None, labels: np.ndarray) -> Baseline:
    """Always the commoner answer: of the training rows, or of these where those are unknown."""
    known = labels if train_labels is None else train_labels
    share = float(np.mean(known))
    how = "of the audited rows themselves" if train_labels is None else "of the training rows"
    return Baseline(name="majority guess", scores=np.full(len(labels), share), how=how)


def fitted(
    train: tuple[pd.DataFrame, np.ndarray], frame: pd.DataFrame, schema: Schema, *, seed: int
) -> tuple[Baseline, ...]:
    """Logistic regression and gradient boosting, fitted on (rows, labels) for training.

    Empty where the training rows have one label alone.
    """
    if len(np.unique(train[1])) < 2:
        return ()
    return tuple(
        Baseline(name=name, scores=_scores(name, train, frame, schema, seed), how="training rows")
        for name in MODELS
    )


def cross_fitted(
    frame: pd.DataFrame, labels: np.ndarray, schema: Schema, *, seed: int, folds: int = 5
) -> tuple[Baseline, ...]:
    """The same where training rows are unknown: each audited row by a model of the other folds.

    Empty where a label has fewer than two rows.
    """
    folds = min(folds, int(np.bincount(labels, minlength=2).min()))
    if folds < 2:
        return ()
    cut = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    found = []
    for name in MODELS:
        scores = np.empty(len(labels))
        for known, asked in cut.split(frame, labels):
            train = (frame.iloc[known], labels[known])
            scores[asked] = _scores(name, train, frame.iloc[asked], schema, seed)
        found.append(
            Baseline(name=name, scores=scores, how=f"the audited rows, {folds} folds crosswise")
        )
    return tuple(found)


def _scores(
    name: str,
    train: tuple[pd.DataFrame, np.ndarray],
    frame: pd.DataFrame,
    schema: Schema,
    seed: int,
) -> np.ndarray:
    rows, labels = train
    encoder = Encoder.fit(rows, schema, bins=2)
    known, asked = encoder.transform(rows), encoder.transform(frame)
    return np.asarray(MODELS[name](known, labels, asked, seed))


def _logistic(known: Encoded, labels: np.ndarray, asked: Encoded, seed: int) -> Any:
    onehot = OneHotEncoder(handle_unknown="ignore", dtype=np.float32, sparse_output=False)
    if known.categorical.shape[1]:
        onehot.fit(known.categorical)

    def columns(rows: Encoded) -> np.ndarray:
        levels = onehot.transform(rows.categorical) if rows.categorical.shape[1] else rows.missing
        return np.hstack([rows.numeric, rows.missing, levels])

    model = LogisticRegression(max_iter=300, C=1.0, tol=1e-3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a comparison
        model.fit(columns(known), labels)
    return model.predict_proba(columns(asked))[:, 1]


def _boosting(known: Encoded, labels: np.ndarray, asked: Encoded, seed: int) -> Any:
    empty = known.missing.all(axis=0)  # a column without any value has no threshold

    def columns(rows: Encoded) -> np.ndarray:
        numeric = np.where(rows.missing & ~empty, np.nan, rows.numeric)
        return np.hstack([numeric, np.minimum(rows.categorical, MOST_CODES - 1)])

    count = known.numeric.shape[1]
    mask = [False] * count + [True] * known.categorical.shape[1]
    model = HistGradientBoostingClassifier(categorical_features=mask, random_state=seed)
    return model.fit(columns(known), labels).predict_proba(columns(asked))[:, 1]


MODELS: Mapping[str, Any] = {"logistic regression": _logistic, "gradient boosting": _boosting}
