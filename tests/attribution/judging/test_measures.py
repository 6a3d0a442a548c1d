"""Numbers worked out by hand, and laws."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from auditkit.attribution.base import asked, question_of
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.judging.completeness import completeness_gap
from auditkit.attribution.judging.complexity import entropy, gini
from auditkit.attribution.judging.deletion import chance_of, curves_by, curves_of
from auditkit.attribution.judging.infidelity import infidelity, infidelity_of_shuffled
from auditkit.attribution.judging.localisation import chance_accuracy, rank_accuracy
from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.judging.randomisation import similarity
from auditkit.attribution.judging.ranking import (
    correlation,
    overlap,
    partial_rank_correlation,
    rank_correlation,
)
from auditkit.attribution.judging.removal import area, counts, ranks, reactions, removal_of
from auditkit.attribution.judging.sensitivity import max_sensitivity
from auditkit.attribution.judging.text import comprehensiveness, reads_words, sufficiency
from auditkit.attribution.players import HELD, Players
from auditkit.attribution.question import Question, at_rest
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu")


def draws() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def linear(weights: list[float]) -> nn.Linear:
    model = nn.Linear(len(weights), 1, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([weights]))
        model.bias.fill_(0.5)
    return model


def of(model: nn.Module, inputs: torch.Tensor, start: float = 0.0) -> Question:
    baseline = Baseline(name="start", rows=(torch.full_like(inputs[:1], start),))
    with at_rest(model):
        return question_of(model, (inputs,), baselines=baseline, runtime=RUNTIME)


def rows(n: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, columns)))


WEIGHTS = [3.0, -2.0, 0.5, 0.0, 1.0]


@pytest.mark.parametrize("columns", [5, 23])
def test_of_a_linear_model_random_orders_average_halfway_and_both_ends_add_up(columns: int):
    weights = (WEIGHTS * 5)[:columns]
    question = of(linear(weights), rows(6, columns), start=0.3)
    removal = removal_of(question)
    chance = chance_of(removal, draws())
    torch.testing.assert_close(chance.area, (removal.own + removal.bare) / 2)
    order = ranks(rows(6, columns, seed=1), removal.exists, draws())
    curves = curves_by(removal, order, chance)
    both = area(curves.first, removal.counts) + area(curves.last, removal.counts)
    torch.testing.assert_close(both, removal.own + removal.bare)


class Numeric(nn.Module):
    """A network of a table, whose columns happen to be numbers alone."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = linear([3.0, 2.0])

    def forward(self, numbers: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        assert levels.shape[1] == 0
        return self.numbers(numbers).squeeze(-1)


def test_an_input_without_columns_is_no_player_and_in_nobodys_way():
    numbers, none = torch.ones(3, 2, dtype=torch.float64), torch.empty(3, 0, dtype=torch.int64)
    baseline = Baseline(name="start", rows=(torch.zeros_like(numbers[:1]), none[:1]))
    model = Numeric()
    with at_rest(model):
        question = question_of(model, (numbers, none), baselines=baseline, runtime=RUNTIME)
    found = removal_of(question).answers(torch.tensor([[[True, False]]]).expand(3, 1, 2))
    torch.testing.assert_close(found, torch.full((3, 1), 2.5, dtype=torch.float64))


def test_deletion_of_three_columns_as_by_hand():
    """f = 3 + 2 + 1: out in that order it is 6, 3, 1, 0; in the other 6, 5, 3, 0."""
    question = of(linear([3.0, 2.0, 1.0]), torch.ones(1, 3, dtype=torch.float64))
    removal = removal_of(question)
    chance = chance_of(removal, draws())
    curves = curves_of(removal, torch.tensor([[3.0, 2.0, 1.0]]), chance, draws())
    torch.testing.assert_close(curves.first[0] - 0.5, torch.tensor([6.0, 3.0, 1.0, 0.0]).double())
    torch.testing.assert_close(curves.last[0] - 0.5, torch.tensor([6.0, 5.0, 3.0, 0.0]).double())
    halfway = 3.5 - (0.5 + (6 / 2 + 3 + 1) / 3)
    assert float(curves.deletion[0]) == pytest.approx(halfway / 6)
    assert float(curves.quality[0]) == pytest.approx(halfway / 6)


def test_where_the_baseline_answers_more_the_same_order_is_as_good():
    inputs = rows(8, 5)
    both = []
    for sign in (1.0, -1.0):
        model = linear([sign * one for one in WEIGHTS])
        removal = removal_of(of(model, inputs))
        chance = chance_of(removal, draws())
        scores = inputs * torch.tensor(WEIGHTS) * sign * chance.sign[:, None]
        both.append(curves_of(removal, scores, chance, draws()).quality)
    torch.testing.assert_close(both[0], both[1])
    assert (both[0] > 0).all()


def test_a_row_that_nothing_moves_has_no_quality():
    removal = removal_of(of(linear([0.0, 0.0]), rows(3, 2)))
    chance = chance_of(removal, draws())
    assert curves_of(removal, rows(3, 2), chance, draws()).quality.isnan().all()


def test_steps_are_symmetric_and_rise():
    found = counts(torch.tensor([15, 40, 131]))
    players = torch.tensor([15, 40, 131])[:, None]
    assert torch.equal(found, (players - found).flip(1))
    assert (found.diff(dim=1) >= 0).all()
    assert torch.equal(counts(torch.tensor([2, 3])), torch.tensor([[0, 1, 2, 2], [0, 1, 2, 3]]))


def test_ties_fall_at_random_and_players_a_row_has_not_come_last():
    exists = torch.tensor([[True, True, True, False]]).expand(2000, 4)
    places = ranks(torch.zeros(2000, 4), exists, draws())
    assert (places[:, 3] == 3).all()
    assert places[:, 0].double().mean() == pytest.approx(1.0, abs=0.08)


def test_what_no_player_moves_stays_and_a_patch_goes_as_one():
    players = Players(masks=(torch.tensor([[0, 0, 1, HELD]]),), names=(("a", "b"),))
    model = linear([1.0, 2.0, 4.0, 8.0])
    inputs = torch.ones(1, 4, dtype=torch.float64)
    with at_rest(model):
        question = question_of(model, (inputs,), players=players, runtime=RUNTIME)
        removal = removal_of(question)
        out = torch.tensor([[[True, False], [False, True], [True, True]]])
        torch.testing.assert_close(
            removal.answers(out)[0], torch.tensor([12.5, 11.5, 8.5]).double()
        )
        torch.testing.assert_close(reactions(removal), torch.tensor([[3.0, 4.0]]).double())


def test_infidelity_of_a_linear_models_weights_is_zero_and_of_nothing_one():
    inputs = rows(7, 5)
    removal = removal_of(of(linear(WEIGHTS), inputs))
    chance = chance_of(removal, draws())
    changes = removal.own[:, None] - chance.answers
    scores = inputs * torch.tensor(WEIGHTS)
    assert infidelity(scores, chance.sets, changes).abs().max() < 1e-12
    assert infidelity(17 * scores, chance.sets, changes).abs().max() < 1e-12
    assert (infidelity(0 * scores, chance.sets, changes) == 1).all()
    assert (infidelity(-scores, chance.sets, changes) == 1).all()  # the sign is part of it
    null = infidelity_of_shuffled(scores, removal.exists, chance.sets, changes, draws())
    assert (null > 0.05).all()


def test_the_gradient_of_a_linear_model_does_not_move_with_its_input():
    question = of(linear(WEIGHTS), rows(6, 5))

    def explain(asked_of: Question) -> torch.Tensor:
        return asked("saliency", asked_of).value

    def moving(asked_of: Question) -> torch.Tensor:
        return asked("input_x_gradient", asked_of).value

    with at_rest(question.model):
        still = max_sensitivity(question, explain(question), explain, draws())
        moved = max_sensitivity(question, moving(question), moving, draws())
    assert still.abs().max() == 0
    assert (moved > 0).all()
    assert moved.max() < 0.2


def test_gini_and_entropy_at_their_ends():
    exists = torch.tensor([[True] * 4, [True, True, True, False]])
    alike, single = torch.ones(2, 4), torch.zeros(2, 4)
    single[:, 1] = 5
    torch.testing.assert_close(gini(alike, exists), torch.zeros(2).double())
    torch.testing.assert_close(gini(single, exists), torch.tensor([3 / 4, 2 / 3]).double())
    torch.testing.assert_close(entropy(alike, exists), torch.ones(2).double())
    torch.testing.assert_close(entropy(single, exists), torch.zeros(2).double())
    assert gini(0 * alike, exists).isnan().all()
    assert entropy(0 * alike, exists).isnan().all()
    assert float(gini(torch.tensor([[1.0, 3.0]]), exists[:1, :2])) == pytest.approx(0.25)


def test_the_planted_players_are_counted_among_the_first():
    sizes = torch.tensor([[5.0, 4.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    truth = torch.tensor([[True, False, True, False], [False] * 4])
    exists = torch.ones(2, 4, dtype=torch.bool)
    found = rank_accuracy(sizes, truth, exists, draws())
    assert float(found[0]) == 0.5
    assert bool(found[1].isnan())
    assert float(chance_accuracy(truth, exists)[0]) == 0.5


def test_rank_correlations_are_scipys_also_of_ties():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 4, (5, 9)), generator.integers(0, 4, (5, 9))
    every = torch.ones(5, 9, dtype=torch.bool)
    ours = rank_correlation(torch.from_numpy(first), torch.from_numpy(second), every)
    theirs = [spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(ours, theirs)
    few = every.clone()
    few[:, 6:] = False
    ours = rank_correlation(torch.from_numpy(first), torch.from_numpy(second), few)
    theirs = [spearmanr(a[:6], b[:6]).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(ours, theirs)
    np.testing.assert_allclose(
        correlation(torch.from_numpy(first), torch.from_numpy(second), every),
        [np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)],
    )


def test_the_product_with_the_input_is_alike_only_by_the_inputs_size():
    """|x g| and |x h| of unrelated g and h correlate at .6 and more on skewed inputs."""
    generator = np.random.default_rng(0)
    x = torch.from_numpy(np.exp(1.5 * generator.normal(size=(40, 200))))
    g, h = (torch.from_numpy(generator.normal(size=(40, 200))) for _ in range(2))
    every = torch.ones(40, 200, dtype=torch.bool)
    plain = rank_correlation((x * g).abs(), (x * h).abs(), every)
    beyond = partial_rank_correlation((x * g).abs(), (x * h).abs(), [x], every, nothing=1.0)
    assert float(plain.mean()) > 0.6
    assert abs(float(beyond.mean())) < 0.05
    same = partial_rank_correlation(x, (x * h).abs(), [x], every, nothing=1.0)
    assert (same == 1).all()


def test_what_two_explanations_put_first_is_a_fifth_of_the_players():
    first = torch.arange(10.0)[None]
    second = first.clone()
    second[0, 0], second[0, 9] = 20.0, 0.0
    every = torch.ones(1, 10, dtype=torch.bool)
    assert float(overlap(first, first, every)) == 1
    assert float(overlap(first, second, every)) == 0.5


class Counting(nn.Module):
    """A text's answer is the sum of its tokens' own values."""

    def __init__(self) -> None:
        super().__init__()
        self.values = nn.Embedding(6, 1, padding_idx=0)
        with torch.no_grad():
            self.values.weight[:, 0] = torch.tensor([0.0, 8.0, 4.0, 2.0, 1.0, 0.0])

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.values(tokens)[..., 0].sum(dim=1)


def texts() -> Question:
    tokens = torch.tensor([[1, 2, 3, 4, 5, 5, 5, 5, 5, 5], [1, 3, 0, 0, 0, 0, 0, 0, 0, 0]])
    masks = torch.where(tokens == 0, HELD, torch.arange(10).expand_as(tokens))
    names = (tuple("abcdefghij"), ("a", "b"))
    model = Counting()
    with at_rest(model):
        return question_of(
            model, (tokens,), players=Players(masks=(masks,), names=names), runtime=RUNTIME
        )


def test_words_are_taken_out_and_kept_as_by_hand():
    """Of 15, the bins take 1, 1, 1, 2 and 5 words: 8, 8, 8, 12 and 15 are gone."""
    question = texts()
    removal = removal_of(question)
    assert reads_words(removal)
    chance = chance_of(removal, draws())
    scores = question.players.gathered((question.model.values(question.inputs[0])[..., 0],))
    curves = curves_of(removal, scores, chance, draws())
    span = chance.spans[0]
    gone = comprehensiveness(removal, curves.first, chance)
    left = sufficiency(removal, curves.last, chance)
    assert float(gone[0] * span) == pytest.approx((8 + 8 + 8 + 12 + 15) / 5)
    assert float(left[0] * span) == pytest.approx((7 + 7 + 7 + 3 + 0) / 5)
    # Two words: each bin takes one of them.
    assert float(gone[1] * chance.spans[1]) == pytest.approx(8.0)
    assert float(left[1] * chance.spans[1]) == pytest.approx(2.0)


def test_completeness_is_told_in_parts_of_what_is_to_be_added_up():
    model = linear(WEIGHTS)
    question = of(model, rows(6, 5))
    with at_rest(model):
        found = asked("integrated_gradients", question)
    assert float(completeness_gap(found).max()) < 1e-6


def test_a_mean_over_rows_leaves_out_those_without_a_number():
    found = mean_of([1.0, np.nan, 3.0])
    assert (found.value, found.n) == (2.0, 2)
    assert found.low == pytest.approx(2 - 12.706, abs=1e-3)
    assert not mean_of([np.nan]).defined
    assert np.isnan(mean_of([1.0]).low)


def test_what_is_rounding_has_no_rank_in_a_likeness():
    exact = torch.tensor([[3.0, 2.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    other = torch.tensor([[1.0, 3.0, 0.0, 0.0, 2.0]], dtype=torch.float64)
    noise = torch.tensor([[0.0, 0.0, 3e-17, 1e-9, 0.0]], dtype=torch.float64)
    exists = torch.ones(1, 5).bool()
    plain = similarity(exact, other, (), exists)
    assert similarity(exact + noise, other + noise, (), exists).equal(plain)
    assert similarity(exact + noise, other, (), exists).equal(plain)
