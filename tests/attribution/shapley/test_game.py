"""Coalitions are asked as they are meant: what is in is the row's, what is out the baseline's."""

import pytest
import torch

from auditkit.attribution.base import question_of
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import HELD, Players
from auditkit.attribution.shapley.game import game_of, games, placed
from auditkit.runtime import Runtime


def weighed(x):
    return x @ torch.tensor([1.0, 10.0, 100.0])


def asked(model, inputs, **given):
    return question_of(model, inputs, runtime=given.pop("runtime", Runtime()), **given)


ROWS = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_each_coalition_takes_the_rows_numbers_and_leaves_the_baselines():
    baseline = torch.tensor([[7.0, 8.0, 9.0]])
    game = game_of(asked(weighed, (ROWS,), baselines=baseline))
    sets = torch.tensor([[True, False, False], [False, True, True]])
    assert game.values(sets).tolist() == [[981.0, 327.0], [984.0, 657.0]]


def test_several_baselines_are_averaged_over_the_answer_not_over_themselves():
    baseline = torch.tensor([[0.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    game = game_of(asked(lambda x: x[:, 1] ** 2, (ROWS,), baselines=baseline))
    assert game.values(torch.tensor([[True, False, True]])).tolist() == [[5.0], [5.0]]


def test_a_paired_baseline_belongs_to_its_own_row():
    baseline = Baseline(name="own", rows=(ROWS + 1,), paired=True)
    game = game_of(asked(weighed, (ROWS,), baselines=baseline))
    assert game.values(torch.tensor([[False, True, True]])).tolist() == [[322.0], [655.0]]


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 4096])
def test_the_size_of_a_pass_changes_nothing(batch):
    torch.manual_seed(0)
    rows, baseline = torch.randn(3, 3), torch.randn(4, 3)
    sets = torch.rand(5, 3) > 0.5
    wanted = torch.zeros(3, 5, dtype=torch.float64)
    for i, row in enumerate(rows):
        for j, kept in enumerate(sets):
            wanted[i, j] = weighed(torch.where(kept, row, baseline)).double().mean()
    question = asked(weighed, (rows,), baselines=baseline, runtime=Runtime(batch_size=batch))
    largest = 0

    def watched(x):
        nonlocal largest
        largest = max(largest, len(x))
        return weighed(x)

    question = asked(watched, (rows,), baselines=baseline, runtime=Runtime(batch_size=batch))
    largest = 0
    torch.testing.assert_close(game_of(question).values(sets), wanted, rtol=1e-5, atol=1e-5)
    assert largest <= max(batch, 3)  # 3 rows measure what a row takes


def test_what_is_held_stays_the_rows_own_in_every_coalition():
    masks = (torch.tensor([[0, HELD, 1]]),)
    players = Players(masks=masks, names=(("a", "b"),))
    game = game_of(asked(weighed, (ROWS,), players=players))
    assert game.values(torch.zeros(1, 2).bool()).tolist() == [[20.0], [50.0]]


def test_a_player_moves_all_its_numbers_over_several_inputs_of_any_type():
    levels = torch.tensor([[3, 4], [5, 6]])
    players = Players(
        masks=(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 2]])), names=(("a", "b", "c"),)
    )
    question = asked(lambda x, y: x.sum(1) + 100 * y.sum(1), (ROWS, levels), players=players)
    singles = torch.eye(3).bool()
    assert game_of(question).values(singles).tolist() == [[301, 5, 400], [504, 11, 600]]


def test_rows_with_other_numbers_of_players_play_games_of_their_own():
    words = torch.tensor([[5, 6, 7], [8, 9, 0], [3, 4, 0]])
    masks = (torch.tensor([[0, 1, 2], [0, 1, HELD], [0, 0, HELD]]),)
    names = (("a", "b", "c"), ("d", "e"), ("f",))
    question = asked(
        lambda x: x.sum(1).double(), (words,), players=Players(masks=masks, names=names)
    )
    found = {game.players: (game.rows.tolist(), owners) for game, owners in games(question)}
    assert {k: rows for k, (rows, _) in found.items()} == {1: [2], 2: [1], 3: [0]}


def test_a_player_like_the_baseline_takes_no_part_and_its_share_is_exactly_nought():
    rows = torch.tensor([[1.0, 0.0, 3.0], [1.0, 2.0, 3.0]])
    question = asked(weighed, (rows,))
    parts = []
    for game, owners in games(question):
        parts.append((game.rows, owners, game.values(torch.eye(game.players).bool())))
    assert placed(question, parts).tolist() == [[1.0, 0.0, 300.0], [1.0, 20.0, 300.0]]


def test_rows_that_are_the_baseline_play_no_game():
    question = asked(weighed, (torch.zeros(2, 3),))
    assert list(games(question)) == []
    assert placed(question, []).tolist() == [[0.0] * 3] * 2
