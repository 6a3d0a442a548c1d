"""Which numbers of a row are taken in and out together: the players of a game.

A column of a table with its flag of missingness, a word of several tokens, a patch of an image, a
stretch of time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from auditkit.errors import UsageError

HELD = -1  # what no player moves: lengths, a padding's tokens, what was written so far


@dataclass(frozen=True, kw_only=True, eq=False)
class Players:
    """masks say of each input whose number it is: a player from 0 on, or HELD.

    A mask has the input's shape with 1 row, where all rows have the same players, or a row for
    each. names are those of the players, one tuple for all rows or one for each row.
    """

    masks: tuple[Tensor, ...]
    names: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        most = max((int(one.max()) + 1 for one in self.masks if one.numel()), default=0)
        if most > max(map(len, self.names), default=0):
            raise UsageError(
                f"the masks speak of {most} players and there are "
                f"{max(map(len, self.names), default=0)} names: name each"
            )

    @property
    def shared(self) -> bool:
        """Whether all rows have the same players."""
        return len(self.names) == 1

    @property
    def most(self) -> int:
        """How many players the row with most has."""
        return max(map(len, self.names), default=0)

    def of(self, row: int) -> tuple[str, ...]:
        """The names of a row's players."""
        return self.names[0 if self.shared else row]

    def at(self, rows: Tensor) -> "Players":
        """The players of some rows, in the order of `rows` (m,)."""
        if self.shared and all(len(one) == 1 for one in self.masks):
            return self
        masks = tuple(one if len(one) == 1 else one[rows.to(one.device)] for one in self.masks)
        names = self.names if self.shared else tuple(self.names[int(row)] for row in rows)
        return Players(masks=masks, names=names)

    def gathered(self, values: tuple[Tensor, ...]) -> Tensor:
        """The sum of each player's numbers, (B, most) float64; values have the inputs' shapes."""
        rows = len(values[0])
        total = torch.zeros(rows, self.most, dtype=torch.float64)
        for one, mask in zip(values, self.masks, strict=True):
            places = mask.expand(rows, *one.shape[1:]).reshape(rows, -1).cpu()
            kept = places != HELD
            total.scatter_add_(
                1,
                places.clamp(min=0),
                torch.where(kept, one.detach().reshape(rows, -1).cpu().double(), 0.0),
            )
        return total

    def spread(self, values: Tensor) -> tuple[Tensor, ...]:
        """Each player's number (B, most) at every place that is its own; 0 where it is held.

        The place of a player with several gets an equal part, so that `gathered` gives the
        player's number back.
        """
        counts = self.gathered(
            tuple(torch.ones(len(values), *one.shape[1:]) for one in self.masks)
        ).clamp(min=1)
        each = values.detach().cpu().double() / counts
        found = []
        for mask in self.masks:
            places = mask.expand(len(values), *mask.shape[1:]).reshape(len(values), -1).cpu()
            filled = each.gather(1, places.clamp(min=0)).masked_fill(places == HELD, 0.0)
            found.append(filled.view(len(values), *mask.shape[1:]))
        return tuple(found)


def each_number(inputs: tuple[Tensor, ...]) -> Players:
    """Every number of a row a player of its own; one whole number a row (a length) is held."""
    masks, names, start = [], [], 0
    for place, one in enumerate(inputs):
        shape = (1, *one.shape[1:])
        if one.ndim == 1 and not one.is_floating_point():
            masks.append(torch.full(shape, HELD))
            continue
        size = one[:1].numel()
        masks.append(torch.arange(start, start + size).view(shape))
        names += [f"input {place + 1}, number {i + 1}" for i in range(size)]
        start += size
    return Players(masks=tuple(masks), names=(tuple(names),))
