import warnings

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from auditkit.errors import DataError
from auditkit.probing.erasure.leace import leace_eraser, leace_of, random_eraser
from auditkit.probing.erasure.moments import Moments


def rows(n=300, d=8, classes=2, seed=0):
    """Activations (n, d) of which a few directions tell the classes, none of them alone."""
    rng = np.random.default_rng(seed)
    z = rng.integers(classes, size=n)
    means = rng.normal(size=(classes, d))
    x = (means[z] + rng.normal(size=(n, d))) @ rng.normal(size=(d, d)) + 3.0
    return torch.from_numpy(x), z


def published(x, z):
    """r(x) = x - W^+ P W (x - mean), by plain numpy: Belrose 2023, theorem 4.3."""
    one_hot = np.eye(z.max() + 1)[z]
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / len(x)
    cross = centred.T @ (one_hot - one_hot.mean(axis=0)) / len(x)
    sizes, vectors = np.linalg.eigh(covariance)
    whitening = vectors @ np.diag(sizes**-0.5) @ vectors.T
    read = whitening @ cross
    projection = read @ np.linalg.pinv(read, rcond=1e-9)
    return x - centred @ (np.linalg.inv(whitening) @ projection @ whitening).T


@pytest.mark.parametrize("classes", [2, 4])
def test_the_map_is_the_published_one_and_its_rank_one_less_than_the_classes(classes):
    x, z = rows(classes=classes)
    eraser = leace_eraser(x, z)
    assert eraser.rank == classes - 1
    np.testing.assert_allclose(eraser(x).numpy(), published(x.numpy(), z), atol=1e-10)


@pytest.mark.parametrize("classes", [2, 3])
def test_class_means_are_equal_after_the_fit(classes):
    x, z = rows(classes=classes)
    erased = leace_eraser(x, z)(x).numpy()
    means = np.array([erased[z == one].mean(axis=0) for one in range(classes)])
    np.testing.assert_allclose(
        means, np.broadcast_to(x.numpy().mean(axis=0), means.shape), atol=1e-10
    )


def test_a_converged_logistic_reader_gets_the_majority_rate_of_its_own_rows_exactly():
    x, z = rows(n=301)
    reader = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000)
    assert reader.fit(x.numpy(), z).score(x.numpy(), z) > 0.85
    erased = leace_eraser(x, z)(x).numpy()
    assert reader.fit(erased, z).score(erased, z) == max(z.mean(), 1 - z.mean())


def test_chance_holds_for_linear_readers_of_the_fitted_rows_alone():
    """1,024 rows, 64 dimensions: a fresh reader of other rows gets .58, boosting of its own .76."""
    fresh, boosted = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        z = rng.integers(2, size=1024)
        x = rng.normal(size=(1024, 64)) * (1 + 0.3 * z[:, None])  # one class is spread wider
        x = torch.from_numpy(x + z[:, None] * 0.4 * rng.normal(size=64))
        others = leace_eraser(x[:512], z[:512])(x[512:]).numpy()
        fresh.append(cross_val_score(LogisticRegression(max_iter=2000), others, z[512:], cv=4))
        own = leace_eraser(x, z)(x).numpy()
        curved = HistGradientBoostingClassifier(max_iter=30).fit(own[:768], z[:768])
        boosted.append(curved.score(own[768:], z[768:]))
    assert 0.54 < np.mean(fresh) < 0.7
    assert 0.68 < np.mean(boosted) < 0.85


def test_erasing_twice_is_erasing_once():
    x, z = rows()
    for eraser in (leace_eraser(x, z), leace_eraser(x, z, given=np.arange(300) % 3)):
        torch.testing.assert_close(eraser(eraser(x)), eraser(x))


def test_nothing_is_erased_of_what_is_the_same_on_every_row():
    x, _ = rows()
    eraser = leace_eraser(x, np.full(300, 7.0))
    assert eraser.rank == 0
    assert torch.equal(eraser(x), x)
    assert leace_eraser(x, np.full(300, "same")).rank == 0


def test_a_number_is_uncorrelated_with_all_dimensions_after_the_fit():
    x, _ = rows()
    z = (x[:, 0] + x[:, 1] ** 2).numpy()
    erased = leace_eraser(x, z)(x).numpy()
    np.testing.assert_allclose((erased - erased.mean(0)).T @ (z - z.mean()), 0, atol=1e-8)


