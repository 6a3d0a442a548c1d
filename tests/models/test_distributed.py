"""Two processes on the CPU, started as torchrun starts them, train as one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from dataclasses import asdict
from auditkit.models.distributed import is_first
from auditkit.models.recipe import Recipe
from tests.media import trained

name = sys.argv[1]
options = {"dropout": 0.0} if name in ("fnn", "encoder") else {}
recipe = Recipe(epochs=3, batch_size=60, patience=0, averaging=0.9)
model, card = trained(name, recipe, **options)
if is_first():
    print(json.dumps([
        card.training.processes,
        [[one.train_loss, one.validation_loss, one.gradient_norm] for one in card.training.history],
        [float(one.double().norm()) for one in model.parameters()],
    ]))
"""
ROOT = Path(__file__).parents[2]


def losses(name: str, *, processes: int) -> list:
    script = ROOT / "build" / f"distributed-{os.getpid()}.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(SCRIPT)
    try:
        start = [sys.executable]
        if processes > 1:
            start += ["-m", "torch.distributed.run", "--standalone"]
            start += [f"--nproc-per-node={processes}"]
        done = subprocess.run(
            [*start, str(script), name],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    finally:
        script.unlink()
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("name", ["fnn", "encoder", "decoder"])
def test_two_processes_have_the_losses_of_one_on_the_same_batches(name):
    (alone, alone_curve, alone_norms) = losses(name, processes=1)
    (both, both_curve, both_norms) = losses(name, processes=2)
    assert (alone, both) == (1, 2)
    for one, two in zip(alone_curve, both_curve, strict=True):
        assert two == pytest.approx(one, rel=1e-4)
    assert both_norms == pytest.approx(alone_norms, rel=1e-4)
