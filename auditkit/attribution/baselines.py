"""What an input is compared with: always named, since every explanation depends on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from auditkit.errors import UsageError, suggestion


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """A place to start from, or several to be averaged over.

    rows are tensors as the model takes them. Where `paired`, row i belongs to the explained row
    i (a blurred image); else each explained row is compared with all m of them.
    """

    name: str
    rows: tuple[Tensor, ...]
    paired: bool = False

    @property
    def several(self) -> bool:
        """Whether an explained row is compared with more than one."""
        return not self.paired and len(self.rows[0]) > 1

    def at(self, rows: Tensor) -> "Baseline":
        """The baseline of some explained rows, in the order of `rows` (m,)."""
        if not self.paired:
            return self
        kept = tuple(one[rows.to(one.device)] for one in self.rows)
        return Baseline(name=self.name, rows=kept, paired=True)

    def single(self, rows: int) -> tuple[Tensor, ...]:
        """One baseline for each of `rows` explained rows: its own, the only one or the first."""
        if self.paired:
            return self.rows
        return tuple(one[:1].expand(rows, *one.shape[1:]) for one in self.rows)


Given = str | Baseline | Tensor | Sequence[Tensor] | None


def zeros(inputs: tuple[Tensor, ...]) -> Baseline:
    """Zero everywhere: of standardised numbers the mean, of tokens the padding."""
    rows = tuple(
        one[:1] if one.ndim == 1 and not one.is_floating_point() else torch.zeros_like(one[:1])
        for one in inputs
    )
    return Baseline(name="zero", rows=rows)


def chosen(
    given: Given, inputs: tuple[Tensor, ...], known: Mapping[str, Baseline] | None = None
) -> Baseline:
    """The baseline that a caller means: by name, as tensors of 1, m or B rows, or by default.

    Raises UsageError for a name that is not known and for tensors of other shapes.
    """
    named = {"zero": zeros(inputs), **(known or {})}
    if given is None:
        return next(iter(known.values())) if known else named["zero"]
    if isinstance(given, Baseline):
        found = given
    elif isinstance(given, str):
        if given not in named:
            raise UsageError(f"no baseline {given!r}; {suggestion(given, named)}")
        found = named[given]
    else:
        rows = (given,) if isinstance(given, Tensor) else tuple(given)
        found = Baseline(name="given", rows=rows)
    _require_fit(found, inputs)
    return found


def _require_fit(found: Baseline, inputs: tuple[Tensor, ...]) -> None:
    shapes = [tuple(one.shape[1:]) for one in found.rows]
    wanted = [tuple(one.shape[1:]) for one in inputs]
    if shapes != wanted:
        raise UsageError(
            f"a baseline of shape {shapes} for inputs of shape {wanted}: give one tensor for "
            "each input, rows first"
        )
    if len({len(one) for one in found.rows}) > 1 or not len(found.rows[0]):
        raise UsageError("a baseline's tensors have different numbers of rows, or none")
    if found.paired and len(found.rows[0]) != len(inputs[0]):
        raise UsageError(
            f"{len(found.rows[0])} paired baselines for {len(inputs[0])} rows: give one a row"
        )
