"""How long 100,000,000 rows of Parquet take, and how much memory: counted where they lie.

    python -m benchmarks.big_tables [ROWS]

The files are made in a temporary folder, a million rows at a time, and deleted. Each round is a
process of its own: its time is that of counting and of the whole report, its memory the most
that it ever held. A million rows are then counted as arrays and by each engine in turn.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.engines.counting import group_counts_of
from auditkit.bias.groups import group_counts

ROWS, PART, ROUNDS = 100_000_000, 1_000_000, 3
SENSITIVE = ["gender", "race", "age"]
EDGES = (25.0, 45.0)


def part(rows: int, seed: int) -> pa.Table:
    """Rows as a scoring job leaves them: labels, scores, groups as text, an age."""
    rng = np.random.default_rng(seed)
    names = {"gender": ["Female", "Male", None], "race": [f"group {one}" for one in "ABCDEFGHIJ"]}
    columns = {
        name: pa.DictionaryArray.from_arrays(
            pa.array(rng.integers(0, len(levels), rows), pa.int8()), pa.array(levels, pa.string())
        ).cast(pa.string())
        for name, levels in names.items()
    }
    score = rng.random(rows).round(6)  # eight bytes a row: no dictionary holds them
    columns["age"] = pa.array(rng.integers(18, 90, rows), pa.int16())
    columns["score"] = pa.array(score)
    columns["hired"] = pa.array((rng.random(rows) < score).astype(np.int8))
    return pa.table(columns)


def write(folder: Path, rows: int) -> int:
    """The files, and their bytes."""
    for seed in range(-(-rows // PART)):
        path = folder / f"part-{seed:05}.parquet"
        parquet.write_table(part(min(PART, rows - seed * PART), seed), path)
    return sum(path.stat().st_size for path in folder.iterdir())


# A round, in a process of its own.
CODE = """
import json, resource, sys, time
from pathlib import Path
from auditkit.config import AuditConfig
from auditkit.loading import load_subject
from auditkit.report.files import write_report
from auditkit.runner import run_checks
start = time.perf_counter()
config = AuditConfig(predictions=sys.argv[1], target="hired", score="score",
                     sensitive=("gender", "race", "age"))
subject = load_subject(config)
rows = int(subject.counts_of(subject.sensitive).to_numpy().sum())
counted = time.perf_counter() - start
write_report(run_checks(subject, config), Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"rows": rows, "counted": counted, "report": time.perf_counter() - start,
                  "peak": peak}))
"""


def round_of(data: Path, out: Path) -> dict[str, float]:
    found = subprocess.run(
        [sys.executable, "-c", CODE, str(data), str(out)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    return json.loads(found.stdout)


def median_seconds(task: Callable[[], Any]) -> float:
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        task()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def by_engine() -> dict[str, float]:
    """Seconds for a million rows in memory, counted as arrays and by each engine."""
    import duckdb
    import polars

    rows = part(PART, 0)
    frame = rows.to_pandas()
    frame["decision"] = (frame["score"] >= 0.5).astype(np.int8)
    bands = pd.cut(frame["age"], [-np.inf, *EDGES, np.inf], right=False)
    arrays = [frame["gender"], frame["race"], bands]
    asked = {"label": "hired", "score": "score", "sensitive": SENSITIVE, "bands": {"age": EDGES}}
    tables = {
        "pandas": frame,
        "PyArrow": rows,
        "Polars": polars.from_arrow(rows),
        "DuckDB": duckdb.from_arrow(rows),
    }
    found = {
        "arrays": median_seconds(lambda: group_counts(frame["hired"], frame["decision"], arrays))
    }
    for name, table in tables.items():
        found[name] = median_seconds(lambda table=table: group_counts_of(table, **asked))
    return found


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    packages = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "narwhals", "pandas"))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {packages}")
    with tempfile.TemporaryDirectory() as place:
        data, out = Path(place) / "rows", Path(place) / "report"
        data.mkdir()
        size = write(data, rows)
        print(f"{rows:,} rows in {len(list(data.iterdir()))} files, {size / 1e9:.2f} GB")
        rounds = []
        for _ in range(ROUNDS):
            rounds.append(round_of(data, out))
            print(
                ", ".join(f"{name} {value:,.1f}" for name, value in rounds[-1].items()), flush=True
            )
    assert all(one["rows"] == rows for one in rounds)
    for name in ("counted", "report"):
        print(f"{name}: {statistics.median(one[name] for one in rounds):.1f} s, median of {ROUNDS}")
    print(f"most memory: {max(one['peak'] for one in rounds) / 1e9:.2f} GB")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    found = by_engine()
    for name, taken in found.items():
        ratio = taken / found["arrays"]
        print(f"{PART:,} rows in memory, {name}: {1e3 * taken:.0f} ms, {ratio:.1f} times arrays")


if __name__ == "__main__":
    main()
