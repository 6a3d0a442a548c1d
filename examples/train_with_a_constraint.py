"""Train under a constraint on fairness with fairlearn's reductions, and audit what comes out.

Run it with `python examples/train_with_a_constraint.py`. The reduction trains the same kind of
model again and again with other weights, until the constraint holds on the training rows (Agarwal
et al. 2018, "A Reductions Approach to Fair Classification"). Whether it holds on others is for the
audit to say.
"""

import numpy as np
import pandas as pd
from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
from sklearn.tree import DecisionTreeClassifier

from auditkit.bias.disparity import disparity
from auditkit.bias.groups import group_counts
from auditkit.data import catalogue
from auditkit.data.tables import labels, split

ROWS = 8000  # enough to see it work, few enough to wait for


def learner() -> DecisionTreeClassifier:
    """The model that is trained again and again."""
    return DecisionTreeClassifier(max_leaf_nodes=40, random_state=0)


def told(name: str, truth: np.ndarray, said: np.ndarray, group: pd.Series) -> str:
    """Accuracy and two gaps with their intervals, on rows the model never saw."""
    counts = group_counts(truth, said, group)
    gaps = {
        measure: disparity(counts, measure, rng=np.random.default_rng(0)).estimate
        for measure in ("demographic_parity", "equalized_odds")
    }
    written = "  ".join(
        f"{measure} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
        for measure, one in gaps.items()
    )
    return f"{name:20} accuracy {np.mean(said == truth):.3f}  {written}"


def main() -> None:
    """Train on Adult without a constraint and with each of two; print a line for each."""
    train, test = split(catalogue.load("adult"), seed=0)
    names = list(train.schema.feature_names)
    both = pd.get_dummies(pd.concat([train.frame[names], test.frame[names]]), dtype=float)
    inputs, unseen = both.iloc[:ROWS], both.iloc[len(train.frame) :]
    known, truth = labels(train.frame, train.schema)[:ROWS], labels(test.frame, test.schema)
    group, seen = train.frame["gender"].iloc[:ROWS], test.frame["gender"]

    plain = learner().fit(inputs, known)
    print(told("no constraint", truth, plain.predict(unseen), seen))
    for constraint in (DemographicParity(), EqualizedOdds()):
        mitigator = ExponentiatedGradient(learner(), constraint, max_iter=12)
        mitigator.fit(inputs, known, sensitive_features=group)
        said = np.asarray(mitigator.predict(unseen, random_state=0))
        print(told(type(constraint).__name__, truth, said, seen))


if __name__ == "__main__":
    main()
