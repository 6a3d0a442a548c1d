"""Sampled Shapley values of 24 features and 64 rows: auditkit beside captum and shap.

    python -m benchmarks.shapley [--quick]

The model is a network of two layers of 64, trained on a planted function. Each sampler is run at
some budgets; an error is the root mean square distance from values whose own standard errors are
far smaller (checked against all 2^24 coalitions of one row). "At equal error" is the time of a
peer over that of the cheapest of our budgets that is no worse than it. Nothing is enumerated:
`whole=False` keeps auditkit from taking small sizes of coalitions whole, which shap does, and
which we do by default; both are shown. All run on one thread, and times are
those of the processor, which others on the machine change little. A peer that cannot be imported
is skipped.
"""

import argparse
import contextlib
import io
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.attribution import attribute
from auditkit.runtime import Runtime

FEATURES, ROWS, ROUNDS = 24, 64, 3
BUDGETS = (128, 192, 256, 384, 512, 1024, 2048, 4096, 8192)
TRUTH = 2**17
SLOW = 5.0  # seconds from which on a sampler is run once
Sampler = Callable[[nn.Module, Tensor, Tensor, int, int], np.ndarray]


@dataclass(frozen=True)
class Measured:
    """One sampler at one budget of coalitions a row."""

    budget: int
    error: float
    seconds: float


