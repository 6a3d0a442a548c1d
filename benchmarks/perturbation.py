"""Perturbation methods beside the bare forward passes they need, and beside captum.

    python -m benchmarks.perturbation

A network on 24 columns and 256 rows, and a small convolutional one on 32 images of 28x28. The
bare passes send as many rows as the method needs through the model, already made, in passes of
the size that the method itself chooses. captum is run with one perturbation a pass, which is its
default, and with the best of some numbers. All run on one thread, rounds are interleaved and
times are those of the processor; read the ratios.
"""

import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.attribution import attribute
from auditkit.attribution.memory import rows_forward
from auditkit.runtime import Runtime

ROUNDS = 5
BEST_OF = (8, 32, 128)
Task = Callable[[], object]


def networks() -> dict[str, tuple[nn.Module, Tensor]]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        columns = nn.Sequential(
            nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
        )
        images = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 49, 10),
        )
        return {
            "24 columns, 256 rows": (columns.eval(), torch.randn(256, 24)),
            "32 images": (images.eval(), torch.randn(32, 1, 28, 28)),
        }


def bare(model: nn.Module, rows: Tensor, needed: int) -> Task:
    """As many rows through the model as a method needs, and nothing else."""

    def forward(n: int) -> Tensor:
        return model(rows[torch.arange(n) % len(rows)])

    size = rows_forward(forward, Runtime().memory, Runtime().batch_size)
    whole = rows[torch.arange(min(size, needed)) % len(rows)]

    @torch.no_grad()
    def run() -> None:
        for start in range(0, needed, size):
            model(whole[: min(size, needed - start)])

    return run


def captum(method: str, model: nn.Module, rows: Tensor, at_once: int) -> Task:
    from captum import attr

    @torch.no_grad()
    def run() -> Tensor:
        if method == "feature_ablation":
            return attr.FeatureAblation(model).attribute(
                rows, target=1, perturbations_per_eval=at_once
            )
        if method == "occlusion":
            return attr.Occlusion(model).attribute(
                rows, (1, 7, 7), strides=(1, 3, 3), target=1, perturbations_per_eval=at_once
            )
        if method == "lime":
            return attr.Lime(model).attribute(
                rows[:1], target=1, n_samples=1024, perturbations_per_eval=at_once
            )
        with torch.random.fork_rng():
            return attr.ShapleyValueSampling(model).attribute(
                rows, target=1, n_samples=42, perturbations_per_eval=at_once
            )

    return run


CASES: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("24 columns, 256 rows", "feature_ablation", {}),
    ("24 columns, 256 rows", "lime", {}),
    ("24 columns, 256 rows", "shapley_sampling", {"evaluations": 1024}),
    ("24 columns, 256 rows", "kernel_shap", {"evaluations": 1024}),
    ("32 images", "feature_ablation", {}),
    ("32 images", "occlusion", {"window": 7, "stride": 3}),
)


def seconds(task: Task) -> float:
    start = time.process_time()
    task()
    return time.process_time() - start


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    given = networks()
    for where, method, options in CASES:
        model, rows = given[where]

        def ours(method=method, model=model, rows=rows, options=options):  # type: ignore[no-untyped-def]
            return attribute(method, model, rows, 1, **options)

        needed = ours().forward
        tasks: dict[str, Task] = {"bare": bare(model, rows, needed), "auditkit": ours}
        taken: dict[str, list[float]] = {name: [] for name in tasks}
        for task in tasks.values():
            task()
        for _ in range(ROUNDS):
            for name, task in tasks.items():
                taken[name].append(seconds(task))
        least = {name: statistics.median(times) for name, times in taken.items()}
        ratios = sorted(a / b for a, b in zip(taken["auditkit"], taken["bare"], strict=True))
        print(
            f"{method}, {where}: {needed:,} rows, bare {least['bare']:.3f} s, auditkit "
            f"{least['auditkit']:.3f} s, {statistics.median(ratios):.2f} times "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
        if method == "kernel_shap":
            continue
        rows_of = 1 if method == "lime" else len(rows)
        one = seconds(captum(method, model, rows, 1)) * len(rows) / rows_of
        many = min(seconds(captum(method, model, rows, n)) for n in BEST_OF)
        many *= len(rows) / rows_of
        print(
            f"    captum, one perturbation a pass {one:.2f} s ({one / least['auditkit']:.1f} "
            f"times auditkit), at best {many:.2f} s ({many / least['auditkit']:.1f} times)"
        )


if __name__ == "__main__":
    main()
