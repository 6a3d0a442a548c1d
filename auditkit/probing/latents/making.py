"""A generator with latent vectors drawn for it, and what its images are like."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.errors import DataError, ModelError
from auditkit.probing.latents.attributes import Attributes
from auditkit.runtime import Runtime

AT_ONCE = 256  # images
LEAST = 1e-9  # the spread below which an attribute does not vary


@dataclass(frozen=True, kw_only=True, eq=False)
class Making:
    """A generator (n, z) -> images (n, C, H, W) in [0, 1], and how its images are looked at.

    classes is how many classes a conditional one is told besides, 0 for one that is told none:
    they are dealt in turn. size is z; latent vectors are standard normal.
    """

    generator: nn.Module
    size: int
    attributes: Attributes
    classes: int
    runtime: Runtime

    def drawn(self, n: int, purpose: str) -> Tensor:
        """n latent vectors (n, z) for a purpose, the same on every device."""
        numbers = self.runtime.rng(f"latents {purpose}").standard_normal((n, self.size))
        return torch.from_numpy(numbers.astype(np.float32)).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the generator is."""
        return next(self.generator.parameters()).device

    def images(self, latents: Tensor) -> Tensor:
        """The images of latent vectors. Raises ModelError where they are none."""
        return torch.cat(list(self._made(latents)))

    def looked_at(
        self, latents: Tensor, within: AbstractContextManager[None] | None = None
    ) -> pd.DataFrame:
        """The attributes of each vector's image; `within` is open while images are made."""
        with at_rest(self.generator), within or nullcontext():
            parts = [self.attributes(one) for one in self._made(latents)]
        found = pd.concat(parts, ignore_index=True)
        if not np.isfinite(found.to_numpy(float)).all():
            name = found.columns[~np.isfinite(found.to_numpy(float)).all(axis=0)][0]
            raise DataError(f"attribute {name!r} of the made images is NaN or infinite")
        return found

    def _made(self, latents: Tensor) -> Iterator[Tensor]:
        dealt = torch.arange(len(latents), device=self.device)
        told = [dealt % self.classes] if self.classes else []
        for part in torch.split(dealt, AT_ONCE):
            with torch.no_grad():
                made = self.generator(latents[part], *(one[part] for one in told))
            if not isinstance(made, Tensor) or made.ndim != 4 or len(made) != len(part):
                seen = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
                raise ModelError(
                    f"the generator gives {seen} for {len(part)} latent vectors: it must give "
                    "images (n, channels, height, width)"
                )
            yield made


def made_by(
    generator: nn.Module,
    size: int,
    attributes: Attributes,
    *,
    classes: int = 0,
    runtime: Runtime | None = None,
) -> Making:
    """A generator of latent vectors of this size, and what its images are asked for."""
    return Making(
        generator=generator,
        size=size,
        attributes=attributes,
        classes=classes,
        runtime=runtime or Runtime(),
    )


def spread_of(table: pd.DataFrame) -> pd.Series:
    """The standard deviation of each attribute that varies. Raises DataError where none does."""
    spread = table.std(ddof=1)
    varying = spread[spread > LEAST * (1 + table.abs().max())]
    if varying.empty:
        raise DataError("the made images are all alike: no attribute of them varies")
    return varying
