"""Which group each row belongs to, beside columns of the same length."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.groups import _columns, _membership
from auditkit.errors import DataError


def membership(sensitive: Any, lengths: Mapping[str, int]) -> tuple[NDArray[np.int64], pd.Index]:
    """Each row's group number (n,), and the groups in the order of `group_counts`.

    sensitive is what `group_counts` takes; lengths says how many rows the other columns have, by
    name. Raises DataError where these differ, and where there are no rows.
    """
    columns = _columns(sensitive)
    every = {**lengths, **{name: len(column) for name, column in columns.items()}}
    if len(set(every.values())) > 1:
        seen = ", ".join(f"{name} {length}" for name, length in every.items())
        raise DataError(f"columns of different lengths ({seen}); give one value a row to each")
    if not any(every.values()):
        raise DataError("no rows to count; give at least one")
    return _membership(columns)
