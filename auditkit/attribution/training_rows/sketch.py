"""Gradients made short by a random projection that keeps their products on average."""

import torch
from torch import Tensor

from auditkit.errors import UsageError


class Sketch:
    """Vectors (n, P) to (n, size): each number goes to a random place with a random sign.

    The product of two sketches is that of the vectors on average; its variance is at most
    (|x|^2 |y|^2 + (x y)^2) / size. P + P numbers are kept, and no matrix.

    Charikar, Chen & Farach-Colton 2002, "Finding Frequent Items in Data Streams"; Weinberger et
    al. 2009, "Feature Hashing for Large Scale Multitask Learning".
    """

    def __init__(self, length: int, size: int, generator: torch.Generator) -> None:
        if size < 1:
            raise UsageError(f"a sketch of {size} numbers: give 1 or more")
        self.size = size
        self._place = torch.randint(size, (length,), generator=generator)
        self._sign = torch.randint(2, (length,), generator=generator).double() * 2 - 1

    def of(self, vectors: Tensor) -> Tensor:
        """The sketches (n, size) of vectors (n, P) float64."""
        found = torch.zeros(len(vectors), self.size, dtype=torch.float64)
        return found.index_add_(1, self._place, vectors * self._sign)

    def error(self, products: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """Standard errors of products (m, n) of sketches, from squared lengths (m,) and (n,)."""
        return ((left[:, None] * right[None] + products.square()) / self.size).sqrt()
