"""Two processes on the CPU, started as torchrun starts them, train as one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# All networks in one start: it is torch's start that takes the time.
SCRIPT = """
import json
from auditkit.models.distributed import is_first
from auditkit.models.recipe import Recipe
from tests.media import trained

# 204 sequences are seven batches of 29 and a row by itself, which two processes cannot share.
sizes = {"gru": 29}
found = {}
for name in ("fnn", "encoder", "decoder", "gru"):
    options = {} if name == "decoder" else {"dropout": 0.0}
    recipe = Recipe(epochs=3, batch_size=sizes.get(name, 60), patience=0, averaging=0.9)
    model, card = trained(name, recipe, **options)
    curve = [
        [one.train_loss, one.validation_loss, one.gradient_norm] for one in card.training.history
    ]
    norms = [float(one.double().norm()) for one in model.parameters()]
    found[name] = [card.training.processes, card.training.train_rows, curve, norms]
if is_first():
    print(json.dumps(found))
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[dict, dict]:
    """What one process and two made of the same trainings, by network."""
    script = tmp_path_factory.mktemp("distributed") / "script.py"
    script.write_text(SCRIPT)
    return found(script, processes=1), found(script, processes=2)


def found(script: Path, *, processes: int) -> dict:
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [*start, str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 1, "only the first process speaks"
    return json.loads(lines[0])


@pytest.mark.parametrize("name", ["fnn", "encoder", "decoder", "gru"])
def test_two_processes_have_the_losses_of_one_on_the_same_batches(name, both):
    (alone, _, alone_curve, alone_norms), (two, _, two_curve, two_norms) = (
        one[name] for one in both
    )
    assert (alone, two) == (1, 2)
    for one, other in zip(alone_curve, two_curve, strict=True):
        assert other == pytest.approx(one, rel=1e-4)
    assert two_norms == pytest.approx(alone_norms, rel=1e-4)


def test_a_row_that_is_left_over_by_itself_was_there(both):
    rows = both[1]["gru"][1]
    assert rows % 29 == 1, "else it is not tried what a process does without a row"
