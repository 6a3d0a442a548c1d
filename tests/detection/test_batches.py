from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch

from auditkit.detection.batches import Batches
from auditkit.detection.corpus import FAKE, IMAGE, LABEL, NOBODY, REAL, corpus_of
from auditkit.errors import DataError
from tests.detectors import planted_corpus


def marked(counts: dict[tuple[str, str], int], side: int = 20) -> list[tuple[str, str, np.ndarray]]:
    """Images whose only brightness says of which source and generator they are."""
    kinds = list(counts)
    return [
        (*kind, np.full((1, side, side), 20 * kinds.index(kind), np.uint8))
        for kind, count in counts.items()
        for _ in range(count)
    ]


def test_batches_are_half_real_and_sources_and_generators_have_equal_shares() -> None:
    counts = {("sea", NOBODY): 90, ("town", NOBODY): 3, ("sea", "a"): 50, ("town", "b"): 2}
    sources, makers, images = zip(*marked(counts), strict=True)
    labels = [REAL if one == NOBODY else FAKE for one in makers]
    corpus = corpus_of(
        images, label=labels, generator=makers, source=sources, original="x", part="train"
    )
    batches = Batches(corpus, batch=40, degraded=0)
    seen: Counter[int] = Counter()
    for patches, fake in batches.draw(50, np.random.default_rng(0)):
        assert fake.mean() == 0.5
        levels = (patches[:, 0, 0, 0] * 255).round().int()
        assert ((levels >= 40) == (fake == 1)).all()
        seen.update(levels.tolist())
    assert all(abs(seen[level] / 2000 - 0.25) < 0.04 for level in (0, 20, 40, 60))


def test_patches_of_a_batch_have_one_size_and_smaller_ones_are_drawn_now_and_then() -> None:
    corpus = planted_corpus(4, side=64)
    sizes = Counter(
        patches.shape[-1]
        for patches, _ in Batches(corpus, batch=4, degraded=0).draw(60, np.random.default_rng(0))
    )
    assert 30 < sizes[64] < 58
    assert min(sizes) >= 28


def test_the_same_seed_draws_the_same_batches_and_another_seed_others() -> None:
    batches = Batches(planted_corpus(6), batch=8, degraded=0.5)

    def drawn(seed: int) -> list[torch.Tensor]:
        return [one for one, _ in batches.draw(3, np.random.default_rng(seed))]

    assert all(map(torch.equal, drawn(0), drawn(0)))
    assert not all(map(torch.equal, drawn(0), drawn(1)))


def test_degrading_does_not_know_the_class() -> None:
    """Of images that are all alike, real and made patches are changed alike."""
    corpus = planted_corpus(30, side=64)
    one = corpus[IMAGE].iloc[0]
    for place in corpus.index:
        corpus.at[place, IMAGE] = one
    drawn = Batches(corpus, batch=200, degraded=1).draw(2, np.random.default_rng(0))
    for patches, fake in drawn:
        rough = patches.diff(dim=-1).abs().mean((1, 2, 3))
        made, real = rough[fake == 1], rough[fake == 0]
        apart = (made.mean() - real.mean()) / (rough.std() * (2 / 100) ** 0.5)
        assert abs(apart) < 3.5


def test_sizes_that_tell_the_classes_apart_are_never_drawn() -> None:
    small, large = planted_corpus(3, side=32), planted_corpus(3, side=48)
    corpus = pd.concat([small[small[LABEL] == REAL], large], ignore_index=True)
    assert [one.size for one in Batches(corpus, batch=4, degraded=0).pools] == [(48, 48)]


def test_a_corpus_without_a_size_in_both_classes_is_refused() -> None:
    corpus = planted_corpus(3)
    with pytest.raises(DataError, match="give both classes the same sizes"):
        Batches(corpus[corpus[LABEL] == REAL], batch=4, degraded=0)
