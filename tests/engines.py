"""The same rows in every engine that holds tables, so that their counts can be compared."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

LOCAL = ("pandas", "polars", "polars lazy", "pyarrow", "duckdb", "dask")


def table_in(engine: str, rows: pa.Table) -> Any:
    """The rows as a table of a local engine; skips, with the reason, where it is not installed."""
    match engine:
        case "pandas":
            return rows.to_pandas()
        case "polars":
            return _module("polars").from_arrow(rows)
        case "polars lazy":
            return _module("polars").from_arrow(rows).lazy()
        case "pyarrow":
            return rows
        case "duckdb":
            return _module("duckdb").from_arrow(rows)
        case _:
            return _module("dask.dataframe").from_pandas(rows.to_pandas(), npartitions=3)


@contextmanager
def spark(master: str = "local[2]") -> Iterator[Any]:
    """A Spark session on this machine; skips, with the reason, where it cannot be had."""
    _module("pyspark")
    if shutil.which("java") is None:
        pytest.skip("no java on this machine; Spark needs one (Debian: openjdk-17-jre-headless)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not been tried with this pandas
        from pyspark.sql import SparkSession

        session = (
            SparkSession.builder.master(master)
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.default.parallelism", "2")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.executor.memory", "512m")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        try:
            yield session
        finally:
            session.stop()


def _module(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name} is not installed; it is in the extra 'dev'")


def awkward(n: int = 600) -> pa.Table:
    """Rows with every kind of column, and in each whatever makes engines differ."""
    rng = np.random.default_rng(0)

    def holes(values: Any, share: float = 0.1) -> Any:
        gone = rng.random(n) < share
        return [None if gone[row] else value for row, value in enumerate(values)]

    score = rng.random(n)
    score[:6] = [0.0, 1.0, 0.5, 0.25, np.nextafter(0.5, 0), np.nextafter(1, 0)]
    age = rng.integers(17, 90, n).astype(float)
    age[:4] = [np.nan, np.inf, -np.inf, 25.0]
    income = np.exp(rng.normal(10, 2, n)) * rng.choice([-1, 1], n)
    income[:3] = [np.nan, np.inf, -np.inf]
    label = rng.integers(0, 2, n)
    guess = rng.integers(0, 2, n)
    return pa.table(
        {
            "label": pa.array(label, pa.int64()),
            "truth": pa.array(label.astype(bool)),
            "word": pa.array(np.where(label == 1, "hired", "not")),
            "one": pa.array(label.astype(float)),
            "guess": pa.array(guess, pa.int8()),
            "guess in words": pa.array(np.where(guess == 1, "hired", "not")),
            "score": pa.array(score, from_pandas=False),
            "gender": pa.array(holes(rng.choice(["Female", "Male"], n))),
            "race": pa.array(rng.choice(["b", "ä", "a b", "C\"'.d"], n)),
            "member": pa.array(holes(rng.random(n) < 0.5), pa.bool_()),
            "district": pa.array(holes(rng.integers(1, 12, n).tolist()), pa.int32()),
            "rooms": pa.array(rng.choice([1.0, 2.0, 2.5, -0.0, 0.0, np.nan], n), from_pandas=False),
            "age": pa.array(age, from_pandas=False),
            "income": pa.array(income, from_pandas=False),
        }
    )
