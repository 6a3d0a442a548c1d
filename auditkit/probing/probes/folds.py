"""Parts of rows for cross-validation: of like classes, and never parting what is one person's."""

import numpy as np

from auditkit.errors import DataError
from auditkit.probing.probes.labels import Labels

FOLDS = 5
FEWEST = 3  # one part to score, one to choose on, one to fit on


def folds_of(labels: Labels, rng: np.random.Generator, folds: int | None = None) -> np.ndarray:
    """The part of each row, (n,) int64 from 0: of like classes, never parting what is one's.

    folds is five, or as many as the class with the fewest persons has. Raises DataError where a
    class has fewer than three persons (rows, where each stands alone), and for a given number
    of folds larger than these.
    """
    owners = np.arange(len(labels)) if labels.whose is None else labels.whose
    fewest, which = _fewest_owners(labels, owners)
    who = "rows" if labels.whose is None else "persons"
    if folds is not None and not 2 < folds <= fewest:
        raise DataError(
            f"{folds} folds, but {which} has {fewest} {who}: give {FEWEST} to {fewest} folds"
            if fewest >= FEWEST
            else _too_few(which, fewest, who)
        )
    if fewest < FEWEST:
        raise DataError(_too_few(which, fewest, who))
    parts = folds or min(FOLDS, fewest)
    if labels.whose is None:
        return _dealt(labels, rng, parts)
    return _dealt_by_owner(labels, owners, rng, parts)


def loose_folds(labels: Labels, rng: np.random.Generator) -> np.ndarray:
    """The same, where a class may be absent from a part: it only chooses a penalty.

    Raises DataError for fewer than three rows (or persons).
    """
    owners = np.arange(len(labels)) if labels.whose is None else labels.whose
    many = len(np.unique(owners))
    if many < FEWEST:
        raise DataError(_too_few(labels.name, many, "rows" if labels.whose is None else "persons"))
    if labels.whose is None:
        return _dealt(labels, rng, min(FOLDS, many))
    return _dealt_by_owner(labels, owners, rng, min(FOLDS, many))


def _too_few(which: str, fewest: int, who: str) -> str:
    return (
        f"{which} has {fewest} {who}: a probe needs {FEWEST}, one to fit, one to choose and one "
        "to score on; leave it out or join it to another"
    )


def _fewest_owners(labels: Labels, owners: np.ndarray) -> tuple[int, str]:
    if not labels.classes:
        return len(np.unique(owners)), labels.name
    pairs = np.unique(np.stack([labels.values, owners]), axis=1)[0]
    counts = np.bincount(pairs, minlength=len(labels.levels))
    present = np.flatnonzero(counts)  # a class may have no row in a part of the labels
    least = int(present[counts[present].argmin()])
    return int(counts[least]), f"class {labels.levels[least]!r} of {labels.name}"


def _dealt(labels: Labels, rng: np.random.Generator, parts: int) -> np.ndarray:
    """Rows of one class are dealt out in turn; the next class goes on where it ended."""
    order = rng.permutation(len(labels))
    if labels.classes:
        order = order[np.argsort(labels.values[order], kind="stable")]
    found = np.empty(len(labels), dtype=np.int64)
    found[order] = np.arange(len(labels)) % parts
    return found


def _dealt_by_owner(
    labels: Labels, owners: np.ndarray, rng: np.random.Generator, parts: int
) -> np.ndarray:
    """Persons with the most rows first, each to the part that most lacks its classes."""
    people = np.unique(owners, return_inverse=True)[1]
    classes = labels.values if labels.classes else np.zeros(len(labels), dtype=np.int64)
    width = int(classes.max()) + 1
    holds = np.zeros((int(people.max()) + 1, width))
    np.add.at(holds, (people, classes), 1)
    weight = 1 / np.maximum(holds.sum(axis=0), 1)  # a rare class counts as much as a common one
    order = rng.permutation(len(holds))
    order = order[np.argsort(-(holds @ weight)[order], kind="stable")]
    table = np.zeros((parts, width))
    found = np.empty(len(holds), dtype=np.int64)
    for person in order:
        # The rise of the sum of squares of all counts, less what is the same for all parts.
        lacks = table @ (holds[person] * weight**2)
        found[person] = int(np.lexsort((table @ weight, lacks))[0])
        table[found[person]] += holds[person]
    return found[people]
