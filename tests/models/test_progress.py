"""A training that was killed goes on, and ends as if it had not been."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from auditkit import cli
from auditkit.errors import ModelError, UsageError
from auditkit.models import files
from auditkit.models.progress import PROGRESS, read_progress, write_progress
from auditkit.models.recipe import Recipe
from auditkit.models.train import train
from auditkit.runtime import Runtime
from tests.media import SOURCE, TABLES, plan, trained

# The whole recipe at work: an average, two phases, a pace that knows how far it is.
RECIPES = {
    "fnn": Recipe(epochs=6, batch_size=64, averaging=0.9, schedule="cosine", warmup=0.2),
    "encoder": Recipe(epochs=3, pretraining=2, batch_size=64, averaging=0.9),
    "cnn": Recipe(epochs=5, batch_size=64, flip=True, shift=1, optimizer="sgd"),
    "gan": Recipe(epochs=4, batch_size=64, averaging=0.9, patience=0),
    "decoder": Recipe(epochs=4, batch_size=4, patience=0, averaging=0.5),
}


class Killed(Exception):
    pass


@pytest.mark.parametrize("name", list(RECIPES))
@pytest.mark.parametrize("after", [1, 3])
def test_it_goes_on_from_every_epoch_to_the_same_weights(name, after, tmp_path, monkeypatch):
    recipe = RECIPES[name]
    whole, card = trained(name, recipe)
    kept = interrupted(name, recipe, after, tmp_path, monkeypatch)
    model, again = train(
        plan(name, recipe),
        TABLES[name](),
        source=SOURCE,
        runtime=Runtime(device="cpu"),
        folder=tmp_path,
        resumed=kept,
    )
    for (key, one), other in zip(
        whole.state_dict().items(), model.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), key
    losses = [one.train_loss for one in card.training.history]
    assert [one.train_loss for one in again.training.history] == losses
    assert again.training.best_epoch == card.training.best_epoch
    assert again.training.operations == card.training.operations


def interrupted(name, recipe, after, folder, monkeypatch):
    """The progress that a training leaves that dies after so many epochs."""
    from auditkit.models.trainer import Trainer

    epoch = Trainer._epoch

    def dying(self):
        if len(self.history) == after:
            raise Killed
        epoch(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_epoch", dying)
        with pytest.raises(Killed):
            train(
                plan(name, recipe),
                TABLES[name](),
                source=SOURCE,
                runtime=Runtime(device="cpu"),
                folder=folder,
                pause=0,
            )
    return read_progress(folder)


def test_a_process_killed_at_any_moment_goes_on_to_the_same_checkpoint(tmp_path):
    """kill -9, three times over, at whatever moment the clock chooses."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    done(whole)
    for _ in range(3):
        running = subprocess.Popen(
            command(parts), env=ALONE, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
        )
        wait_for_progress(parts, running)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert read_progress(parts) is not None, "whole, however it was killed"
        assert {one.name for one in parts.iterdir() if not one.name.startswith(".")} == {PROGRESS}
        with pytest.raises(ModelError, match=r"unfinished training.*--resume"):
            files.load(parts)
    done(parts)
    first, second = (load_file(one / files.WEIGHTS) for one in (whole, parts))
    assert all(torch.equal(one, second[name]) for name, one in first.items())
    assert not (parts / PROGRESS).exists()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


ALONE = {**os.environ, "OMP_NUM_THREADS": "1"}
SCRIPT = """
import sys
from pathlib import Path
from auditkit.models import files
from auditkit.models.progress import read_progress
from auditkit.models.recipe import Recipe
from auditkit.models.train import train
from auditkit.runtime import Runtime
from tests.media import SOURCE, plan, rows

out = Path(sys.argv[1])
recipe = Recipe(epochs=25, batch_size=32, averaging=0.9, patience=0)
model, card = train(plan("fnn", recipe), rows(), source=SOURCE, runtime=Runtime(device="cpu"),
                    folder=out, resumed=read_progress(out), pause=0)
files.save(out, model, card)
"""


def command(out: Path) -> list[str]:
    return [sys.executable, "-c", SCRIPT, str(out)]


def done(out: Path) -> None:
    subprocess.run(command(out), env=ALONE, check=True, cwd=Path(__file__).parents[2])


