"""Recording beside the bare forward passes, and its memory beside the size of what is kept.

    python -m benchmarks.probing_recording

Time: each network reads its rows in batches, bare, with hooks written by hand (each keeps a copy,
joined at the end), and recorded: every stage in memory, as vectors, and on disk; then states, gates
and heads. Joining and reading count. Rounds are interleaved; times are of the processor, on one
thread, so that others on the machine count less. Memory: what a process of its own
grows by while rows pass, beside the same passes without recording, and beside the megabytes of
what it keeps. Linux; two minutes or so; read the ratios.
"""

import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import torch
from torch import Tensor, nn

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.data.schema import Task
from auditkit.models.base import Head
from auditkit.models.cnn import CNN
from auditkit.models.layers import stages
from auditkit.models.rnn import LSTM
from auditkit.models.transformer.encoder import Encoder
from auditkit.probing import record

ROUNDS, BATCHES, AT_ONCE = 7, 3, 128
HEAD = Head(task=Task.CLASSES, size=10)
MEMORY_BATCHES = 16
Network = tuple[nn.Module, list[tuple[Tensor, ...]]]


def cnn(batches: int) -> Network:
    """Ours, on images of 28 x 28."""
    model = CNN((0.5,), (0.25,), HEAD)
    return model, [(torch.rand(AT_ONCE, 1, 28, 28),) for _ in range(batches)]


def lstm(batches: int) -> Network:
    """Ours, on 48 tokens in both directions."""
    model = LSTM(HEAD, vocabulary=2000)
    return model, [(torch.randint(1, 2000, (AT_ONCE, 48)), _lengths(48)) for _ in range(batches)]


def encoder(batches: int) -> Network:
    """Ours, on 48 tokens."""
    model = Encoder(2000, 48, HEAD)
    return model, [(torch.randint(5, 2000, (AT_ONCE, 48)), _lengths(48)) for _ in range(batches)]


def torch_encoder(batches: int) -> Network:
    """torch's own, of six blocks 128 wide, on 32 steps."""
    block = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
    model = nn.TransformerEncoder(block, 6)
    return model, [(torch.randn(AT_ONCE, 32, 128),) for _ in range(batches)]


NETWORKS: dict[str, Callable[[int], Network]] = {
    "cnn": cnn,
    "lstm": lstm,
    "encoder": encoder,
    "torch's encoder": torch_encoder,
}
PARTS = {
    "lstm": {"cell states": "layers.*:cell", "gates": "layers.*:gates"},
    "encoder": {"heads": "stack.blocks.*.own:heads", "weights": "stack.blocks.*.own:weights"},
    "torch's encoder": {
        "heads": "layers.*.self_attn:heads",
        "weights": "layers.*.self_attn:weights",
    },
}


def by_hand(model: nn.Module, layers: tuple[str, ...], batches: list[tuple[Tensor, ...]]) -> None:
    """What a reader of the documentation of torch would write."""
    kept: dict[str, list[Tensor]] = {name: [] for name in layers}

    def hook(name: str) -> Callable[..., None]:
        return lambda _module, _given, output: kept[name].append(output.detach().cpu().clone())

    handles = [model.get_submodule(name).register_forward_hook(hook(name)) for name in layers]
    bare(model, batches)
    for handle in handles:
        handle.remove()
    for one in kept.values():
        torch.cat(one)


def bare(model: nn.Module, batches: list[tuple[Tensor, ...]]) -> None:
    """The passes, and nothing else."""
    with torch.no_grad():
        for batch in batches:
            model(*batch)


def recorded(model: nn.Module, layers: object, batches: list, **choices: object) -> float:
    """Megabytes of what was kept."""
    with record(model, layers, **choices) as activations:
        bare(model, batches)
    return sum(one.numel() * one.element_size() for one in activations.values()) / 2**20


def ratios(name: str) -> None:
    """Print how many times the bare passes each way takes."""
    torch.manual_seed(0)
    model, batches = NETWORKS[name](BATCHES)
    model.eval()
    layers = stages(model)
    calls: dict[str, Callable[[], object]] = {
        "bare": lambda: bare(model, batches),
        "by hand": lambda: by_hand(model, layers, batches),
        "in memory": lambda: recorded(model, layers, batches),
        "as vectors": lambda: recorded(model, layers, batches, pool="mean"),
        "on disk": lambda: recorded(model, layers, batches, to="disk"),
    }
    for part, layer in PARTS.get(name, {}).items():
        calls[part] = lambda layer=layer: recorded(model, layer, batches)
    times: dict[str, list[float]] = {one: [] for one in calls}
    for _ in range(ROUNDS + 1):
        for one, call in calls.items():
            clock = process_time()
            call()
            times[one].append(process_time() - clock)
    base = median(times["bare"][1:])
    told = ", ".join(f"{one} {median(took[1:]) / base:.2f}" for one, took in times.items())
    kept = recorded(model, layers, batches)
    print(f"{name}: {len(layers)} layers, {kept:.0f} MB of {base:.3f} s: {told}", flush=True)


def memory(name: str, way: str) -> None:
    """Print megabytes that this process grows by, and those of what it keeps."""
    torch.manual_seed(0)
    model, batches = NETWORKS[name](2)
    model.eval()
    bare(model, batches)
    many = [batches[i % 2] for i in range(MEMORY_BATCHES)]
    bare(model, many[:6])
    Path("/proc/self/clear_refs").write_text("5")  # the peak of what was imported is forgotten
    before = peak()
    layer = stages(model)[-2]
    choices = {
        "bare": None,
        "one layer": {},
        "on disk": {"to": "disk"},
        "vectors": {"pool": "mean"},
    }
    asked, kept = choices[way], 0.0
    if asked is None:
        bare(model, many)
    else:
        kept = recorded(model, layer, many, **asked)
    print(peak() - before, kept)


def peak() -> float:
    """The most megabytes of its own that this process has held (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(one for one in lines if one.startswith("VmHWM")).split()[1]) / 1024


def _lengths(most: int) -> Tensor:
    return torch.randint(most // 4, most + 1, (AT_ONCE,))


def main() -> None:
    """Print times, then memory."""
    torch.set_num_threads(1)
    print(f"{platform.machine()}, torch {torch.__version__}; times of the bare passes; asked: 1.1")
    for name in NETWORKS:
        ratios(name)
    print(f"memory, {MEMORY_BATCHES * AT_ONCE} rows, one layer: grown by, beside what is kept")
    for name in NETWORKS:
        told = []
        for way in ("bare", "one layer", "vectors", "on disk"):
            command = [sys.executable, "-m", "benchmarks.probing_recording", name, way]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            grown, kept = map(float, done.stdout.split())
            told.append(f"{way} {grown:.0f} of {kept:.0f} MB" if kept else f"{way} {grown:.0f} MB")
        print(f"{name}: {', '.join(told)}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        memory(*sys.argv[1:])
    else:
        main()