def planted() -> tuple[nn.Module, Tensor, Tensor]:
    """The network, the rows and a baseline of zeros."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x = torch.randn(8192, FEATURES)
        y = 2 * torch.sin(x[:, 0] * x[:, 1]) + x[:, 2] * x[:, 3] * x[:, 4] + x[:, 5:12].sum(1)
        y = y + 2 * (x[:, 12] > 0) * x[:, 13] + x[:, 14:20].abs().amax(dim=1)
        model = nn.Sequential(
            nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(60):
            for part in torch.randperm(len(x)).split(512):
                loss = (model(x[part])[:, 0] - y[part]).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return model.eval(), torch.randn(ROWS, FEATURES), torch.zeros(1, FEATURES)


def ours(method: str, **options: bool) -> Sampler:
    def run(model: nn.Module, rows: Tensor, base: Tensor, budget: int, seed: int) -> np.ndarray:
        found = attribute(
            method,
            model,
            rows,
            baselines=base,
            evaluations=budget,
            runtime=Runtime(seed=seed),
            **options,
        )
        return found.value.numpy()

    return run


def captum_kernel(
    model: nn.Module, rows: Tensor, base: Tensor, budget: int, seed: int, *, at_once: int = 1
) -> np.ndarray:
    from captum.attr import KernelShap

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = KernelShap(model).attribute(
            rows, base, target=0, n_samples=budget, perturbations_per_eval=at_once
        )
    return found.detach().numpy()


def captum_batched(
    model: nn.Module, rows: Tensor, base: Tensor, budget: int, seed: int
) -> np.ndarray:
    from captum.attr import ShapleyValueSampling

    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        found = ShapleyValueSampling(model).attribute(
            rows,
            base,
            target=0,
            n_samples=max(1, budget // FEATURES),
            perturbations_per_eval=64,  # of 64 rows each: 4,096 a pass, as ours
        )
    return found.detach().numpy()


def shap_kernel(model: nn.Module, rows: Tensor, base: Tensor, budget: int, seed: int) -> np.ndarray:
    import shap

    def answers(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(np.asarray(x, dtype=np.float32)))[:, 0].numpy()

    state = np.random.get_state()  # noqa: NPY002 (it draws from the global generator)
    np.random.seed(seed)  # noqa: NPY002
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            explainer = shap.KernelExplainer(answers, base.numpy())
            found = explainer.shap_values(rows.numpy(), nsamples=budget, l1_reg=False, silent=True)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    return np.asarray(found).reshape(len(rows), FEATURES)


OURS: dict[str, Sampler] = {
    "kernel_shap": ours("kernel_shap"),
    "kernel_shap, nothing enumerated": ours("kernel_shap", whole=False),
    "shapley_sampling": ours("shapley_sampling"),
}


def batched_kernel(*given: object) -> np.ndarray:
    return captum_kernel(*given, at_once=1024)  # type: ignore[arg-type]


PEERS: dict[str, tuple[Sampler, tuple[int, ...]]] = {
    "captum KernelShap": (captum_kernel, (512,)),
    "captum KernelShap, 1,024 at once": (batched_kernel, (512,)),
    "captum ShapleyValueSampling, 64 at once": (captum_batched, (480, 1920, 3840)),
    "shap KernelExplainer": (shap_kernel, (512, 2096, 4096)),
}


def measured(
    sampler: Sampler,
    given: tuple[nn.Module, Tensor, Tensor],
    budget: int,
    truth: np.ndarray,
    rounds: int,
) -> Measured:
    errors, times = [], []
    for seed in range(rounds):
        start = time.process_time()
        found = sampler(*given, budget, seed)
        times.append(time.process_time() - start)
        errors.append(float(((found - truth) ** 2).mean()))
        if times[-1] > SLOW:
            break
    return Measured(budget, float(np.sqrt(np.mean(errors))), statistics.median(times))


def truth_of(given: tuple[nn.Module, Tensor, Tensor], budget: int) -> np.ndarray:
    """Values with small standard errors, those of the first row beside all 2^24 coalitions."""
    model, rows, base = given
    found = attribute("kernel_shap", model, rows, baselines=base, evaluations=budget)
    assert found.errors is not None
    error = found.errors[0]
    if budget == TRUTH:
        exact = attribute("shapley", model, rows[:1], baselines=base, exact=2**FEATURES)
        away = float(((found.value[:1] - exact.value) / error[:1]).pow(2).mean().sqrt())
        print(f"truth: {away:.2f} of its standard errors from all {2**FEATURES:,} coalitions")
    print(f"truth: root mean square standard error {float(error.pow(2).mean().sqrt()):.2e}")
    return found.value.numpy()


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small budgets, a rough truth")
    quick = parser.parse_args().quick
    given = planted()
    truth = truth_of(given, 2**14 if quick else TRUTH)
    budgets = BUDGETS[:4] if quick else BUDGETS
    rounds = 1 if quick else ROUNDS
    found: dict[str, list[Measured]] = {}
    for name, sampler in OURS.items():
        sampler(*given, 512, 0)  # what is slow the first time
        found[name] = [
            measured(sampler, given, n, truth, rounds)
            for n in budgets
            if n >= 400 or "kernel" in name
        ]
        tell(name, found[name])
    for name, (sampler, theirs) in PEERS.items():
        try:
            many = [measured(sampler, given, n, truth, rounds) for n in theirs[: 1 if quick else 9]]
        except ImportError as error:
            print(f"{name} is skipped: {error}")
            continue
        tell(name, many)
        compare(many, found)


def tell(name: str, measured: list[Measured]) -> None:
    print(name)
    for one in measured:
        print(f"  {one.budget:>6,} coalitions a row: error {one.error:.5f}, {one.seconds:.3f} s")


def compare(theirs: list[Measured], found: dict[str, list[Measured]]) -> None:
    for name in list(OURS)[:2]:
        for one in theirs:
            enough = [ours for ours in found[name] if ours.error <= one.error]
            same = min(found[name], key=lambda ours: abs(ours.budget - one.budget))
            if enough:
                best = min(enough, key=lambda ours: ours.seconds)
                print(
                    f"    {name}, at the error of {one.budget:,}: {one.seconds / best.seconds:,.1f}"
                    f" times faster ({best.budget:,} coalitions, {best.seconds:.3f} s); error at "
                    f"{same.budget:,} coalitions {same.error / one.error:.2f} of it"
                )
            else:
                print(f"    {name} does not reach the error of {one.budget:,}")


if __name__ == "__main__":
    main()
