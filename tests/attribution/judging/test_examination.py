"""Verdicts on models of which it is known what they look at."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from auditkit.attribution.base import METHODS, Family, Found, Method, anything, question_of
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.judging import Examination, Judged, Verdict, examine
from auditkit.attribution.judging.randomisation import redrawn
from auditkit.attribution.judging.verdicts import KEPT, beats, notices
from auditkit.attribution.players import Players
from auditkit.attribution.question import Question, at_rest
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu", seed=3)
TRUTH = torch.tensor([True, True, True, False, False, False, False, False])


def test_of(found: Examination, method: str, test: str) -> Judged:
    return next(one for one in found.of(method) if one.test == test)


test_of.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def planted() -> Question:
    """A small network that was taught to look at three of eight columns."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        x = torch.randn(512, 8)
        y = 2 * x[:, 0] - 1.5 * x[:, 1] + x[:, 2] * x[:, 0]
        for _ in range(150):
            loss = ((model(x)[:, 0] - y) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        inputs = torch.randn(40, 8)
    with at_rest(model):
        return question_of(model, (inputs,), runtime=RUNTIME)


@pytest.fixture(scope="module")
def examined(planted: Question) -> Examination:
    other = Baseline(name="ones", rows=(torch.ones(1, 8),))
    return examine(
        planted,
        methods=["saliency", "input_x_gradient", "integrated_gradients", "feature_ablation"],
        baselines=[other],
        truth=TRUTH,
    )


def test_a_good_method_is_trusted_on_planted_columns(examined: Examination):
    assert examined.verdict("integrated_gradients") is Verdict.TRUSTED
    assert examined.trusted[0] in ("integrated_gradients", "feature_ablation")
    assert examined.best == examined.trusted[0]
    assert test_of(examined, "integrated_gradients", "localisation").estimate.value > 0.9
    assert "ahead of a random order" in examined.sentence("integrated_gradients")


def test_controls_fail_each_for_its_own_reason(examined: Examination):
    assert test_of(examined, "random", "order").verdict is Verdict.FAILED
    assert test_of(examined, "input_size", "randomisation").verdict is Verdict.FAILED
    for name in ("random", "input_size"):
        assert examined.verdict(name) is Verdict.FAILED
        assert name not in (*examined.trusted, *examined.verdicts(Verdict.FAILED))
    assert "edges" in examined.refused


def test_beyond_size_is_told_row_by_row_against_the_control(examined: Examination):
    beyond = test_of(examined, "integrated_gradients", "beyond size").estimate
    own, size = (
        examined.by_row(name)["quality"] for name in ("integrated_gradients", "input_size")
    )
    assert beyond.value == pytest.approx(float((own - size).mean()))
    assert beyond.n == 40


def test_the_table_has_a_line_for_each_method_the_best_first(examined: Examination):
    table = examined.table()
    assert table["method"].iloc[0] == examined.best
    assert set(table["method"].iloc[-2:]) == {"random", "input_size"}
    assert {"order", "deletion", "insertion", "infidelity", "gini", "baselines"} <= set(table)
    assert "labels" not in table
    assert (table["sentence"] != "").all()
    assert float(table.set_index("method").loc["random", "passes"]) == 0
    rows = examined.by_row()
    assert len(rows) == 40
    mean = float(rows["quality"].mean())
    assert mean == pytest.approx(float(table["order"].iloc[0]))
    pairs = examined.agreement()
    assert len(pairs) == 6 * 5 / 2
    known = pairs[(pairs["method"] == "integrated_gradients") & (pairs["other"] == "random")]
    assert abs(float(known["rank correlation"].iloc[0])) < 0.3


def backwards(question: Question) -> Found:
    """What matters least first."""
    sizes = torch.tensor([0.0, 0.1, 0.2, 3.0, 4.0, 5.0, 6.0, 7.0])
    return Found(values=(sizes.expand(question.rows, 8) + question.inputs[0] / 100,))


def test_a_method_that_puts_first_what_does_not_matter_fails(
    planted: Question, monkeypatch: pytest.MonkeyPatch
):
    row = Method(
        name="backwards",
        family=Family.GRADIENT,
        run=backwards,
        can=anything,
        signed=False,
        summary="",
        paper="",
    )
    monkeypatch.setitem(METHODS._parts, "backwards", row)
    found = examine(planted, methods=["backwards"], truth=TRUTH)
    assert found.verdict("backwards") is Verdict.FAILED
    assert test_of(found, "backwards", "order").estimate.value < 0
    assert test_of(found, "backwards", "localisation").verdict is Verdict.FAILED
    assert found.best == ""
    assert found.by_row().empty


def test_an_examination_comes_out_the_same_and_touches_no_generator(planted: Question):
    before = (torch.random.get_rng_state(), str(np.random.get_state()), random.getstate())  # noqa: NPY002
    weights = [one.clone() for one in planted.model.parameters()]
    tables = [
        examine(planted, methods=methods).table().set_index("method").loc["saliency"]
        for methods in (["saliency"], ["input_x_gradient", "saliency"])
    ]
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert str(np.random.get_state()) == before[1]  # noqa: NPY002
    assert random.getstate() == before[2]
    for one, other in zip(planted.model.parameters(), weights, strict=True):
        assert torch.equal(one, other)
        assert one.requires_grad
    same = [name for name in tables[0].index if name not in ("agreement", "sentence", "verdict")]
    assert tables[0][same].equals(tables[1][same])


def test_of_a_mere_function_the_weights_are_not_tested():
    inputs = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    question = question_of(lambda x: x[:, 0] - 3 * x[:, 1], (inputs,), runtime=RUNTIME)
    found = examine(question, methods=["feature_ablation", "saliency"])
    assert not [one for one in found.judged if one.test == "randomisation"]
    assert found.verdict("feature_ablation") is Verdict.TRUSTED
    assert "saliency" in found.refused


def test_a_single_row_gives_no_verdict(planted: Question):
    found = examine(planted.at(torch.tensor([0])), methods=["integrated_gradients"])
    assert test_of(found, "integrated_gradients", "order").verdict is Verdict.UNTESTED
    assert found.verdict("integrated_gradients") is Verdict.UNTESTED


class Alike(nn.Module):
    """Its hidden units all weigh the columns alike: whatever the later half is, so does it."""

    def __init__(self, weights: list[float], seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first, self.second = nn.Linear(len(weights), 16), nn.Linear(16, 1)
        drawn = torch.rand(16, len(weights), generator=generator) + 0.5
        with torch.no_grad():
            self.first.weight.copy_(drawn * torch.tensor(weights))
            self.second.weight.copy_(torch.rand(1, 16, generator=generator) / 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x)))[:, 0]


