"""Give rows weights so that outcome and group are independent, train again, audit both models.

Run it with `python examples/reweigh_and_train_again.py`. The weights are P(group) P(outcome) /
P(group, outcome): a woman who earns much counts more, one who earns little counts less (Kamiran &
Calders 2012, "Data preprocessing techniques for classification without discrimination").
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from auditkit.bias.amplification import Joint, amplification
from auditkit.bias.disparity import disparity
from auditkit.bias.groups import group_counts
from auditkit.data import catalogue
from auditkit.data.tables import Table, labels, split


def weights(truth: np.ndarray, group: pd.Series) -> np.ndarray:
    """The weight of each row, 1 on average."""
    joint = pd.crosstab(group, truth, normalize=True)
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    table = independent / joint
    return np.array([table.at[g, y] for g, y in zip(group, truth, strict=True)])


def encoded(train: Table, test: Table) -> tuple[np.ndarray, np.ndarray]:
    """Both tables as numbers: categories as 0 and 1, everything at one scale."""
    names = list(train.schema.feature_names)
    both = pd.get_dummies(pd.concat([train.frame[names], test.frame[names]]), dtype=float)
    scaler = StandardScaler().fit(both.iloc[: len(train.frame)].fillna(0))
    cells = scaler.transform(both.fillna(0))
    return cells[: len(train.frame)], cells[len(train.frame) :]


def told(name: str, truth: np.ndarray, said: np.ndarray, group: pd.Series) -> str:
    """One model in one line, on rows it never saw."""
    counts = group_counts(truth, said, group)
    rng = np.random.default_rng(0)
    gap = disparity(counts, "demographic_parity", rng=rng).estimate
    beyond = amplification(Joint.of_counts(counts)).excess
    return (
        f"{name:10} accuracy {np.mean(said == truth):.3f}  "
        f"selection rates {gap.value:.3f} apart ({gap.low:.3f} to {gap.high:.3f})  "
        f"amplified beyond noise {beyond.value:+.3f} ({beyond.low:+.3f} to {beyond.high:+.3f})"
    )


def main() -> None:
    """Train twice on Adult, and print a line for each model."""
    train, test = split(catalogue.load("adult"), seed=0)
    inputs, unseen = encoded(train, test)
    known, truth = (labels(one.frame, one.schema) for one in (train, test))
    for name, weight in {
        "as it is": None,
        "reweighed": weights(known, train.frame["gender"]),
    }.items():
        model = LogisticRegression(max_iter=500).fit(inputs, known, sample_weight=weight)
        print(told(name, truth, model.predict(unseen), test.frame["gender"]))


if __name__ == "__main__":
    main()
