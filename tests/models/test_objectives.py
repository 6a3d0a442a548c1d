import math

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from auditkit.data.schema import Task
from auditkit.data.text import END, MASK, PAD, START
from auditkit.models.batches import Batch
from auditkit.models.card import Head
from auditkit.models.objectives import (
    IGNORED,
    Choose,
    Continue,
    Cost,
    Decide,
    Imitate,
    Measure,
    Unmask,
    Write,
    as_weight,
    objective_of,
)


class Fixed(nn.Module):
    """A network that answers the first rows of a given answer, whatever it is shown."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer = answer
        self.seen: tuple[torch.Tensor, ...] = ()

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        self.seen = inputs
        return self.answer[: len(inputs[0])]


def batch(targets: torch.Tensor, *inputs: torch.Tensor) -> Batch:
    return Batch(inputs=inputs or (torch.zeros(len(targets), 1),), targets=targets)


def chances(*rows: tuple[float, ...]) -> torch.Tensor:
    """Logits whose softmax are these probabilities."""
    return torch.tensor(rows).log()


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def test_a_decision_costs_the_logarithm_of_what_was_thought_of_the_truth():
    model = Fixed(torch.tensor([logit(0.8), logit(0.3), logit(0.6)]))
    rows = batch(torch.tensor([1.0, 0.0, 0.0]))
    cost = Decide().judged(model, rows)
    assert float(cost.total) == pytest.approx(-math.log(0.8) - math.log(0.7) - math.log(0.4))
    assert cost.weight == 3
    assert float(cost.mean) == pytest.approx(float(cost.total) / 3)
    assert float(cost.marks["accuracy"]) == 2  # a total over the same weight


def test_a_smoothed_decision_believes_no_label_wholly():
    # With smoothing .2 a 1 is .9 and a 0 is .1.
    model = Fixed(torch.tensor([logit(0.8), logit(0.8)]))
    rows = batch(torch.tensor([1.0, 0.0]))
    paid = Decide(smoothing=0.2).paid(model, rows)
    first = -0.9 * math.log(0.8) - 0.1 * math.log(0.2)
    second = -0.1 * math.log(0.8) - 0.9 * math.log(0.2)
    assert float(paid.total) == pytest.approx(first + second)
    judged = Decide(smoothing=0.2).judged(model, rows)
    assert float(judged.total) == pytest.approx(-math.log(0.8) - math.log(0.2)), "as it is"


def test_a_class_costs_the_logarithm_of_its_probability():
    model = Fixed(chances((0.7, 0.2, 0.1), (0.1, 0.5, 0.4)))
    rows = batch(torch.tensor([0, 2]))
    cost = Choose().judged(model, rows)
    assert float(cost.total) == pytest.approx(-math.log(0.7) - math.log(0.4))
    assert (cost.weight, float(cost.marks["accuracy"])) == (2, 1)


def test_smoothing_spreads_a_share_over_all_classes():
    # With smoothing .3 the truth gets .7 + .1, the two others .1 each.
    model = Fixed(chances((0.7, 0.2, 0.1)))
    paid = Choose(smoothing=0.3).paid(model, batch(torch.tensor([0])))
    by_hand = -0.8 * math.log(0.7) - 0.1 * math.log(0.2) - 0.1 * math.log(0.1)
    assert float(paid.total) == pytest.approx(by_hand)


def test_a_number_costs_its_squared_error_in_deviations():
    model = Fixed(torch.tensor([10.0, 20.0]))
    rows = batch(torch.tensor([14.0, 18.0]))
    objective = Measure(deviation=4.0, smoothing=0.5)
    for cost in (objective.judged(model, rows), objective.paid(model, rows)):
        assert float(cost.total) == pytest.approx(1.0 + 0.25)
        assert cost.weight == 2
    assert float(objective.judged(model, rows).marks["absolute error"]) == 6.0


def test_the_means_own_error_is_one():
    targets = torch.tensor([1.0, 5.0, 9.0, 9.0])
    model = Fixed(targets.mean().expand(4))
    deviation = float(targets.std(correction=0))
    assert float(Measure(deviation=deviation).judged(model, batch(targets)).mean) == pytest.approx(
        1
    )


# Two texts of three and one tokens over a vocabulary of eight, all tokens equally likely but one.
TARGETS = torch.tensor([[5, 6, 7], [5, PAD, PAD]])


def likely(tokens: torch.Tensor) -> torch.Tensor:
    """Half for the token at each place, the rest evenly: (B, T, 8)."""
    return (one_hot(tokens, 8) * (0.5 - 0.5 / 7) + 0.5 / 7).log()


def test_each_token_costs_and_padding_does_not():
    answer = likely(torch.tensor([[5, 6, 5], [5, 7, 6]]))
    cost = Continue().judged(Fixed(answer), batch(TARGETS))
    assert float(cost.total) == pytest.approx(-3 * math.log(0.5) - math.log(0.5 / 7), rel=1e-5)
    assert int(cost.weight) == 4
    assert float(cost.marks["token accuracy"]) == 3


def test_what_is_answered_at_padding_changes_nothing_smoothed_or_not():
    answer = likely(torch.tensor([[5, 6, 5], [5, 7, 6]]))
    other = answer.clone()
    other[1, 1:] = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    for smoothing in (0.0, 0.3):
        first, second = (
            Continue(smoothing=smoothing).paid(Fixed(one), batch(TARGETS))
            for one in (answer, other)
        )
        assert float(first.total) == float(second.total)
        assert int(first.weight) == int(second.weight) == 4


def test_smoothing_of_tokens_by_hand():
    # Smoothing .16 over eight tokens: .86 for the truth, .02 for each other.
    answer = likely(torch.tensor([[5]]))
    paid = Continue(smoothing=0.16).paid(Fixed(answer), batch(torch.tensor([[5]])))
    by_hand = -0.86 * math.log(0.5) - 7 * 0.02 * math.log(0.5 / 7)
    assert float(paid.total) == pytest.approx(by_hand, rel=1e-5)


def test_a_batch_of_padding_costs_nothing_and_divides_by_nothing():
    cost = Continue().judged(Fixed(torch.zeros(1, 2, 8)), batch(torch.full((1, 2), PAD)))
    assert float(cost.mean) == 0.0


def test_a_writer_reads_the_right_beginning_and_guesses_the_rest():
    targets = torch.tensor([[START, 5, END, PAD], [START, 6, 7, END]])
    source, lengths = torch.tensor([[5, 5], [6, PAD]]), torch.tensor([2, 1])
    model = Fixed(likely(torch.tensor([[5, END, 5], [6, 7, END]])))
    cost = Write().judged(model, batch(targets, source, lengths))
    assert torch.equal(model.seen[0], source)
    assert torch.equal(model.seen[1], lengths)
    assert model.seen[2].tolist() == [[START, 5, END], [START, 6, 7]]
    assert int(cost.weight) == 5  # 5, END; 6, 7, END
    assert float(cost.total) == pytest.approx(-5 * math.log(0.5), rel=1e-5)
    assert float(cost.marks["token accuracy"]) == 5


class Guessing(nn.Module):
    """Says of every masked place what it is told to, and keeps what it was shown."""

    def masked_logits(
        self, tokens: torch.Tensor, lengths: torch.Tensor, at: torch.Tensor
    ) -> torch.Tensor:
        self.tokens, self.at = tokens, at
        return torch.zeros(int(at.sum()), 12)


def test_what_was_masked_is_asked_for_and_nothing_else():
    tokens = torch.arange(5, 12).repeat(200, 10)  # (200, 70)
    lengths = torch.full((200,), 50)
    tokens[:, 50:] = PAD
    torch.manual_seed(0)
    model = Guessing()
    cost = Unmask(vocabulary=12).judged(model, batch(torch.zeros(200), tokens, lengths))
    asked = int(model.at.sum())
    assert int(cost.weight) == asked
    assert asked / (200 * 50) == pytest.approx(0.15, abs=0.02)
    assert not model.at[:, 50:].any(), "padding is never asked for"
    assert float(cost.mean) == pytest.approx(math.log(12), rel=1e-5)
    hidden = (model.tokens == MASK)[model.at].float().mean()
    assert float(hidden) == pytest.approx(0.8, abs=0.04)
    assert torch.equal(model.tokens[~model.at], tokens[~model.at]), "the rest is shown"
    # All logits are alike: the first token, which is no word, is never right.
    assert float(cost.marks["token accuracy"]) == 0


def test_texts_of_which_nothing_is_masked_cost_nothing():
    tokens = torch.full((1, 2), END)
    rows = batch(torch.zeros(1), tokens, torch.tensor([2]))
    cost = Unmask(vocabulary=12).paid(Guessing(), rows)
    assert (float(cost.total), int(cost.weight)) == (0.0, 1)


SEEDED = torch.Generator().manual_seed(1)
CASES = {
    "decision": (
        Decide(smoothing=0.1),
        torch.randn(7, generator=SEEDED),
        torch.tensor([1.0, 0, 0, 1, 1, 0, 1]),
    ),
    "classes": (
        Choose(smoothing=0.1),
        torch.randn(7, 3, generator=SEEDED),
        torch.tensor([0, 1, 2, 2, 1, 0, 0]),
    ),
    "number": (
        Measure(deviation=2.0),
        torch.randn(7, generator=SEEDED),
        torch.randn(7, generator=SEEDED),
    ),
    "language": (
        Continue(smoothing=0.1),
        torch.randn(7, 4, 9, generator=SEEDED),
        torch.tensor(
            [[5, 6, 7, 8], [8, 5, 0, 0], [6, 0, 0, 0], [7] * 4, [5, 5, 5, 0], [8, 0, 0, 0], [6] * 4]
        ),
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_the_parts_of_a_batch_add_up_to_the_whole(name):
    """So that any size of batch, and several processes, have one mean."""
    objective, answer, targets = CASES[name]
    for ask in (objective.paid, objective.judged):
        whole = ask(Fixed(answer), batch(targets))
        parts = [
            ask(Fixed(answer[cut]), batch(targets[cut]))
            for cut in (slice(0, 1), slice(1, 4), slice(4, 7))
        ]
        assert sum(float(one.total) for one in parts) == pytest.approx(float(whole.total), rel=1e-5)
        assert sum(float(one.weight) for one in parts) == float(whole.weight)
        for mark, value in whole.marks.items():
            assert sum(float(one.marks[mark]) for one in parts) == pytest.approx(float(value))


def test_a_generator_is_judged_by_nothing_while_it_learns():
    assert Imitate(conditional=False).judged(nn.Identity(), batch(torch.zeros(2))) is None


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (Task.DECISION, Decide),
        (Task.CLASSES, Choose),
        (Task.NUMBER, Measure),
        (Task.LANGUAGE, Continue),
        (Task.TRANSDUCTION, Write),
        (Task.IMAGES, Imitate),
    ],
)
def test_each_task_has_its_objective(task, kind):
    made = objective_of(Head(task=task, deviation=3.0), smoothing=0.25, conditional=True)
    assert type(made) is kind
    if kind not in (Measure, Imitate):
        assert made.smoothing == 0.25
    assert getattr(made, "deviation", 3.0) == 3.0
    assert getattr(made, "conditional", True)


def test_a_weight_is_a_number_on_the_device_whatever_it_was():
    for weight in (3, torch.tensor(3)):
        made = as_weight(weight, torch.device("cpu"))
        assert (made.dtype, float(made)) == (torch.float32, 3.0)
    assert float(Cost(torch.tensor(6.0), 3).mean) == 2.0
    assert IGNORED < 0