@pytest.mark.parametrize("weights", [[2.0, 1.0, 0.0], [2.0, 1.0, 0.0, 0.0], [0.0, 2, 1, 0.5, 0]])
def test_exact_values_hold_where_the_later_half_says_nothing(weights: list[float]):
    for seed in range(3):
        inputs = torch.randn(40, len(weights), generator=torch.Generator().manual_seed(seed))
        runtime = Runtime(device="cpu", seed=seed)
        question = question_of(Alike(weights, seed), (inputs,), runtime=runtime)
        found = examine(question, methods=["shapley"])
        assert found.verdict("shapley") is Verdict.TRUSTED, found.sentence("shapley")
        for control in ("input_size", "random"):
            assert found.verdict(control) is Verdict.FAILED


def test_a_gradient_that_is_the_same_everywhere_does_not_move_and_is_not_blamed_for_it():
    inputs = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    found = examine(question_of(nn.Linear(4, 1), (inputs,), runtime=RUNTIME), methods=["saliency"])
    sensitivity = test_of(found, "saliency", "sensitivity")
    assert sensitivity.estimate.value == 0
    assert sensitivity.verdict is Verdict.TRUSTED


def test_of_a_constant_network_no_sentence_speaks_of_nan():
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0 * self.layer(x)[:, 0] + 1

    inputs = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    found = examine(question_of(Constant(), (inputs,), runtime=RUNTIME))
    assert not [one.sentence for one in found.judged if "nan" in one.sentence]
    for name in found.attributions:
        assert found.verdict(name) is Verdict.UNTESTED
        assert found.sentence(name)


def test_a_network_of_shuffled_labels_is_noticed(planted: Question):
    found = examine(planted, methods=["integrated_gradients"], relabelled=planted.model)
    assert test_of(found, "integrated_gradients", "labels").estimate.value == pytest.approx(1.0)
    assert test_of(found, "integrated_gradients", "labels").verdict is Verdict.FAILED


