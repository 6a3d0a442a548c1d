"""Influence through all weights of a network: what the last layer alone cannot tell.

A network's loss is not convex in its weights. The Gauss-Newton form J' B J, with J the outputs'
derivatives by the weights and B the loss's bend by the outputs, is never negative, and is the
Hessian where the outputs are linear in the weights; with the Hessian itself, enough damping must
be given. Neither is written down: equations are solved by conjugate gradients, a pass over the
training rows for each step.

Koh & Liang 2017; Martens 2010, "Deep learning via Hessian-free optimization"; Grosse et al. 2023,
"Studying Large Language Model Generalization with Influence Functions".
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from auditkit.attribution.training_rows.curvature import DAMPING, conjugate_gradients
from auditkit.attribution.training_rows.gradients import MEGABYTES, RowGradients, Rows
from auditkit.attribution.training_rows.losses import RowLoss
from auditkit.errors import UsageError

AT_ONCE = 512  # training rows a pass
PROBES = 8  # random vectors by which the curvature's mean diagonal is estimated
STEPS = 500

Form = Literal["gauss-newton", "hessian"]


def network_influence(
    model: nn.Module,
    train: Rows,
    explained: Rows,
    loss: RowLoss,
    *,
    damping: float = DAMPING,
    form: Form = "gauss-newton",
    below: str = "",
    tolerance: float = 1e-4,
    generator: torch.Generator | None = None,
    megabytes: int = MEGABYTES,
) -> Tensor:
    """What leaving out each training row adds to the loss on m rows, (m, n), to first order.

    The network must answer with logits or numbers. damping is a share of the curvature's mean
    diagonal, which a few random vectors estimate; below names a module whose weights alone are
    looked at; tolerance is what conjugate gradients may leave. The model is not touched. Raises
    ModelError where the curvature is found not to be positive.
    """
    gradients = RowGradients(model, loss, below=below, megabytes=megabytes)
    bend = _Bend(gradients, train, loss, form)
    drawn = generator or torch.Generator().manual_seed(0)
    ridge = damping * _mean_diagonal(bend, drawn)
    wanted = torch.cat(list(gradients.blocks(explained)))
    turned = conjugate_gradients(
        lambda vectors: bend(vectors) + ridge * vectors, wanted, tolerance=tolerance, steps=STEPS
    )
    found = [turned @ block.T for block in gradients.blocks(train)]
    return torch.cat(found, dim=1)


class _Bend:
    """The summed curvature of the training rows, times vectors (c, P) float64."""

    def __init__(self, gradients: RowGradients, train: Rows, loss: RowLoss, form: Form) -> None:
        times: dict[str, Callable[[Rows, Tensor], Tensor]] = {
            "gauss-newton": self._gauss_newton,
            "hessian": self._hessian,
        }
        if form not in times:
            raise UsageError(f"no form {form!r}; there are {', '.join(times)}")
        self.gradients, self.train, self.loss, self._times = gradients, train, loss, times[form]

    def __call__(self, vectors: Tensor) -> Tensor:
        found = torch.zeros_like(vectors)
        # Twice differentiated: the fused kernels of attention and cuDNN's of recurrence cannot.
        with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
            for start in range(0, len(self.train), AT_ONCE):
                rows = self.train.at(slice(start, start + AT_ONCE))
                for i, vector in enumerate(vectors):
                    found[i] += self._times(rows, vector)
        return found

    def _gauss_newton(self, rows: Rows, vector: Tensor) -> Tensor:
        outputs = self.gradients.model(*rows.inputs)
        outputs = outputs.reshape(len(rows), -1)  # (n, K)
        # J v as the derivative of J' u by u: layers without a forward mode have this as well.
        pull = torch.zeros_like(outputs, requires_grad=True)
        back = torch.autograd.grad(outputs, self.weights, pull, create_graph=True)
        (moved,) = torch.autograd.grad(back, pull, self._cut(vector, outputs))
        bent = self.loss.bent(outputs.detach(), moved[:, :, None])[:, :, 0]
        return self._joined(torch.autograd.grad(outputs, self.weights, bent))

    def _hessian(self, rows: Rows, vector: Tensor) -> Tensor:
        cost = self.loss(self.gradients.model(*rows.inputs), rows.targets).sum()
        back = torch.autograd.grad(cost, self.weights, create_graph=True)
        return self._joined(torch.autograd.grad(back, self.weights, self._cut(vector, cost)))

    @property
    def weights(self) -> list[nn.Parameter]:
        """What is differentiated by."""
        every = dict(self.gradients.model.named_parameters())
        return [every[name] for name in self.gradients.names]

    def _cut(self, vector: Tensor, like: Tensor) -> list[Tensor]:
        parts = torch.split(vector.to(like), [one.numel() for one in self.weights])
        return [part.view_as(one) for part, one in zip(parts, self.weights, strict=True)]

    def _joined(self, parts: tuple[Tensor, ...]) -> Tensor:
        return torch.cat([one.flatten() for one in parts]).to("cpu", torch.float64)


def _mean_diagonal(bend: _Bend, generator: torch.Generator) -> float:
    """Hutchinson 1989: the mean of v' H v over signs at random is the trace."""
    signs = torch.randint(2, (PROBES, bend.gradients.size), generator=generator).double() * 2 - 1
    return float((signs * bend(signs)).sum(dim=1).mean()) / bend.gradients.size
