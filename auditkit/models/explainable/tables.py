"""Rows of a table: each column a player, its flag of missingness with it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import Players
from auditkit.data.encoding import NEVER_SEEN, TableEncoder
from auditkit.data.values import canonical, is_number
from auditkit.models.base import fed
from auditkit.runtime import Runtime

UNKNOWN = "not known"


def columns(encoder: TableEncoder) -> Players:
    """The columns as players, in the encoder's order: numeric ones, then categorical ones."""
    numeric = torch.arange(len(encoder.numeric))[None]
    categorical = len(encoder.numeric) + torch.arange(len(encoder.categorical))[None]
    return Players(masks=(numeric, numeric, categorical), names=(encoder.names,))


def table_baselines(
    encoder: TableEncoder, reference: pd.DataFrame | None, samples: int, runtime: Runtime
) -> Mapping[str, Baseline]:
    """typical: training medians and most frequent levels; sample: training rows; zero: no level.

    The first two need the training rows. zero has the mean of each number, which may be nobody's:
    of Adult's capital gain, 0 for nine in ten, it is 1,079, and beside that nearly half of the
    weight would be on not having gained so much.
    """
    device = runtime.resolved_device()
    numeric = torch.zeros(1, len(encoder.numeric))
    middle = [(one.median - one.mean) / one.deviation for one in encoder.numeric]
    missing = torch.zeros(1, len(encoder.numeric), dtype=torch.bool)
    nowhere = torch.full((1, len(encoder.categorical)), NEVER_SEEN)
    zero = Baseline(name="zero", rows=fed((numeric, missing, nowhere), device))
    if reference is None or not len(reference):
        return {"zero": zero}
    codes = encoder.transform(reference, "the training rows").categorical
    usual = torch.tensor([[int(np.bincount(one).argmax()) for one in codes.T]], dtype=torch.int64)
    median = torch.tensor([middle], dtype=torch.float32)
    typical = Baseline(name="typical", rows=fed((median, missing, usual.view(1, -1)), device))
    drawn = drawn_rows(reference, samples, runtime)
    held = fed(tuple(map(torch.from_numpy, encoder.arrays(drawn, "the training rows"))), device)
    return {"typical": typical, "sample": Baseline(name="sample", rows=held), "zero": zero}


def drawn_rows(reference: pd.DataFrame, samples: int, runtime: Runtime) -> pd.DataFrame:
    """As many training rows as a baseline has, drawn by the seed, in their order."""
    many = min(samples, len(reference))
    places = runtime.rng("baseline rows").choice(len(reference), size=many, replace=False)
    return reference.iloc[np.sort(places)]


def values_in_words(frame: pd.DataFrame, names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Each row's values, as they are said: "39", "Bachelors"."""
    told = [[_said(one, is_number(frame[name])) for one in frame[name]] for name in names]
    return tuple(zip(*told, strict=True)) if told else ((),) * len(frame)


def _said(value: object, number: bool) -> str:
    if pd.isna(value) or value == "":  # type: ignore[call-overload]
        return UNKNOWN
    return f"{float(value):.6g}" if number else canonical(value)  # type: ignore[arg-type]
