"""The words a report uses, said plainly. Only those that stand on the page are explained."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A word, the pattern by which the page is searched for it, and what it means."""

    word: str
    pattern: str
    meaning: str


ENTRIES = (
    Entry(
        "Accuracy",
        r"accurac",
        "The share of rows whose prediction is right. Where one answer is common, always giving it"
        " scores high, so the share that a majority guess gets stands beside it.",
    ),
    Entry(
        "AUC",
        r"\bAUC\b|\bROC\b",
        "How often a row with the positive outcome gets a higher score than a row without it:"
        " 0.5 is a coin, 1 is perfect order.",
    ),
    Entry(
        "Bootstrap",
        r"bootstrap",
        "Drawing the rows again and again, with repetition, to see how far a number would move"
        " if other rows of the same kind had been collected.",
    ),
    Entry(
        "Brier score",
        r"\bBrier\b",
        "The mean squared distance between the predicted probability and what happened (0 or 1)."
        " 0 is perfect.",
    ),
    Entry(
        "Calibration",
        r"calibrat|reliability",
        "Whether probabilities mean what they say: of all rows given 70 %, about 70 % should turn"
        " out positive.",
    ),
    Entry(
        "Demographic parity",
        r"demographic parity|demographic-parity",
        "Each group gets the favoured decision equally often. It looks at decisions alone, not at"
        " whether they are right.",
    ),
    Entry(
        "ECE",
        r"\bECE\b|expected calibration error",
        "Expected calibration error: how far, on average, predicted probabilities are from what"
        " happened. 0 is perfect; chance alone keeps it above 0.",
    ),
    Entry(
        "Equal opportunity",
        r"equal opportunity|equal-opportunity",
        "Among rows with the positive outcome, it is predicted equally often in each group.",
    ),
    Entry(
        "Equalized odds",
        r"equali[sz]ed odds|equali[sz]ed-odds",
        "Both the true positive rate and the false positive rate are the same in each group.",
    ),
    Entry(
        "False negative rate",
        r"false negative",
        "Among rows with the positive outcome, the share that the model misses.",
    ),
    Entry(
        "False positive rate",
        r"false positive",
        "Among rows without the positive outcome, the share that the model wrongly calls positive.",
    ),
    Entry(
        "Four-fifths rule",
        r"four[- ]fifths",
        "A rule of thumb of American labour law: a group's selection rate should be at least four"
        " fifths of the highest group's. It ignores chance, so a test stands beside it.",
    ),
    Entry(
        "Insufficient evidence",
        r"insufficient",
        "The interval spans the limit, so the rows there are cannot tell on which side the truth"
        " lies. It is neither a pass nor a fail.",
    ),
    Entry(
        "Interval",
        r"interval",
        "The range that the true number plausibly lies in, given how few or many rows there were."
        " Made this way, 95 of 100 such ranges hold the true number.",
    ),
    Entry(
        "Limit",
        r"\blimit",
        "The number beyond which a finding fails. It is a choice, written in the configuration.",
    ),
    Entry(
        "Log loss",
        r"log[- ]loss",
        "A penalty for confident mistakes: low where probabilities are near what happened. 0 is"
        " perfect.",
    ),
    Entry(
        "Null (chance alone)",
        r"\bnull\b|chance",
        "What the same measurement gives on average when there is nothing to find, because the"
        " groups were shuffled. A gap near its null is no evidence of a difference.",
    ),
    Entry(
        "Permutation test",
        r"permut",
        "The group labels are shuffled many times; a gap is surprising if few shuffles reach it.",
    ),
    Entry(
        "Precision",
        r"\bprecision\b|predictive parity|predictive-parity",
        "Among rows that the model calls positive, the share that is. Predictive parity asks that"
        " it be the same in each group.",
    ),
    Entry(
        "Selection rate",
        r"selection[ _]rate",
        "The share of a group's rows that get the favoured decision.",
    ),
    Entry(
        "Sensitive column",
        r"sensitive",
        "A column that says something about a person for which nobody should be treated worse.",
    ),
    Entry(
        "True positive rate",
        r"true positive",
        "Among rows with the positive outcome, the share that the model finds.",
    ),
)


def words_in(text: str) -> tuple[Entry, ...]:
    """The entries whose word stands in the text, by alphabet."""
    return tuple(one for one in ENTRIES if re.search(one.pattern, text, re.IGNORECASE))
