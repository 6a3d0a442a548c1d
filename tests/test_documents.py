"""What the documents print of the measuring rooms runs as it is printed."""

import re
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
PRINTED = [
    (name, text)
    for name in ("README.md", "docs/any-table.md")
    for text in re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
]


class Spark:
    """Stands in for a session: its tables are read by another engine."""

    def table(self, name: str) -> duckdb.DuckDBPyRelation:
        return duckdb.sql(f"SELECT * FROM '{name}/*.parquet'")


@pytest.fixture
def people(tmp_path, monkeypatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    rng, n = np.random.default_rng(0), 400
    frame = pd.DataFrame(
        {
            "gender": rng.choice(["f", "m"], n),
            "race": rng.choice(["x", "y"], n),
            "age": rng.integers(18, 80, n),
            "hired": rng.integers(0, 2, n),
            "probability": rng.random(n),
        }
    )
    for folder in ("answers", "warehouse/answers"):
        Path(folder).mkdir(parents=True)
        frame.to_parquet(f"{folder}/part.parquet")
    return frame


@pytest.mark.parametrize(
    "text",
    [text for _, text in PRINTED],
    ids=[f"{name}-{i}" for i, (name, _) in enumerate(PRINTED)],
)
def test_what_is_printed_runs(text, people):
    names = {
        "y_true": people["hired"].to_numpy(),
        "y_pred": (people["probability"] >= 0.5).to_numpy(int),
        "people": people,
        "spark": Spark(),
    }
    exec(text, names)
    assert len(names["counts"]) >= 4
