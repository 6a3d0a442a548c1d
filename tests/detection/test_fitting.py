from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from auditkit.detection.batches import Batches
from auditkit.detection.corpus import FAKE, IMAGE, LABEL
from auditkit.detection.fitting import DetectorRecipe, fit, fit_linear, fit_networks
from auditkit.detection.members.spectral import Linear
from auditkit.detection.members.table import MEMBERS, VOTING
from auditkit.detection.panel import Panel, read
from auditkit.errors import AuditkitError
from auditkit.runtime import Runtime
from tests.detectors import planted_corpus

RUNTIME = Runtime(device="cpu")
QUICK = DetectorRecipe(steps=60, linear=20, batch=16)


class Corners(Linear):
    """The first pixels of a patch are its features."""

    least = 1

    def features(self, patches: Tensor) -> Tensor:
        return patches[:, 0, 0, :3]


def fitted(corpus: object, recipe: DetectorRecipe = QUICK, seed: int = 0) -> Panel:
    runtime = replace(RUNTIME, seed=seed)
    with runtime.seeded("panel"):
        panel = Panel()
    fit(panel, Batches(corpus, batch=recipe.batch, degraded=0), recipe, runtime)
    return panel


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fitted(planted_corpus(25, generators=("nearest", "zeros", "linear"), side=48))


def test_a_linear_member_finds_the_feature_that_was_planted_and_no_other() -> None:
    rng = np.random.default_rng(0)
    fake = (np.arange(4_000) % 2).astype(np.float32)
    pixels = rng.normal(size=(4_000, 1, 1, 3)).astype(np.float32) * [1, 100, 1]
    pixels[:, 0, 0, 0] += 2 * fake
    pixels[:, 0, 0, 2] = 0.5  # says nothing, and varies not at all
    member = Corners(3)
    drawn = [(torch.tensor(pixels, dtype=torch.float32), torch.tensor(fake))]
    fit_linear({"corners": member}, drawn, penalty=1)
    weight = member.linear.weight[0].detach()
    # Two normal laws of one variance, 2 deviations apart: log odds rise by 2 a unit.
    slope = weight[0] / member.deviation[0]
    assert slope.item() == pytest.approx(2, abs=0.2)
    assert weight[1].abs() < 0.15
    assert weight[2] == 0
    assert member(torch.full((1, 1, 1, 3), 0.5)).isfinite().all()


def test_a_larger_penalty_gives_smaller_weights() -> None:
    drawn = list(Batches(planted_corpus(10), batch=20, degraded=0).draw(4, RUNTIME.rng("x")))
    sizes = []
    for penalty in (1, 100, 10_000):
        member = MEMBERS["cosine"].build()
        fit_linear({"cosine": member}, drawn, penalty)
        sizes.append(member.linear.weight.norm().item())
    assert sizes == sorted(sizes, reverse=True)


def test_networks_learn_side_by_side_what_each_would_learn_alone() -> None:
    def twins() -> list[nn.Module]:
        torch.manual_seed(0)
        return [MEMBERS["neighbours"].build(), MEMBERS["high-pass"].build()]

    drawn = list(Batches(planted_corpus(10), batch=8, degraded=0).draw(5, RUNTIME.rng("x")))
    together, alone = twins(), twins()
    fit_networks(dict(zip("ab", together, strict=True)), drawn, 5, 3e-3)
    fit_networks({"a": alone[0]}, drawn, 5, 3e-3)
    for one, other in zip(together[0].parameters(), alone[0].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def areas(panel: Panel, generator: str, side: int) -> dict[str, float]:
    test = planted_corpus(40, generators=(generator,), seed=9, side=side)
    logits = read(panel, list(test[IMAGE]), RUNTIME).logits
    fake = (test[LABEL] == FAKE).to_numpy()
    return {name: roc_auc_score(fake, logits[:, i]) for i, name in enumerate(MEMBERS)}


def test_voting_members_find_a_generator_that_they_never_saw(panel: Panel) -> None:
    found = areas(panel, "cubic", 48)
    assert min(found[name] for name in VOTING if name != "periods") > 0.9, found


def test_periods_are_found_where_there_are_some_and_room_to_see_them(panel: Panel) -> None:
    assert areas(panel, "zeros", 48)["periods"] > 0.9
    assert areas(panel, "zeros", 32)["periods"] == 0.5


def test_no_member_finds_anything_where_nothing_was_planted() -> None:
    """Real images called fakes at random: on new ones all members guess."""
    corpus = planted_corpus(120, generators=())
    corpus[LABEL] = np.where(np.arange(120) % 2, "fake", "real")
    found = fitted(corpus, replace(QUICK, steps=20))
    test = planted_corpus(100, generators=(), seed=5)
    logits = read(found, list(test[IMAGE]), RUNTIME).logits
    fake = np.arange(100) % 2 == 1
    for place in range(len(MEMBERS)):
        assert 0.3 < roc_auc_score(fake, logits[:, place]) < 0.7


def test_the_same_seed_gives_the_same_panel_and_another_seed_another() -> None:
    corpus = planted_corpus(5)
    short = replace(QUICK, steps=3, linear=3)
    first, again, other = (fitted(corpus, short, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"degraded": 1.5}, {"rate": float("nan")}])
def test_a_recipe_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AuditkitError, match=next(iter(wrong))):
        DetectorRecipe(**wrong)
