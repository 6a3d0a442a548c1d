"""What each head looks at, on weights that are known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auditkit.attribution.attention import Look
from auditkit.attribution.base import question_of
from auditkit.attribution.heads import ACROSS, READS, WRITES, _shares, habits, marks_of
from auditkit.attribution.players import HELD, Players
from auditkit.attribution.question import at_rest
from auditkit.models.explainable.texts import sizes_of
from auditkit.runtime import Runtime
from tests.attribution.test_attention import LENGTHS, TOKENS, ours, written

RUNTIME = Runtime(device="cpu")
NONE = torch.zeros(1, 4, dtype=torch.bool)


def look(weights: list[list[float]], *, own: bool = True) -> Look:
    made = torch.tensor([[weights]])  # one row, one head
    return Look(name="x", weights=made, gathered=torch.zeros(1), own=own)


def test_shares_of_a_head_that_looks_back_are_those_worked_out_by_hand():
    back = [[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    marks = torch.tensor([[False, True, False, False]])
    found = _shares(look(back), torch.tensor([4]), torch.tensor([4]), marks)[0, 0]
    # All looks of the later three are at the token before; one of four at a mark.
    assert found[:4].tolist() == [0.5, 1.0, 0.25, 0.25]
    # Only the last three have a choice, and they make no use of it.
    assert float(found[4]) == 0


def test_the_last_line_is_a_head_that_looks_at_all_it_may_see_alike():
    square = [[0.25] * 4] * 4
    found = _shares(look(square), torch.tensor([4]), torch.tensor([4]), NONE)[0]
    assert found[0, :3].tolist() == [0.25] * 3
    assert torch.equal(found[0].nan_to_num(), found[1].nan_to_num())
    assert float(found[0, 4]) == pytest.approx(1)
    assert math.isnan(float(found[0, 3]))  # no token is punctuation
    causal = torch.tril(torch.ones(4, 4))
    causal = (causal / causal.sum(dim=1, keepdim=True)).tolist()
    found = _shares(look(causal), torch.tensor([4]), torch.tensor([4]), NONE)[0]
    assert float(found[1, 0]) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert found[0].nan_to_num() == pytest.approx(found[1].nan_to_num())


def test_padding_neither_asks_nor_is_counted_among_what_can_be_seen():
    weights = [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    found = _shares(look(weights), torch.tensor([2]), torch.tensor([2]), NONE)[0]
    assert found[0, [0, 2]].tolist() == [0.5, 0.5]
    assert float(found[0, 4]) == pytest.approx(1)


def test_a_text_that_looks_at_another_has_no_token_before():
    found = _shares(look([[1.0, 0, 0]], own=False), torch.tensor([1]), torch.tensor([3]), NONE)
    assert np.isnan(found[0, 0, 1:4].numpy()).all()
    assert found[0, 0, 0] == 1


def asked(model: nn.Module, inputs: tuple[Tensor, ...], targets: int | None):
    marks = torch.zeros_like(inputs[0], dtype=torch.bool)
    with at_rest(model):
        question = question_of(model, inputs, targets, runtime=RUNTIME)
        return habits(question, sizes_of(inputs), marks)


def test_a_model_has_a_line_for_each_of_its_heads_whatever_the_batch():
    found = asked(ours(), (TOKENS, LENGTHS), None)
    assert found[["layer", "head"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2], [1, 0]]
    shares = found[["first", "before", "itself", "evenness"]].to_numpy()
    assert ((shares > 0) & (shares <= 1 + 1e-9)).all()
    model = ours()
    alone = [
        asked(model, (TOKENS[i : i + 1, :n], LENGTHS[i : i + 1]), None)
        for i, n in enumerate(LENGTHS.tolist())
    ]
    mean = (alone[0]["first"] + alone[1]["first"]) / 2
    assert found["first"].to_numpy() == pytest.approx(mean.to_numpy(), abs=1e-6)


def test_a_text_that_is_written_has_lines_of_all_three_kinds():
    model, inputs = written()
    found = asked(model, inputs, 9)
    assert list(found["looks"].unique()) == [READS, WRITES, ACROSS]
    assert found.groupby("looks").size().tolist() == [5, 5, 5]


def test_punctuation_is_what_has_no_letter_and_no_digit():
    masks = (torch.tensor([[HELD, 0, 0, 1, 2, HELD]]), torch.full((1,), HELD))
    players = Players(masks=masks, names=(("coat", ".", "7"),))
    assert marks_of(players)[0].tolist() == [False, False, False, True, False, False]
