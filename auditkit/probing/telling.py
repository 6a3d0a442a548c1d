"""A result in one line: what is large is counted, and never written out."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

LONGEST = 60  # letters of a text


def in_short(result: Any) -> str:
    """Fields by name: texts and numbers as they are, of frames and arrays the shape.

    For `__repr__ = in_short` in a dataclass, whose own would write out every activation.
    """
    parts = [f"{one.name}={_short(getattr(result, one.name))}" for one in fields(result)]
    return f"{type(result).__name__}({', '.join(parts)})"


def _short(value: Any) -> str:
    match value:
        case str():
            text = str(value)
            return repr(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
        case bool() | int() | None:
            return str(value)
        case float():
            return f"{value:.4g}"
        case pd.DataFrame() | pd.Series():
            return f"<{' x '.join(map(str, value.shape))} frame>"
        case np.ndarray() | Tensor():
            return f"<{' x '.join(map(str, value.shape))} numbers>"
        case Mapping() | Sequence():
            return f"<{len(value)}>"
    if all(hasattr(value, one) for one in ("value", "low", "high")):
        return f"{value.value:.4g} ({value.low:.4g} to {value.high:.4g})"
    if not is_dataclass(value) and not callable(value):
        return repr(value)
    return " ".join([f"<{type(value).__name__}", *filter(None, [getattr(value, "name", "")])]) + ">"
