"""Training rows: auditkit beside captum, and beside trainings of a whole network without rows.

    python -m benchmarks.training_rows [--subsets N]

First, TracIn at equal answers: rounds interleaved, read the ratios. Then what no estimate can
settle by itself: networks are trained again without half of their rows, many times, and each
estimate is asked to foretell their losses on rows never trained on (the linear datamodelling score
of Park et al. 2023, "TRAK"): the rank correlation of the sum of scores over the rows kept with
what happened, per explained row, on average.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from torch import Tensor, nn

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.attribution.training_rows.examination import likeness
from auditkit.attribution.training_rows.gradients import Rows
from auditkit.attribution.training_rows.influence import Influence
from auditkit.attribution.training_rows.last_layer import features_of, last_layer
from auditkit.attribution.training_rows.losses import Softmax
from auditkit.attribution.training_rows.network import network_influence
from auditkit.attribution.training_rows.tracin import Snapshot, tracin, tracin_last_layer

ROUNDS = 5
TRAIN, EXPLAINED = 500, 40
EPOCHS, EVERY, BATCH, RATE = 15, 5, 32, 5e-3
WIDTH = 32
SEEDS = 2  # trainings of each subset, whose losses are averaged
LOSS = Softmax()


def network(inputs: int, width: int, classes: int, seed: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, classes))


def beside_captum(n: int = 1000, m: int = 20) -> None:
    """TracIn of n training rows for m others, one snapshot; captum's answers must be the same."""
    from captum.influence import TracInCP, TracInCPFast

    generator = torch.Generator().manual_seed(0)
    model = network(64, 128, 10, 0)

    def rows(count: int) -> Rows:
        inputs = torch.randn(count, 64, generator=generator)
        return Rows(inputs=(inputs,), targets=torch.randint(10, (count,), generator=generator))

    train, explained = rows(n), rows(m)
    state = model.state_dict()

    def captum(kind: type, reduction: str, **options: object) -> Callable[[], Tensor]:
        def load(net: nn.Module, _path: str) -> float:
            net.load_state_dict(state)
            return 1.0

        made = kind(
            model,
            train_dataset=torch.utils.data.TensorDataset(*train.inputs, train.targets),
            checkpoints=["as it stands"],
            checkpoints_load_func=load,
            loss_fn=nn.CrossEntropyLoss(reduction=reduction),
            **options,
        )
        return lambda: made.influence((*explained.inputs, explained.targets)).double()

    fast = {"final_fc_layer": model[2]}
    pairs = {
        "last layer, captum's batches of 1 (its default)": (
            lambda: tracin_last_layer(model, train, explained, LOSS, bias=False).scores,
            captum(TracInCPFast, "sum", batch_size=1, **fast),
        ),
        "last layer, captum's batches of 256": (
            lambda: tracin_last_layer(model, train, explained, LOSS, bias=False).scores,
            captum(TracInCPFast, "sum", batch_size=256, **fast),
        ),
        "all weights, captum's row by row": (
            lambda: tracin(model, train, explained, LOSS).scores,
            captum(TracInCP, "none", batch_size=256, sample_wise_grads_per_batch=False),
        ),
        "all weights, captum's sample-wise": (
            lambda: tracin(model, train, explained, LOSS).scores,
            captum(TracInCP, "sum", batch_size=256, sample_wise_grads_per_batch=True),
        ),
    }
    say(f"TracIn, {n:,} training rows, {m} explained, {torch.get_num_threads()} threads")
    for name, (own, peer) in pairs.items():
        off = float((own() - peer()).abs().max() / peer().abs().max())
        if off > 1e-4:
            raise SystemExit(f"{name}: the answers differ by {off:.2g}")
        times = [(timed(own), timed(peer)) for _ in range(ROUNDS)]
        ratios = [b / a for a, b in times]
        mine, its = (statistics.median(one) for one in zip(*times, strict=True))
        say(
            f"  {name:48s} {1000 * mine:8.1f} ms, captum {1000 * its:8.1f} ms: "
            f"{statistics.median(ratios):6.1f} times ({min(ratios):.1f} to {max(ratios):.1f}), "
            f"answers within {off:.0e}"
        )


