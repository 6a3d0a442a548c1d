import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_promises_hold_in_a_small_simulation() -> None:
    """The command that writes docs/methods.md, on two of its populations."""
    command = [sys.executable, str(ROOT / "benchmarks" / "coverage.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every target is met." in done.stdout
