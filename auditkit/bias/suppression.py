"""Which groups may be shown: of three people, a rate of a third says what happened to each."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.groups import cells, label

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def may_be_shown(counts: pd.DataFrame, least: int) -> Bools:
    """Whether each line of a count table may be shown, (groups,).

    Lines of fewer than `least` rows may not. A single one could be found again as the total less
    the others: so the next smallest is hidden with it, until at least two lines and `least` rows
    are. Of intersections the same holds among those of each group, whose total is known.
    """
    rows = cells(counts).sum(axis=1)
    hidden = rows < least
    margins = list(_margins(counts.index))
    again = True
    while again:
        again = False
        for line in margins:
            open_ = line[~hidden[line]]
            if len(open_) and _exposed(rows[line], hidden[line], least):
                hidden[open_[np.argmin(rows[open_])]] = True
                again = True
    return np.asarray(~hidden)


def nameless(counts: pd.DataFrame, least: int) -> tuple[str, ...]:
    """Readable names of the groups whose own figures may not be told."""
    return tuple(
        label(group)
        for group, shown in zip(counts.index, may_be_shown(counts, least), strict=True)
        if not shown
    )


def not_shown(counts: pd.DataFrame, shown: Bools, least: int, what: str = "group") -> str:
    """A sentence on what is not shown, and why; nothing where all is."""
    rows = cells(counts).sum(axis=1)
    hidden, small = int(np.sum(~shown)), int(np.sum(rows < least))
    if not hidden:
        return ""
    said = f"{_several(small, what)} of fewer than {least} rows {'is' if small == 1 else 'are'} "
    said += "not shown"
    if hidden > small:
        other = _several(hidden - small, f"larger {what}")
        said += f", nor {other}, from which the smaller could be worked out"
    return f"{said} ({int(rows[~shown].sum()):,} rows together)."


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _exposed(rows: Ints, hidden: Bools, least: int) -> bool:
    """Whether the hidden cells of a margin can be told from its total and the cells shown."""
    return bool(hidden.any()) and (int(hidden.sum()) == 1 or int(rows[hidden].sum()) < least)


def _margins(index: pd.Index) -> Iterator[Ints]:
    """Places of the lines whose total is known: all, and those of each single group."""
    yield np.arange(len(index))
    if index.nlevels > 1:
        for level in range(index.nlevels):
            codes = pd.factorize(index.get_level_values(level))[0]
            yield from (np.flatnonzero(codes == code) for code in range(codes.max() + 1))
