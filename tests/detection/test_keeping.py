"""Arrays kept in the cache: made once, made anew when what they depend on or the file changes."""

from pathlib import Path

import numpy as np
import pytest

from auditkit.detection.keeping import kept, place_of
from auditkit.errors import FetchError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path))
    return tmp_path


def test_arrays_are_made_once_and_come_back_as_they_were(cache: Path) -> None:
    calls = []

    def make() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"a": np.arange(6, dtype=np.uint8).reshape(2, 3).T, "b": np.array([0.5])}

    for _ in range(3):
        found = kept("some", "seed 1", make)
        assert found["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
        assert found["b"].dtype == np.float64
    assert len(calls) == 1
    kept("some", "seed 2", make)
    assert len(calls) == 2


@pytest.mark.parametrize("damage", [lambda one: one[:-3], lambda one: one[:40] + b"x" + one[41:]])
def test_a_damaged_file_is_made_anew(cache: Path, damage: object) -> None:
    kept("some", "seed", lambda: {"a": np.ones(9)})
    place = place_of("some", "seed")
    place.write_bytes(damage(place.read_bytes()))  # type: ignore[operator]
    assert kept("some", "seed", lambda: {"a": np.zeros(9)})["a"].sum() == 0
    assert kept("some", "seed", lambda: {"a": np.ones(9)})["a"].sum() == 0  # and kept


def test_a_cache_that_cannot_be_written_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(FetchError, match="cannot write to the cache"):
        kept("some", "seed", lambda: pytest.fail("minutes of work, lost"))


def test_what_two_make_at_once_is_kept_whole_and_nothing_is_left_beside_it(cache: Path) -> None:
    def make() -> dict[str, np.ndarray]:
        kept("some", "seed", lambda: {"a": np.full(9, 2.0)})  # another process was faster
        return {"a": np.full(9, 2.0)}

    assert kept("some", "seed", make)["a"].sum() == 18
    assert [one.name for one in place_of("some", "seed").parent.iterdir()] == [
        place_of("some", "seed").name
    ]