class Looking(nn.Module):
    """Finds which of two shapes an image holds."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.second = nn.Conv2d(8, 16, 3, padding=1, stride=2)
        self.relu2 = nn.ReLU()
        self.third = nn.Conv2d(16, 16, 3, padding=1, stride=2)
        self.relu3 = nn.ReLU()
        self.output = nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu3(self.third(self.relu2(self.second(self.relu1(self.first(x))))))
        return self.output(x.mean(dim=(2, 3)))


def shapes(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Crosses and squares of changing size at changing places, on noise."""
    generator = np.random.default_rng(0)
    images = 0.3 * generator.normal(size=(n, 1, 16, 16))
    kinds = generator.integers(0, 2, n)
    for image, kind in zip(images, kinds, strict=True):
        i, j = generator.integers(3, 12, 2)
        if kind:
            image[0, i - 3 : i + 4, j] += 2
            image[0, i, j - 3 : j + 4] += 2
        else:
            image[0, i - 3 : i + 4, [j - 3, j + 3]] += 2
            image[0, [i - 3, i + 3], j - 3 : j + 4] += 2
    return torch.from_numpy(images).float(), torch.from_numpy(kinds)


@pytest.fixture(scope="module")
def pictured() -> Question:
    images, kinds = shapes(512)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Looking()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for step in range(160):
            batch = slice(64 * (step % 8), 64 * (step % 8) + 64)
            loss = nn.functional.cross_entropy(model(images[batch]), kinds[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert float((model(images).argmax(dim=1) == kinds).double().mean()) > 0.95
    places = torch.arange(16) // 4
    patches = (4 * places[:, None] + places)[None, None]
    players = Players(masks=(patches,), names=(tuple(f"patch {i}" for i in range(16)),))
    with at_rest(model):
        return question_of(model, (images[:24],), kinds[:24], players=players, runtime=RUNTIME)


def test_guided_backpropagation_does_not_notice_new_weights_and_the_gradient_does(
    pictured: Question,
):
    found = examine(pictured, methods=["guided_backprop", "saliency", "integrated_gradients"])
    guided = test_of(found, "guided_backprop", "randomisation")
    assert guided.verdict is Verdict.FAILED
    assert guided.estimate.value > guided.null + KEPT * (1 - guided.null)
    assert test_of(found, "saliency", "randomisation").verdict is Verdict.TRUSTED
    assert test_of(found, "integrated_gradients", "randomisation").verdict is Verdict.TRUSTED
    for control in ("edges", "input_size", "random"):
        assert found.verdict(control) is Verdict.FAILED


def test_embeddings_and_the_later_half_are_drawn_anew_and_nothing_else():
    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 1)  # made first, called last
            self.words = nn.Embedding(5, 4)
            self.middle = nn.Linear(4, 4)
            self.norm = nn.BatchNorm1d(4)
            self.free = nn.Parameter(torch.arange(6.0))

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.last(self.norm(self.middle(self.words(tokens).mean(dim=1))) + self.free[:4])

    model = Reading().eval()
    tokens = torch.tensor([[1, 2], [3, 4], [0, 1]])
    with RUNTIME.seeded("new"):
        other = redrawn(model, (tokens,))
        again = redrawn(model, (tokens,), all_of_it=True)
    moved = {
        name
        for name, one in other.named_parameters()
        if not torch.equal(one, dict(model.named_parameters())[name])
    }
    # Called in this order: middle, norm, last, the module itself.
    assert {"words.weight", "last.weight"} <= moved
    assert not {"middle.weight", "middle.bias"} & moved
    assert not torch.equal(again.middle.weight, model.middle.weight)
    assert not other.norm.training
    assert other.norm.momentum == model.norm.momentum
    assert not torch.equal(other.norm.running_mean, model.norm.running_mean)


def test_an_interval_that_touches_the_null_is_no_evidence():
    words = ("yes {value}", "no {value}")
    clear = beats("m", "order", torch.tensor([0.2, 0.3, 0.25, 0.22]), 0.0, words)
    touching = beats("m", "order", torch.tensor([0.9, -0.2, 0.4, 0.1]), 0.0, words)
    assert (clear.verdict, clear.sentence) == (Verdict.TRUSTED, "yes 0.24")
    assert (touching.verdict, touching.sentence) == (Verdict.WEAK, "no 0.3")
    below = beats("m", "infidelity", torch.tensor([0.1, 0.2]), 0.9, words, lower=True)
    assert below.verdict is Verdict.TRUSTED
    null = torch.zeros(4)
    alike = [torch.full((4,), KEPT + shift) for shift in (-0.1, 0.1)]
    alike.append(torch.tensor([-0.5, 1.0, 0.9, 0.1]))
    found = [notices("m", "randomisation", one, null, words).verdict for one in alike]
    assert found == [Verdict.TRUSTED, Verdict.FAILED, Verdict.WEAK]