class Reader(nn.Module):
    """An LSTM whose last state answers."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.output = nn.LSTM(3, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, steps: Tensor) -> Tensor:
        """Logits (B, 4) of steps (B, T, 3)."""
        states: Tensor = self.cell(steps)[0][:, -1]
        found: Tensor = self.output(states)
        return found


def recurrent(n: int = 60, m: int = 5) -> None:
    """An LSTM, on which captum's sample-wise gradients go wrong without a word."""
    from captum.influence import TracInCP

    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Reader()

    def rows(count: int) -> Rows:
        steps = torch.randn(count, 6, 3, generator=generator)
        return Rows(inputs=(steps,), targets=torch.randint(4, (count,), generator=generator))

    train, explained = rows(n), rows(m)
    state = {name: one.clone() for name, one in model.state_dict().items()}
    own = tracin(model, train, explained, LOSS).scores

    def load(net: nn.Module, _path: str) -> float:
        net.load_state_dict(state)
        return 1.0

    for reduction, sample_wise in (("none", False), ("sum", True)):
        made = TracInCP(
            model,
            train_dataset=torch.utils.data.TensorDataset(*train.inputs, train.targets),
            checkpoints=["as it stands"],
            checkpoints_load_func=load,
            loss_fn=nn.CrossEntropyLoss(reduction=reduction),
            batch_size=32,
            sample_wise_grads_per_batch=sample_wise,
        )
        peer = made.influence((*explained.inputs, explained.targets)).double()
        off = float((own - peer).abs().max() / own.abs().max())
        say(f"  an LSTM, captum sample_wise={sample_wise!s:5s}: apart by {off:.2g} of the largest")


def trained(x: Tensor, y: Tensor, seed: int, kept: list[Snapshot] | None = None) -> nn.Module:
    """A network trained on rows; with `kept`, its weights at every fifth epoch."""
    model = network(64, WIDTH, 10, seed)
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-2)
    for epoch in range(1, EPOCHS + 1):
        for batch in torch.randperm(len(x), generator=order).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        if kept is not None and epoch % EVERY == 0:
            weights = {name: one.clone() for name, one in model.state_dict().items()}
            kept.append(Snapshot(weights=weights, rate=RATE))
    return model


def beside_trainings(subsets: int, noise: float) -> None:
    """How well each estimate foretells trainings without half of the rows."""
    rng = np.random.default_rng(0)
    pixels, label = load_digits(return_X_y=True)
    places = rng.permutation(len(pixels))[: TRAIN + EXPLAINED]
    x = torch.tensor(pixels[places] / 16, dtype=torch.float32)
    y = torch.tensor(label[places])
    flip = rng.uniform(size=TRAIN) < noise
    y[:TRAIN][torch.tensor(flip)] = torch.tensor(rng.integers(10, size=int(flip.sum())))
    train = Rows(inputs=(x[:TRAIN],), targets=y[:TRAIN])
    explained = Rows(inputs=(x[TRAIN:],), targets=y[TRAIN:])
    kept = np.zeros((subsets, TRAIN))
    happened = np.zeros((subsets, EXPLAINED))
    for i in range(subsets):
        rows = np.sort(rng.permutation(TRAIN)[: TRAIN // 2])
        kept[i, rows] = 1
        for seed in range(SEEDS):
            model = trained(x[rows], y[rows], 1000 + SEEDS * i + seed)
            with torch.no_grad():
                happened[i] += LOSS(model(x[TRAIN:]), y[TRAIN:]).double().numpy() / SEEDS
    scores: dict[str, list[float]] = {}
    for seed in range(3):
        for name, one in estimates(train, explained, seed).items():
            foretold = -(kept @ one.numpy().T)
            each = [spearmanr(foretold[:, j], happened[:, j]).statistic for j in range(EXPLAINED)]
            scores.setdefault(name, []).append(float(np.mean(each)))
    say(f"\n{subsets} trainings without half of {TRAIN} digits, {noise:.0%} of labels at random")
    for name, each in scores.items():
        say(f"  {name:40s} {np.mean(each):6.3f}  ({min(each):.3f} to {max(each):.3f})")


def estimates(train: Rows, explained: Rows, seed: int) -> dict[str, Tensor]:
    """Every way to guess, from one network that was trained on all rows."""
    kept: list[Snapshot] = []
    model = trained(train.inputs[0], train.targets, seed, kept)
    layer = last_layer(model, train.inputs)
    own, other = (features_of(model, layer, one.inputs) for one in (train, explained))
    found: dict[str, Tensor] = {}
    for damping in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0):
        made = Influence.of(layer, own, train.targets, LOSS, damping=damping)
        found[f"influence, damping {damping:g}"] = made.on_loss(other, explained.targets)
        if damping == 0.1:
            found["  the same, own curvature removed"] = made.on_loss(
                other, explained.targets, removed=True
            )
            found["likeness of features and label"] = likeness(made, other, explained.targets)
    for name, snapshots in (("at the end", []), (f"{len(kept)} epochs", kept)):
        given = (model, train, explained, LOSS)
        found[f"TracIn, last layer, {name}"] = tracin_last_layer(*given, snapshots=snapshots).scores
        found[f"TracIn, all weights, {name}"] = tracin(*given, snapshots=snapshots).scores
    for damping in (0.1, 1.0, 10.0):
        found[f"influence, all weights, damping {damping:g}"] = network_influence(
            model, train, explained, LOSS, damping=damping, tolerance=1e-3
        )
    found["noise"] = torch.randn(found["likeness of features and label"].shape)
    return found


def timed(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subsets", type=int, default=60)
    given = parser.parse_args()
    beside_captum()
    recurrent()
    for noise in (0.0, 0.1):
        beside_trainings(given.subsets, noise)


if __name__ == "__main__":
    main()
