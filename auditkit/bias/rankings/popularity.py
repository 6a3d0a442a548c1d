"""How common items are, and how unequal what they get."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

BANDS = ("popular", "middling", "rare")
UNSEEN = "never seen"


def popularity_bands(items: Any, known: Any) -> tuple[pd.Categorical, pd.DataFrame]:
    """A band of popularity for each row's item, and a table of the bands: items, from, to.

    known holds the item of each row the model learned from. The items that most rows name are
    popular until they hold a third of these rows, then middling to two thirds, the others rare;
    an item that no row names was never seen. from and to are the rows of an item of the band.
    """
    counts = pd.Series(known).astype(str).value_counts()  # falling
    before = (counts.cumsum() - counts) / counts.sum()
    band = pd.Series(np.array(BANDS, dtype=object)[(before * 3).astype(int)], index=counts.index)
    # Items named equally often stay together, in the band of the first of them.
    band = band.groupby(counts, sort=False).transform("first")
    names = pd.Series(items).astype(str)
    found = names.map(band).fillna(UNSEEN).to_numpy(object)
    rows = names.map(counts).fillna(0).astype(int)
    table = pd.DataFrame({"band": found, "item": names.to_numpy(), "rows": rows.to_numpy()})
    told = table.groupby("band").agg(
        items=("item", "nunique"), **{"from": ("rows", "min"), "to": ("rows", "max")}
    )
    order = [one for one in (*BANDS, UNSEEN) if one in told.index]
    return pd.Categorical(found, categories=order, ordered=True), told.reindex(order)


def gini(values: ArrayLike) -> Any:
    """How unequal amounts (..., n) are: 0 where all are equal, 1 - 1/n where one has everything.

    NaN where there is nothing at all.
    """
    amounts = np.sort(np.asarray(values, float), axis=-1)
    n = amounts.shape[-1]
    weights = 2 * np.arange(1, n + 1) - n - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (amounts @ weights) / (n * amounts.sum(axis=-1))
    return float(found) if np.ndim(found) == 0 else found
