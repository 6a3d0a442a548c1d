import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata, spearmanr

from auditkit.errors import UsageError
from auditkit.probing.similarity.representational import rsa
from auditkit.runtime import Runtime


def noise(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("dissimilarity", ["correlation", "cosine", "euclidean"])
def test_it_is_spearmans_correlation_of_the_pairs(dissimilarity: str):
    x = noise(0, 40, 6)
    y = x[:, :4] + noise(1, 40, 4)
    theirs = spearmanr(pdist(x, dissimilarity), pdist(y, dissimilarity)).statistic
    found = rsa(x, y, dissimilarity=dissimilarity, permutations=0)  # type: ignore[arg-type]
    assert found.estimate.value == pytest.approx(theirs, abs=1e-9)


def test_a_turned_layer_calls_the_same_rows_alike():
    x = noise(0, 60, 5)
    turn = np.linalg.qr(noise(1, 5, 5))[0]
    assert rsa(x, 2 * x @ turn, dissimilarity="cosine").estimate.value == pytest.approx(1)
    assert rsa(x, 2 * x @ turn + 3, dissimilarity="euclidean").estimate.value == pytest.approx(1)


def test_rows_are_dealt_and_not_pairs():
    """Distances that share a row hang together: dealing pairs would find these far too often."""
    p = [
        rsa(noise(i, 30, 2), noise(i + 99, 30, 2), dissimilarity="euclidean", permutations=99)
        for i in range(60)
    ]
    low = np.mean([one.p_value <= 0.1 for one in p])
    assert low <= 0.2
    assert np.mean([one.estimate.low <= 0 <= one.estimate.high for one in p]) > 0.85


def test_the_p_counts_dealings_of_rows_on_both_sides_of_the_pairs():
    x = noise(0, 15, 4)
    y = x + 2 * noise(1, 15, 4)
    rng = Runtime().rng("permutations of rsa")
    here = spearmanr(pdist(x), pdist(y)).statistic
    orders = [rng.permutation(15) for _ in range(199)]
    dealt = [spearmanr(pdist(x), pdist(y[order])).statistic for order in orders]
    found = rsa(x, y, dissimilarity="euclidean", permutations=199).p_value
    assert found == pytest.approx((1 + sum(one >= here - 1e-9 for one in dealt)) / 200)
    assert 0.01 < found < 0.5


def test_the_interval_is_that_of_leaving_each_row_out_with_ranks_held():
    x = noise(0, 15, 4)
    y = x + noise(1, 15, 4)
    a, b = (squareform(rankdata(pdist(one))) for one in (x, y))
    upper = np.triu_indices(14, 1)
    left = []
    for i in range(15):
        one, other = (np.delete(np.delete(r, i, 0), i, 1)[upper] for r in (a, b))
        left.append(np.corrcoef(one, other)[0, 1])
    found = rsa(x, y, dissimilarity="euclidean", permutations=0).estimate
    half = 2.1448 * np.sqrt(14 * np.var(left)) / (1 - found.value**2)  # Student's, 14 degrees
    assert np.arctanh(found.high) - np.arctanh(found.value) == pytest.approx(half, rel=1e-3)


def test_what_is_there_is_found():
    x = noise(0, 50, 5)
    found = rsa(x, x + noise(1, 50, 5))
    assert found.p_value == 1 / 1000
    assert found.estimate.low > found.chance == 0


def test_many_rows_are_drawn_from_and_rows_without_direction_left_out():
    x = noise(0, 120, 5)
    assert rsa(x, x, most=50, permutations=0).estimate.n == 50
    x[:7] = 2.0  # no unit differs from another
    assert rsa(x, x, permutations=0).estimate.n == 113


def test_what_cannot_be_told_is_said():
    same = rsa(np.ones((20, 3)), noise(0, 20, 3), dissimilarity="euclidean")
    assert same.estimate.reason == "the activations are the same for every row"
    none = rsa(np.ones((20, 3)), noise(0, 20, 3))
    assert none.estimate.reason == "fewer than 4 rows have a direction"
    with pytest.raises(UsageError, match="no dissimilarity 'l1'"):
        rsa(noise(0, 20, 3), noise(0, 20, 3), dissimilarity="l1")  # type: ignore[arg-type]
