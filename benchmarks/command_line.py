"""How light the door is: `auditkit --help` beside a bare typer app with as many commands.

`python -m benchmarks.command_line [CHECKPOINT]` runs the two in turn and prints the CPU time of
each whole process and the median ratio, pair by pair; with a checkpoint it also times a report.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAIRS = 15
BARE = '''
import typer

app = typer.Typer(help="A bare app.", no_args_is_help=True, add_completion=False)
inner = typer.Typer(help="With a group.", no_args_is_help=True)
app.add_typer(inner, name="data")


@app.callback()
def options() -> None:
    """A bare app."""


@app.command()
def report(name: str = "") -> int:
    """One."""
    return 0


@app.command()
def train(name: str = "") -> int:
    """Two."""
    return 0


@inner.command("list")
def listed() -> int:
    """Three."""
    return 0


@inner.command("show")
def shown(name: str) -> int:
    """Four."""
    return 0


@inner.command("fetch")
def fetched(name: str) -> int:
    """Five."""
    return 0


if __name__ == "__main__":
    app()
'''


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one finished process."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )


def help_ratio() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        ours, theirs = [], []
        for _ in range(PAIRS + 1):
            ours.append(cpu_seconds([sys.executable, "-m", "auditkit.cli", "--help"]))
            theirs.append(cpu_seconds([sys.executable, str(bare), "--help"]))
    ours, theirs = ours[1:], theirs[1:]  # the first pair warms the file cache
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
    print(f"auditkit --help   {statistics.median(ours):.3f} s CPU (median of {PAIRS})")
    print(f"bare typer app    {statistics.median(theirs):.3f} s CPU")
    print(f"ratio             {middle:.2f} ({least:.2f} to {most:.2f})")


def report_seconds(checkpoint: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "auditkit.cli", "report", checkpoint, "--out", folder]
        times = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run(
                command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            times.append(time.perf_counter() - started)
        size = (Path(folder) / "report.html").stat().st_size
    print(f"auditkit report   {statistics.median(times):.1f} s wall (median of 5), {size:,} bytes")


if __name__ == "__main__":
    help_ratio()
    if len(sys.argv) > 1:
        report_seconds(sys.argv[1])
