"""Sequences of numbers: stretches of time are players, or channels; padding is held."""

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import HELD, Players
from auditkit.data.sequences import SequenceEncoder
from auditkit.models.base import fed
from auditkit.models.explainable.tables import drawn_rows
from auditkit.runtime import Runtime


def stretches(values: Tensor, lengths: Tensor, spans: int) -> Players:
    """At most `spans` stretches of each row's own length, as equal as they go."""
    rows, steps, channels = values.shape
    place = torch.arange(steps)[None]  # (1, T)
    lengths = lengths.cpu()[:, None]
    many = lengths.clamp(max=spans)  # (B, 1)
    masks = torch.where(place < lengths, place * many // lengths, HELD)
    names = tuple(_spans(one[: int(size)]) for one, size in zip(masks, lengths, strict=True))
    masks = masks[..., None].expand(rows, steps, channels).contiguous()
    return Players(masks=(masks, torch.full((1,), HELD)), names=names)


def channels_of(values: Tensor, lengths: Tensor) -> Players:
    """Each channel a player, over the whole of each row's length."""
    rows, steps, channels = values.shape
    within = torch.arange(steps)[None] < lengths.cpu()[:, None]  # (B, T)
    masks = torch.where(within[..., None], torch.arange(channels), HELD)
    names = tuple(f"channel {i + 1}" for i in range(channels))
    return Players(masks=(masks, torch.full((1,), HELD)), names=(names,) * rows)


def sequence_baselines(
    encoder: SequenceEncoder,
    inputs: tuple[Tensor, Tensor],
    reference: pd.DataFrame | None,
    samples: int,
    runtime: Runtime,
) -> Mapping[str, Baseline]:
    """zero: each channel's training mean; sample: training rows, cut or repeated to the length."""
    values, lengths = inputs
    zero = (torch.zeros_like(values[:1]), lengths[:1])
    found = {"zero": Baseline(name="zero", rows=zero)}
    if reference is not None and len(reference):
        drawn = encoder.arrays(drawn_rows(reference, samples, runtime), "the training rows")
        others, sizes = fed(tuple(map(torch.from_numpy, drawn)), values.device)
        steps = values.shape[1]
        rows = (repeated(others, sizes, steps), torch.full_like(sizes, steps))
        found["sample"] = Baseline(name="sample", rows=rows)
    return found


def repeated(rows: Tensor, sizes: Tensor, steps: int) -> Tensor:
    """Rows (m, T, ...), of which `sizes` (m,) steps are filled, over and over for `steps` steps."""
    place = torch.arange(steps, device=rows.device)[None] % sizes[:, None]  # (m, steps)
    return rows[torch.arange(len(rows), device=rows.device)[:, None], place]


def strength(values: Tensor, players: Players) -> tuple[tuple[str, ...], ...]:
    """How far each player's numbers are from the training mean, in deviations: "1.2 away"."""
    size = players.gathered((values.abs().cpu(), torch.zeros(len(values))))
    counts = players.gathered((torch.ones_like(values.cpu()), torch.zeros(len(values))))
    far = (size / counts.clamp(min=1)).tolist()
    return tuple(
        tuple(f"{one:.1f} away" for one in row[: len(players.of(i))]) for i, row in enumerate(far)
    )


def _spans(places: Tensor) -> tuple[str, ...]:
    ends = torch.bincount(places).cumsum(0).tolist()
    starts = [0, *ends[:-1]]
    return tuple(
        f"step {end}" if end - start == 1 else f"steps {start + 1}-{end}"
        for start, end in zip(starts, ends, strict=True)
    )