def wait_for_progress(out: Path, running: subprocess.Popen) -> None:
    """Until another epoch has been kept than was there before."""
    before = stamp(out)
    for _ in range(2000):
        if stamp(out) != before:
            return
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError("no progress was kept")


def stamp(out: Path) -> int:
    path = out / PROGRESS
    return path.stat().st_mtime_ns if path.exists() else 0


def test_the_command_line_resumes_and_refuses_another_recipe(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train_it = ["train", "fnn", "--data", "breast-cancer", "--epochs", "3"]
    assert cli.run([*train_it, "--out", "whole"]) == 0
    assert cli.run([*train_it, "--out", "x", "--resume"]) == 2
    assert "nothing to resume in x" in capsys.readouterr().err
    killed_after_an_epoch(Path("x"), monkeypatch)
    assert cli.run(["report", "x"]) == 2
    assert "unfinished training" in capsys.readouterr().err
    assert cli.run([*train_it, "--out", "x", "--resume", "--batch-size", "64"]) == 2
    assert "begun with batch_size 512 and is now to go on with 64" in capsys.readouterr().err
    assert cli.run([*train_it, "--out", "x", "--resume", "--seed", "1"]) == 2
    assert "begun with seed 0" in capsys.readouterr().err
    assert cli.run([*train_it, "--out", "x", "--resume"]) == 0
    whole, resumed = (load_file(Path(one) / files.WEIGHTS) for one in ("whole", "x"))
    assert all(torch.equal(one, resumed[name]) for name, one in whole.items())


def killed_after_an_epoch(out: Path, monkeypatch) -> None:
    from auditkit.models.trainer import Trainer

    epoch = Trainer._epoch

    def dying(self):
        if self.history:
            raise KeyboardInterrupt
        epoch(self)
        self._write()

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_epoch", dying)
        code = cli.run(
            ["train", "fnn", "--data", "breast-cancer", "--epochs", "3", "--out", str(out)]
        )
    assert code == 130


@pytest.mark.parametrize("content", [b"", b"{}", b"\x08\0\0\0\0\0\0\0{}      ", b"\xff" * 99])
def test_a_progress_that_is_damaged_is_refused(content, tmp_path):
    (tmp_path / PROGRESS).write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged or not auditkit's.*leave out --resume"):
        read_progress(tmp_path)


def test_a_progress_of_another_network_is_refused(tmp_path, monkeypatch):
    kept = interrupted("fnn", RECIPES["fnn"], 1, tmp_path, monkeypatch)
    facts = json.loads(json.dumps(kept.facts))
    facts["choices"]["--set width"] = 64
    write_progress(tmp_path, type(kept)(tensors=kept.tensors, facts=facts))
    with pytest.raises(ModelError, match="does not fit this training"):
        train(
            plan("fnn", RECIPES["fnn"], width=64),
            TABLES["fnn"](),
            source=SOURCE,
            runtime=Runtime(device="cpu"),
            resumed=read_progress(tmp_path),
        )


def test_a_full_disk_says_so_and_leaves_the_progress_that_was(tmp_path, monkeypatch):
    kept = interrupted("fnn", RECIPES["fnn"], 1, tmp_path, monkeypatch)
    before = (tmp_path / PROGRESS).read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device; make room"):
        write_progress(tmp_path, kept)
    assert (tmp_path / PROGRESS).read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [PROGRESS]


def test_a_part_of_a_progress_is_no_reason_not_to_save(model_and_card, tmp_path):
    (tmp_path / f".{PROGRESS}-x7").write_bytes(b"half")
    files.save(tmp_path, *model_and_card)
    assert {one.name for one in tmp_path.iterdir()} == {files.WEIGHTS, files.CARD}


def test_a_progress_of_another_target_is_refused(tmp_path, monkeypatch):
    from dataclasses import replace

    kept = interrupted("fnn", RECIPES["fnn"], 1, tmp_path, monkeypatch)
    table = TABLES["fnn"]()
    other = replace(table, schema=replace(table.schema, positive="0"))
    with pytest.raises(UsageError, match="begun with columns"):
        train(
            plan("fnn", RECIPES["fnn"]),
            other,
            source=SOURCE,
            runtime=Runtime(device="cpu"),
            resumed=kept,
        )
