"""What an eraser is fitted from: means and covariances, summed batch by batch."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from auditkit.errors import DataError
from auditkit.models.transformer.blocks import present

Places = slice


@dataclass(kw_only=True)
class Whitening:
    """The mean (d,) of activations, their whitening and its inverse, (d, d) float64.

    Directions in which nothing varies are left out of both.
    """

    mean: Tensor
    whiten: Tensor
    colour: Tensor
    basis: Tensor  # (d, rank), orthonormal: what varies at all


@dataclass(kw_only=True)
class Moments:
    """Sums of activations (a row's mean over its steps) and of what is to be erased.

    They are kept by part, so that one can be left out of a fit and what the eraser does is measured
    there, and by stratum (the classes of the target), so that means within it can be taken out.
    """

    parts: int = 1
    strata: int = 1
    _sums: dict[str, Tensor] = field(default_factory=dict)
    _known: dict[int | None, Whitening] = field(default_factory=dict)

    def add(
        self,
        numbers: Tensor,
        concepts: Tensor,
        *,
        part: Tensor | None = None,
        stratum: Tensor | None = None,
        lengths: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> None:
        """Take in n rows of what a layer gave, and of what is to be erased, (n, k).

        Each row counts once (or weights (n,)) with the mean of its steps or places: that is what
        probes read. An affine map of each step is the same map of their mean.
        """
        steps, shares = _steps(numbers, lengths)  # (n, T, d), (n, T)
        _require_finite(steps, shares)
        n = len(steps)
        z = concepts.double().cpu()
        w = torch.ones(n, dtype=torch.float64) if weights is None else weights.double().cpu()
        where = _zeros(n) if part is None else part.cpu()
        cell = where * self.strata + (_zeros(n) if stratum is None else stratum.cpu())
        if not self._sums:
            self._begin(steps, shares, z.shape[1])
        self._known.clear()
        steps = torch.where(shares[..., None] > 0, steps - self._sums["origin"], 0)
        means = (steps * shares[..., None]).sum(dim=1)  # (n, d)
        x = means * w[:, None]
        self._sums["n"].index_add_(0, cell, w)
        self._sums["x"].index_add_(0, cell, x)
        self._sums["z"].index_add_(0, cell, z * w[:, None])
        self._sums["zz"].index_add_(0, cell, z**2 * w[:, None])
        for one in sorted(set(cell.tolist())):
            rows = cell == one
            self._sums["xz"][one] += x[rows].T @ z[rows]
        for one in sorted(set(where.tolist())):
            rows = where == one
            self._sums["xx"][one] += means[rows].T @ x[rows]

    def _begin(self, steps: Tensor, shares: Tensor, concepts: int) -> None:
        d, cells = steps.shape[-1], self.parts * self.strata
        # Sums are taken from near the mean, so that a far origin costs no digits.
        inside = torch.where(shares[..., None] > 0, steps, 0) * shares[..., None]
        self._sums["origin"] = inside.sum(dim=1).mean(dim=0)
        shapes = {"n": (), "x": (d,), "z": (concepts,), "zz": (concepts,), "xz": (d, concepts)}
        for name, shape in shapes.items():
            self._sums[name] = torch.zeros((cells, *shape), dtype=torch.float64)
        self._sums["xx"] = torch.zeros((self.parts, d, d), dtype=torch.float64)

    def whitening(self, without: int | None = None) -> Whitening:
        """The whitening of all rows but one part's."""
        if without not in self._known:
            n, x = self._total("n", without), self._total("x", without)
            kept = [part for part in range(self.parts) if part != without]
            mean = x / n
            covariance = self._sums["xx"][kept].sum(dim=0) / n - torch.outer(mean, mean)
            self._known[without] = _whitening(mean + self._sums["origin"], covariance)
        return self._known[without]

    def cross(self, concepts: Places, *, given: bool, without: int | None = None) -> Tensor:
        """Covariance (d, k) with some of the concepts; given the stratum, pooled over strata."""
        cells = {name: self._cells(name, without) for name in ("n", "x", "z", "xz")}
        if not given:
            cells = {name: one.sum(dim=0, keepdim=True) for name, one in cells.items()}
        return _cross(cells, concepts)

    def cross_of(self, concepts: Places, part: int) -> Tensor:
        """The same, given the stratum, of one part alone."""
        first, last = part * self.strata, (part + 1) * self.strata
        cells = {name: self._sums[name][first:last] for name in ("n", "x", "z", "xz")}
        return _cross(cells, concepts)

    def size(self, concepts: Places, without: int | None = None) -> float:
        """The root mean square of the largest concept: what a covariance is small against."""
        squares = self._total("zz", without)[concepts] / self._total("n", without)
        return float(squares.max().sqrt())

    def _cells(self, name: str, without: int | None) -> Tensor:
        """(strata, ...), summed over all parts but one."""
        sums = self._sums[name]
        parts = sums.reshape(self.parts, self.strata, *sums.shape[1:])
        kept = [part for part in range(self.parts) if part != without]
        return parts[kept].sum(dim=0)

    def _total(self, name: str, without: int | None) -> Tensor:
        return self._cells(name, without).sum(dim=0)


def _cross(cells: dict[str, Tensor], concepts: Places) -> Tensor:
    n, x, z = cells["n"], cells["x"], cells["z"][:, concepts]
    between = x[:, :, None] * z[:, None, :] / n.clamp(min=1e-300)[:, None, None]
    return (cells["xz"][:, :, concepts] - between).sum(dim=0) / n.sum()


def _whitening(mean: Tensor, covariance: Tensor) -> Whitening:
    values, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)
    top = float(values[-1].clamp(min=0))
    if top == 0:
        raise DataError("the activations are the same on every row: nothing can be erased there")
    floor = top * len(values) * torch.finfo(torch.float64).eps
    basis, sizes = vectors[:, values > floor], values[values > floor].sqrt()
    return Whitening(
        mean=mean,
        whiten=(basis / sizes) @ basis.T,
        colour=(basis * sizes) @ basis.T,
        basis=basis,
    )


def _steps(numbers: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """What a layer gave as (n, T, d) float64, and each step's share of its row, (n, T)."""
    if numbers.ndim == 4:
        numbers, lengths = numbers.flatten(2).transpose(1, 2), None
    if numbers.ndim == 2:
        numbers, lengths = numbers[:, None], None
    if numbers.ndim != 3:
        raise DataError(
            f"a layer gave {tuple(numbers.shape)}: erasing takes (n, d), (n, steps, d) and "
            "(n, channels, height, width)"
        )
    steps = numbers.detach().double().cpu()
    n, most = steps.shape[:2]
    ends = torch.full((n,), most) if lengths is None else lengths.cpu().clamp(max=most)
    shares = present(ends, most) / ends[:, None].double()
    return steps, shares


def _require_finite(steps: Tensor, shares: Tensor) -> None:
    wrong = (~torch.isfinite(steps) & (shares[..., None] > 0)).flatten(1).any(dim=1)
    if bool(wrong.any()):
        raise DataError(
            f"row {int(wrong.int().argmax()) + 1} of the activations holds NaN or infinity "
            f"({int(wrong.sum())} of {len(steps)} rows do): find the layer where they begin"
        )


def _zeros(n: int) -> Tensor:
    return torch.zeros(n, dtype=torch.int64)
