"""Integrated gradients beside the bare passes they need, and their memory beside captum's.

    python -m benchmarks.attribution_gradients

A convolutional network of ours reads 8 images of 64 x 64. Time: 32 gradients a row, as
`auditkit.attribution` takes them and as a plain loop takes them, in batches of the same size;
rounds are interleaved. Memory: what a process of its own grows by, by default, beside captum's
default of 50 gradients a row in one batch. Linux; a minute or two; read the ratios.
"""

import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import captum
import torch
from captum.attr import IntegratedGradients

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.attribution import attribute
from auditkit.attribution.base import question_of
from auditkit.attribution.question import at_rest
from auditkit.data.schema import Task
from auditkit.models.base import Head
from auditkit.models.cnn import CNN
from auditkit.runtime import Runtime

ROUNDS, STEPS, TARGET = 5, 32, 3


def network() -> tuple[CNN, torch.Tensor]:
    """The network and its images, the same in each process."""
    torch.manual_seed(0)
    model = CNN((0.5,) * 3, (0.25,) * 3, Head(task=Task.CLASSES, size=10)).eval()
    return model, torch.rand(8, 3, 64, 64)


def ours(model: CNN, images: torch.Tensor) -> torch.Tensor:
    """The same number of gradients for each row: no way is cut."""
    found = attribute("integrated_gradients", model, images, TARGET, steps=STEPS, most=STEPS)
    return found.value


def bare(model: CNN, images: torch.Tensor, at_once: int) -> None:
    """As many passes forward and back, and nothing else."""
    rows = images.repeat(STEPS, 1, 1, 1)
    for part in rows.split(at_once):
        leaf = part.clone().requires_grad_()
        torch.autograd.grad(model(leaf)[:, TARGET].sum(), leaf)


def memory(who: str) -> float:
    """Megabytes that this process grows by while it explains."""
    model, images = network()
    for one in model.parameters():
        one.requires_grad_(False)
    bare(model, images[:1], 1)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of what was imported is forgotten
    before = peak()
    if who == "captum":
        IntegratedGradients(model).attribute(images, target=TARGET)
    else:
        attribute("integrated_gradients", model, images, TARGET)
    return peak() - before


def peak() -> float:
    """The most megabytes that this process has held (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(one for one in lines if one.startswith("VmHWM")).split()[1]) / 1024


def main() -> None:
    """Print both ratios."""
    model, images = network()
    with at_rest(model):
        at_once = question_of(model, (images,), TARGET, runtime=Runtime()).at_once
        times: dict[str, list[float]] = {"auditkit": [], "bare": []}
        for _ in range(ROUNDS):
            for name, call in (
                ("auditkit", lambda: ours(model, images)),
                ("bare", lambda: bare(model, images, at_once)),
            ):
                clock = perf_counter()
                call()
                times[name].append(perf_counter() - clock)
    ratios = [a / b for a, b in zip(times["auditkit"], times["bare"], strict=True)]
    print(f"{platform.machine()}, torch {torch.__version__}, captum {captum.__version__}")
    print(
        f"time: {median(times['auditkit']):.3f} s beside {median(times['bare']):.3f} s of bare "
        f"passes, {at_once} rows at once: {median(ratios):.2f} times "
        f"({min(ratios):.2f} to {max(ratios):.2f}); asked: 1.5"
    )
    grown = {
        who: median(
            float(
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.attribution_gradients", who],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
            for _ in range(3)
        )
        for who in ("auditkit", "captum")
    }
    print(
        f"memory: {grown['auditkit']:.0f} MB beside captum's {grown['captum']:.0f} MB: "
        f"{grown['auditkit'] / grown['captum']:.2f} of it; asked: 0.25"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(memory(sys.argv[1]))
    else:
        main()
