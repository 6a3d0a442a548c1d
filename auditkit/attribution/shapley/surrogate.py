"""A simple function fitted to some answers, whose Shapley values are known in closed form.

Only what a game does differently for a coalition and its complement counts for Shapley values.
With s_i = +1 for a player that is in and -1 for one that is out,

    D(S) = v(S) - v(complement) = sum_i a_i s_i + sum_{i<j<l} b_ijl s_i s_j s_l + ...

has odd terms alone; interactions of two cancel. A term of three is worth b / 3 to each of its
players, so that phi_i = a_i + (1/3) sum_{jl} b_ijl.
"""

import math

import torch
from torch import Tensor

FIRM = 1e-6  # the noise of the whole coalition's answer, which is known
RIDGE = 1e-5
BLOCK = 4096  # coalitions predicted at once


def fitted(
    train: Tensor, values: Tensor, total: Tensor, ask: Tensor, *, triples: float
) -> tuple[Tensor, Tensor]:
    """Fit D to values (t, B) of coalitions train (t, k): predictions (q, B) of ask, phi (k, B).

    The a_i are free; the b_ijl are drawn together, from a normal law that gives all triples a
    variance of `triples` times that of what is left over (a Gaussian process whose covariance
    is the third elementary symmetric polynomial). total (B,) is D of all players, which is met.
    """
    k = train.shape[1]
    signs = _signs(torch.cat([train, torch.ones_like(train[:1])]))  # (t + 1, k)
    seen = torch.cat([values, total[None]])  # (t + 1, B)
    noise = torch.ones(len(signs), dtype=torch.float64, device=signs.device)
    noise[-1] = FIRM
    spread = triples * _third(signs @ signs.T, k) if triples else torch.zeros_like(noise).diag()
    factor = torch.linalg.cholesky(spread + noise.diag()) if triples else noise.sqrt()
    # k more rows that ask for slopes near 0 settle what too few coalitions leave open.
    ridge = RIDGE * torch.eye(k, dtype=torch.float64, device=signs.device)
    q, r = torch.linalg.qr(torch.cat([_solved(factor, signs), ridge]))
    whitened = torch.nn.functional.pad(_solved(factor, seen), (0, 0, 0, k))
    slopes = torch.linalg.solve_triangular(r, q.T @ whitened, upper=True)  # the a_i, (k, B)
    asked = _signs(ask)
    if not triples:
        return asked @ slopes, slopes
    left = torch.cholesky_solve(seen - signs @ slopes, factor)  # (t + 1, B)
    predicted = asked @ slopes
    for part, some in zip(torch.split(predicted, BLOCK), torch.split(asked, BLOCK), strict=True):
        part += triples * _third(some @ signs.T, k) @ left
    others = signs.sum(dim=1, keepdim=True) - signs
    pairs = signs * (others**2 - (k - 1)) / 2  # sum over j < l of t_i t_j t_l
    shares = triples / math.comb(k, 3) / 3 * pairs.T @ left
    return predicted, slopes + shares


def _signs(coalitions: Tensor) -> Tensor:
    return coalitions.double() * 2 - 1


def _third(products: Tensor, k: int) -> Tensor:
    """e3 of s_i t_i from their sum, 1 where both coalitions are the same."""
    found: Tensor = (products * products - (3 * k - 2)) * products / (6 * math.comb(k, 3))
    return found


def _solved(factor: Tensor, right: Tensor) -> Tensor:
    if factor.ndim == 1:
        return right / factor[:, None]
    found: Tensor = torch.linalg.solve_triangular(factor, right, upper=False)
    return found
