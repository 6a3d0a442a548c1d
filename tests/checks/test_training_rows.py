"""What the check of training rows says, and when it shows nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from auditkit.checks.inside.training_rows import INFLUENCE
from auditkit.checks.network import TrainingRows
from auditkit.errors import NotApplicable
from auditkit.models.trained_rows import fitted_places, pupil
from auditkit.results import Finding, Section, Status
from tests.answers import prices, speeches
from tests.explaining import network
from tests.learned import learner
from tests.subjects import gap_of, subject


def run(made, **limits) -> tuple[list[Finding], dict[str, Section]]:
    found = list(TrainingRows(**limits).run(made))
    sections = {one.title: one for one in found if isinstance(one, Section)}
    return [one for one in found if isinstance(one, Finding)], sections


TAUGHT = "Which training rows taught it what it says of these?"
AGAIN = "Which training rows should be looked at again?"
HOLDS = "Does the estimate of what a training row taught hold on this model?"


def test_it_tells_who_helped_and_harmed_and_how_far_that_holds():
    (agreement, search), sections = run(learner())
    assert agreement.status is search.status is Status.MEASURED
    assert agreement.value > 0.9
    assert agreement.n == 40
    assert list(sections) == [TAUGHT, AGAIN, HOLDS]
    views = sections[TAUGHT].views
    assert len(views) == 3
    for view in views:
        assert view.frame["it"].tolist() == ["helped"] * 3 + ["harmed"] * 3
        assert view.frame["values"].str.contains("merit").all()
    assert sections[HOLDS].views[0].frame["estimate"].tolist() == [
        INFLUENCE,
        "TracIn, at the epoch kept",
        "likeness of features and label",
    ]


def test_kept_epochs_are_traced_beside_it():
    made = learner(snapshots=3)
    kept = len(made.card.snapshots)
    assert kept >= 2
    _, sections = run(made)
    assert f"TracIn, {kept} epochs" in sections[HOLDS].views[0].frame["estimate"].tolist()


def test_rows_held_out_for_validation_taught_nothing():
    made = learner()
    fitted = fitted_places(made.train, made.card)
    assert len(fitted) == made.card.training.train_rows < len(made.train.frame)
    (agreement, _), sections = run(made)
    assert f"{len(fitted):,} training rows" in agreement.message
    shown = {
        int(one.replace(",", "")) - 1
        for v in sections[TAUGHT].views
        for one in v.frame["training row"]
    }
    assert shown <= set(fitted.tolist())


def test_labels_that_were_exchanged_before_the_training_are_most_doubted():
    made = learner("encoder", flipped=0.08, epochs=12)
    _, sections = run(made)
    places = [
        int(one.replace(",", "")) - 1 for one in sections[AGAIN].views[0].frame["training row"]
    ]
    wrong = made.train.frame["flipped"].to_numpy()
    assert len(places) == 8
    assert wrong[places].sum() >= 7
    assert wrong.mean() < 0.12


@pytest.mark.parametrize("name", ["lstm", "encoder"])
def test_it_asks_networks_of_every_medium(name):
    (agreement, _), sections = run(learner(name), rows=100)
    assert "100 training rows, drawn at random of" in agreement.message
    assert TAUGHT in sections
    if name == "encoder":
        assert sections[TAUGHT].views[0].frame["values"].str.contains("good|bad").all()


def test_it_asks_a_users_own_module():
    findings, sections = run(network())
    assert findings[0].value > 0.9
    assert TAUGHT in sections


def test_the_same_audit_says_the_same_twice():
    first, second = (run(learner())[0] for _ in range(2))
    assert [one.message for one in first] == [one.message for one in second]


def test_an_estimate_that_does_not_hold_shows_no_rows(monkeypatch):
    from auditkit.attribution.training_rows.influence import Influence

    def noise(self, features, targets, *, removed=False):
        generator = torch.Generator().manual_seed(0)
        return torch.randn(len(features), len(self.features), generator=generator).double()

    monkeypatch.setattr(Influence, "on_loss", noise)
    (agreement, _), sections = run(learner())
    assert "no rows are shown" in agreement.message
    assert TAUGHT not in sections


def test_a_search_no_better_than_chance_lists_no_rows():
    made = learner()
    rng = np.random.default_rng(0)
    name = made.table.schema.target.name
    blind = made.train.frame.assign(**{name: rng.permutation(made.train.frame[name].to_numpy())})
    (_, search), sections = run(replace(made, train=replace(made.train, frame=blind)))
    assert "no rows are listed" in search.message
    assert AGAIN not in sections


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: subject(gap_of(0.0)), "only the model's answers"),
        (speeches, "only the model's answers"),
        (lambda: replace(learner(), train=None), "not known"),
        (lambda: replace(prices(), train=None), "only the model's answers"),
    ],
)
def test_where_it_has_no_say_it_says_why(made, why):
    with pytest.raises(NotApplicable, match=why):
        run(made())


def test_few_rows_are_too_few():
    made = learner()
    few = replace(made.train, frame=made.train.frame.head(30))
    with pytest.raises(NotApplicable, match="30 training rows are too few"):
        run(replace(made, train=few))


def test_a_network_whose_answer_is_no_layers_has_no_say():
    made = network()

    class Odd(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, rows):
            return self.inner(rows) ** 3

    odd = replace(made.predictor, module=Odd(made.predictor.module))
    with pytest.raises(NotApplicable, match="last linear layer"):
        run(replace(made, predictor=odd))


def test_the_loss_is_that_of_the_training():
    assert pupil(learner(label_smoothing=0.1).predictor).loss.smoothing == 0.1
    assert pupil(learner().predictor).loss.smoothing == 0.0
    made = learner(snapshots=3)
    rates = {one.rate for one in pupil(made.predictor).snapshots}
    assert rates == {made.card.training.history[0].learning_rate}
