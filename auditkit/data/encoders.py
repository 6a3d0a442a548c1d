"""Which encoder reads what: fitted on training rows by what the schema says of the features."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from auditkit.data.encoding import TableEncoder
from auditkit.data.images import ImageEncoder
from auditkit.data.schema import Medium, Schema, Task
from auditkit.data.sequences import SequenceEncoder
from auditkit.data.text import PairEncoder, TextEncoder, Units
from auditkit.errors import DataError
from auditkit.ranges import ranged, require_ranges

Encoder = TableEncoder | ImageEncoder | SequenceEncoder | TextEncoder | PairEncoder

ENCODERS: Mapping[str, type[Any]] = {
    "table": TableEncoder,
    "image": ImageEncoder,
    "sequence": SequenceEncoder,
    "text": TextEncoder,
    "pair": PairEncoder,
}


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How finely rows are turned into numbers.

    bins bounds how finely a numeric column is cut; units, vocabulary and longest are of texts
    (longest also bounds the steps of a sequence); written and its vocabulary are those of the
    text to be written, where there is one.
    """

    bins: int = ranged(256, 1)
    units: Units = "pieces"
    vocabulary: int = ranged(8000, 6, 200_000)
    longest: int = ranged(256, 1, 131_072)
    written_units: Units = "symbols"
    written_longest: int = ranged(64, 3, 100_000)

    def __post_init__(self) -> None:
        require_ranges(self, "the coding")


def fit_encoder(frame: pd.DataFrame, schema: Schema, task: Task, coding: Coding) -> Encoder:
    """The encoder for what a schema's features are, fitted on training rows.

    Raises DataError where a column is absent or holds something else than the schema says.
    """
    if schema.medium is Medium.TABLE:
        return TableEncoder.fit(frame, schema, bins=coding.bins)
    column = next(one.name for one in schema.features if one.kind.value == schema.medium.value)
    match schema.medium:
        case Medium.IMAGE:
            return ImageEncoder.fit(frame, column)
        case Medium.SEQUENCE:
            return SequenceEncoder.fit(frame, column, longest=coding.longest)
        case _:
            source = TextEncoder.fit(
                frame,
                column,
                units=coding.units,
                vocabulary=coding.vocabulary,
                longest=coding.longest,
            )
    if task is not Task.TRANSDUCTION:
        return source
    target = TextEncoder.fit(
        frame,
        schema.target.name,
        units=coding.written_units,
        vocabulary=coding.vocabulary,
        longest=coding.written_longest,
    )
    return PairEncoder(source=source, target=target)


def encoder_to_dict(encoder: Encoder) -> dict[str, Any]:
    """Plain values for JSON, with the encoder's kind."""
    kind = next(name for name, one in ENCODERS.items() if type(encoder) is one)
    return {"kind": kind, **encoder.to_dict()}


def encoder_from_dict(raw: Mapping[str, Any]) -> Encoder:
    """The encoder that `encoder_to_dict` wrote. Raises DataError where it is none of ours."""
    kind = raw.get("kind") if isinstance(raw, Mapping) else None
    if not isinstance(kind, str) or kind not in ENCODERS:
        raise DataError("the encoder is of no kind that this auditkit knows")
    parts = {name: value for name, value in raw.items() if name != "kind"}
    made: Encoder = ENCODERS[kind].from_dict(parts)
    return made