def test_directions_in_which_nothing_varies_do_no_harm():
    """Copies and constants: the covariance has no inverse, and the rest is erased as before."""
    x, z = rows()
    padded = torch.cat([x, 2 * x[:, :3], torch.ones(300, 2)], dim=1)
    erased = leace_eraser(padded, z)(padded)
    torch.testing.assert_close(erased[:, :8], leace_eraser(x, z)(x), atol=1e-7, rtol=0)
    torch.testing.assert_close(erased[:, 8:11], 2 * erased[:, :3], atol=1e-7, rtol=0)
    assert torch.equal(erased[:, 11:], padded[:, 11:])


def test_no_map_that_erases_moves_the_rows_less():
    x, z = rows()
    least = (leace_eraser(x, z)(x) - x).square().sum()
    cross = leace_eraser(x, z).move
    plain = x - (x - x.mean(0)) @ cross @ cross.T / cross.square().sum()
    means = [plain[z == one].mean(dim=0) for one in (0, 1)]
    torch.testing.assert_close(means[0], means[1])
    assert (plain - x).square().sum() > 1.1 * least


def test_given_classes_only_what_is_left_within_them_is_erased():
    x, z = rows(n=600)
    y = np.where(np.random.default_rng(1).uniform(size=600) < 0.8, z, 1 - z)
    erased = leace_eraser(x, z, given=y)(x).numpy()
    left = z - np.array([z[y == one].mean() for one in (0, 1)])[y]
    np.testing.assert_allclose(erased.T @ left, 0, atol=1e-8)
    assert np.abs((erased - erased.mean(0)).T @ (z - z.mean())).max() > 10


def head_that_never_reads_it(correlation, seed, n=2000, d=16):
    """Rows whose target is read in one direction and whose attribute in another."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    z = np.where(rng.uniform(size=n) < (1 + correlation) / 2, y, 1 - y)
    x = rng.normal(size=(n, d))
    x[:, 0] += 2 * (2 * y - 1)
    x[:, 8] += 2 * (2 * z - 1)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return torch.from_numpy(x @ turn.T), y, z, torch.from_numpy(turn[:, 0])


def test_plainly_18_percent_of_decisions_that_never_read_it_change_given_the_target_none():
    changed = []
    for seed in range(10):
        x, y, z, head = head_that_never_reads_it(0.6, seed)
        decided = x @ head > 0
        erasers = leace_eraser(x, z), leace_eraser(x, z, given=y)
        changed.append([float(((one(x) @ head > 0) != decided).double().mean()) for one in erasers])
    plain, given = np.mean(changed, axis=0)
    assert plain == pytest.approx(0.18, abs=0.02)
    assert given < 0.002


def test_random_directions_take_as_much_of_white_activations_each():
    x, _ = rows(n=2000)
    rng = np.random.default_rng(0)
    white = (x - x.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T
    lost = [
        float((white - random_eraser(white, 2, rng)(white)).square().sum() / white.square().sum())
        for _ in range(5)
    ]
    np.testing.assert_allclose(lost, 2 / 8, atol=1e-3)
    assert len(set(lost)) == 5


def test_batches_and_parts_add_up():
    x, z = rows()
    concepts, part = torch.from_numpy(np.eye(2)[z]), torch.arange(300) % 3
    moments = Moments(parts=3)
    for begin in range(0, 300, 70):
        here = slice(begin, begin + 70)
        moments.add(x[here], concepts[here], part=part[here])
    torch.testing.assert_close(leace_of(moments)(x), leace_eraser(x, z)(x))
    kept = part != 1
    expected = leace_eraser(x[kept], z[kept.numpy()])(x)
    torch.testing.assert_close(leace_of(moments, without=1)(x), expected)


def test_a_row_of_weight_two_counts_as_two_rows():
    x, z = rows()
    weights = 1.0 + np.arange(300) % 2
    twice = torch.cat([x, x[1::2]]), np.concatenate([z, z[1::2]])
    torch.testing.assert_close(leace_eraser(x, z, weights=weights)(x), leace_eraser(*twice)(x))


def test_a_far_origin_costs_no_digits():
    x, z = rows()
    near, far = leace_eraser(x, z)(x), leace_eraser(x + 1e6, z)(x + 1e6) - 1e6
    torch.testing.assert_close(near, far, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("x", "z", "said"),
    [
        (torch.ones(20, 3), np.arange(20) % 2, "the same on every row"),
        (torch.full((20, 3), torch.nan), np.arange(20) % 2, "row 1 of the activations holds NaN"),
        (torch.randn(20, 3), np.arange(19) % 2, "19 labels for 20 rows"),
        (torch.randn(20), np.arange(20) % 2, r"a layer gave \(20,\)"),
        (torch.randn(20, 3), np.full(20, np.nan), "holds NaN"),
    ],
)
def test_what_cannot_be_erased_is_said(x, z, said):
    with warnings.catch_warnings(), pytest.raises(DataError, match=said):
        leace_eraser(x, z)
