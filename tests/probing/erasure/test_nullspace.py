import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from auditkit.errors import DataError
from auditkit.probing.erasure.leace import leace_eraser
from auditkit.probing.erasure.nullspace import nullspace_eraser
from auditkit.probing.probes.labels import labels_of


def rows(n=400, d=10):
    rng = np.random.default_rng(0)
    z = rng.integers(2, size=n)
    x = rng.normal(size=(n, d)) @ np.diag(np.linspace(0.5, 2, d))
    x[:, :2] += 2 * z[:, None]
    return torch.from_numpy(x), z


def test_no_reader_finds_what_was_taken_out_in_more_directions_than_leace_needs():
    x, z = rows()
    eraser = nullspace_eraser(x, z)
    erased = eraser(x).numpy()
    majority = max(z.mean(), 1 - z.mean())
    assert LogisticRegression().fit(x.numpy(), z).score(x.numpy(), z) > 0.9
    assert LogisticRegression().fit(erased, z).score(erased, z) <= majority + 0.02
    assert leace_eraser(x, z).rank == 1 < eraser.rank < 10


def test_it_is_a_projection_and_ends_after_its_rounds():
    x, z = rows()
    eraser = nullspace_eraser(x, z, rounds=1)
    assert eraser.rank == 1
    torch.testing.assert_close(eraser(eraser(x)), eraser(x))
    torch.testing.assert_close(eraser.read @ eraser.move, torch.eye(1, dtype=torch.float64))


def test_nothing_is_taken_out_where_nothing_is_read():
    """Twenty rows of each kind at each point: no direction tells them apart."""
    points = torch.randn(10, 4, generator=torch.Generator().manual_seed(0)).repeat(4, 1)
    assert nullspace_eraser(points, np.repeat([0, 1], 20)).rank == 0


def test_one_class_is_refused():
    with pytest.raises(DataError, match="same label"):
        nullspace_eraser(torch.randn(10, 3), np.zeros(10, int))


def test_labels_that_are_no_line_are_told():
    x, z = rows()
    with pytest.raises(DataError, match=r"give one class a row, such as labels\.values"):
        nullspace_eraser(x, labels_of(z))
