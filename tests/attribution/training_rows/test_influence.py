"""Influence beside what leaving a row out really does: exactly, where that can be told."""

from functools import cache
from types import SimpleNamespace

import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from auditkit.attribution.training_rows.curvature import Curvature, conjugate_gradients
from auditkit.attribution.training_rows.influence import Influence
from auditkit.attribution.training_rows.last_layer import LastLayer
from auditkit.attribution.training_rows.losses import Logistic, Softmax, Squared
from auditkit.attribution.training_rows.retraining import (
    losses_without,
    rank_agreement,
    retrained,
    size_agreement,
    without,
)
from auditkit.errors import DataError, ModelError, NotApplicable, UsageError

RIDGE = 0.5


def drawn(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def layer_of(weights: torch.Tensor) -> LastLayer:
    return LastLayer(name="linear", weights=weights, biased=False)


def least_squares(n: int = 30, d: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x = drawn(n, d)
    y = x @ drawn(1, d, 1)[0] + drawn(1, n, 2)[0]
    return x, y, torch.linalg.solve(x.T @ x, x.T @ y)


@cache
def classifier(kind: str) -> SimpleNamespace:
    """A regression with a ridge, fitted to the minimum by scikit-learn, and its refits."""
    classes = 2 if kind == "logistic" else 3
    x = drawn(70, 4)
    y = (x @ drawn(4, classes, 1) + drawn(70, classes, 2)).argmax(dim=1)

    def fitted(rows, labels=y):
        found = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-12, max_iter=10_000)
        return torch.tensor(found.fit(x[rows].numpy(), labels[rows].numpy()).coef_)

    weights, loss = fitted(range(70)), Logistic() if classes == 2 else Softmax()
    outputs = layer_of(weights).outputs(x)
    size = Curvature(features=x, outputs=outputs, loss=loss, damping=0.0).size
    made = Influence.of(layer_of(weights), x, y, loss, damping=RIDGE / size)
    others = [[j for j in range(70) if j != i] for i in range(70)]
    return SimpleNamespace(
        influence=made, x=x, y=y, fitted=fitted, refits=torch.stack([fitted(i) for i in others])
    )


def test_in_least_squares_it_is_short_of_leaving_a_row_out_by_exactly_one_minus_leverage():
    x, y, weights = least_squares()
    inverse, error = torch.linalg.inv(x.T @ x), y - x @ weights
    leverage = ((x @ inverse) * x).sum(dim=1)
    exact = -(x @ inverse) * (error / (1 - leverage))[:, None]
    made = Influence.of(layer_of(weights[None]), x, y, Squared(), damping=0.0)
    plain = made.on_weights(torch.arange(30))[:, 0]
    assert torch.allclose(plain, exact * (1 - leverage)[:, None], atol=1e-12)
    whole = made.on_weights(torch.arange(30), removed=True)[:, 0]
    assert torch.allclose(whole, exact, atol=1e-12)
    kept = torch.arange(30) != 4
    again = torch.linalg.lstsq(x[kept], y[kept]).solution
    assert torch.allclose(again - weights, exact[4], atol=1e-12)


def test_a_case_worked_by_hand():
    # y = w x through (1, 1) and (2, 0): w = .2. Without the second w = 1, and the loss at x = 1,
    # y = 0 grows from .04 to 1; to first order by 2 w x * .16 = .064 (the step is H^-1 g, H = 10).
    x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    y = torch.tensor([1.0, 0.0], dtype=torch.float64)
    made = Influence.of(
        layer_of(torch.tensor([[0.2]], dtype=torch.float64)), x, y, Squared(), damping=0.0
    )
    assert made.on_weights(torch.tensor([1])).item() == pytest.approx(0.16)
    assert made.on_weights(torch.tensor([1]), removed=True).item() == pytest.approx(0.8)
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    assert made.on_loss(one, zero)[0, 1].item() == pytest.approx(0.064)
    happened = losses_without(made, torch.tensor([1]), one, zero)
    assert happened.item() == pytest.approx(0.96)


@pytest.mark.parametrize("kind", ["logistic", "softmax"])
def test_at_a_minimum_a_row_left_out_is_scikit_learns_own_refit(kind):
    case = classifier(kind)
    found = without(case.influence, torch.arange(70))
    moved = (case.refits - case.influence.layer.weights).abs().max()
    assert float((found - case.refits).abs().max()) < 1e-4 * float(moved)


@pytest.mark.parametrize("kind", ["logistic", "softmax"])
def test_real_leave_one_out_is_foretold_in_order_and_in_size(kind):
    case = classifier(kind)
    features, targets = drawn(12, 4, 9), torch.arange(12) % (2 if kind == "logistic" else 3)
    loss = case.influence.loss
    before = loss(case.influence.layer.outputs(features), targets)
    real = torch.stack(
        [loss(layer_of(one).outputs(features), targets) - before for one in case.refits], dim=1
    )
    plain = case.influence.on_loss(features, targets)
    closer = case.influence.on_loss(features, targets, removed=True)
    assert rank_agreement(plain, real).low > 0.99
    assert 1.05 < size_agreement(plain, real) < 1.25  # short, as in least squares
    assert 1 < size_agreement(closer, real) < size_agreement(plain, real) - 0.05


def test_other_labels_lead_to_scikit_learns_own_fit_of_them():
    case = classifier("softmax")
    changed = case.y.clone()
    changed[:6] = (changed[:6] + 1) % 3
    found = retrained(case.influence, changed)
    wanted = case.fitted(range(70), changed)
    assert torch.allclose(found.layer.weights, wanted, atol=1e-5)
    assert found.curvature.ridge == pytest.approx(RIDGE)
    assert torch.equal(found.targets, changed)


def test_a_network_that_is_at_no_minimum_stays_where_it_is_until_something_changes():
    case = classifier("softmax")
    away = Influence.of(layer_of(case.influence.layer.weights + 0.3), case.x, case.y, Softmax())
    found = retrained(away, case.y)
    assert torch.allclose(found.layer.weights, away.layer.weights, atol=1e-9)
    moved = without(away, torch.arange(5))
    assert (moved - away.layer.weights).abs().amax(dim=(1, 2)).min() > 1e-5


@pytest.mark.parametrize("loss", [Softmax(), Softmax(smoothing=0.1)])
def test_by_conjugate_gradients_it_is_the_same(loss):
    case = classifier("softmax")
    features, targets = drawn(5, 4, 3), torch.tensor([0, 1, 2, 0, 1])
    given = (case.influence.layer, case.x, case.y, loss)
    exact, by_steps = Influence.of(*given), Influence.of(*given, exact=0)
    wanted = exact.on_loss(features, targets)
    assert torch.allclose(by_steps.on_loss(features, targets), wanted, rtol=1e-6)
    assert torch.allclose(
        without(by_steps, torch.arange(3)), without(exact, torch.arange(3)), atol=1e-9
    )
    with pytest.raises(NotApplicable, match="too wide"):
        _ = by_steps.on_itself


def test_the_curvature_is_torchs_own_hessian():
    case = classifier("softmax")
    weights = case.influence.layer.weights

    def total(moved):
        return Softmax()(case.x @ moved.T, case.y).sum()

    wanted = torch.autograd.functional.hessian(total, weights)  # (K, D, K, D)
    vectors = drawn(2, 12, 5).view(2, 3, 4)
    found = Curvature(
        features=case.x, outputs=case.x @ weights.T, loss=Softmax(), damping=0.0
    ).times(vectors)
    assert torch.allclose(found, torch.einsum("kdle,cle->ckd", wanted, vectors), atol=1e-9)


def test_a_number_in_its_own_unit_has_the_influence_of_the_standardised_one():
    x, y, weights = least_squares()
    plain = Influence.of(layer_of(weights[None]), x, y, Squared(), damping=0.1)
    scaled = Influence.of(
        LastLayer(name="linear", weights=weights[None], biased=False, scale=7.0, shift=30.0),
        x,
        30 + 7 * y,
        Squared(unit=7.0),
        damping=0.1,
    )
    one, other = drawn(4, 3, 8), drawn(1, 4, 7)[0]
    wanted = plain.on_loss(one, other)
    assert torch.allclose(scaled.on_loss(one, 30 + 7 * other), wanted, atol=1e-12)
    by_steps = Influence.of(
        scaled.layer, x, scaled.targets, Squared(unit=7.0), damping=0.1, exact=0
    )
    assert torch.allclose(by_steps.on_loss(one, 30 + 7 * other), wanted, atol=1e-9)
    out = torch.arange(6)
    assert torch.allclose(
        losses_without(scaled, out, one, 30 + 7 * other), losses_without(plain, out, one, other)
    )


def test_a_ridge_of_scikit_learns_own_without_a_row():
    x, y, _ = least_squares()
    ridge = Ridge(alpha=3.0, fit_intercept=False, tol=1e-12)
    weights = torch.tensor(ridge.fit(x.numpy(), y.numpy()).coef_)
    size = float((2 * x.square().sum(dim=0)).mean())
    made = Influence.of(layer_of(weights[None]), x, y, Squared(), damping=6.0 / size)
    again = torch.tensor(ridge.fit(x[1:].numpy(), y[1:].numpy()).coef_)
    assert torch.allclose(without(made, torch.tensor([0]))[0, 0], again, atol=1e-6)


def test_what_a_row_does_to_itself_is_its_own_place_in_the_table():
    case = classifier("softmax")
    table = case.influence.on_loss(case.x, case.y)
    assert torch.allclose(table.diagonal(), case.influence.on_itself)
    assert (case.influence.on_itself > 0).all()


def test_smoothing_belongs_to_the_training_and_not_to_the_question():
    case = classifier("softmax")
    smooth = Influence.of(case.influence.layer, case.x, case.y, Softmax(smoothing=0.2))
    assert torch.allclose(smooth.losses, case.influence.losses)
    assert not torch.allclose(smooth.slopes, case.influence.slopes)


def test_features_that_repeat_each_other_need_damping():
    x, y, _ = least_squares()
    twice, weights = torch.cat([x, x], dim=1), torch.zeros(1, 6, dtype=torch.float64)
    with pytest.raises(ModelError, match="damping above 0"):
        Influence.of(layer_of(weights), twice, y, Squared(), damping=0.0).on_loss(twice, y)
    damped = Influence.of(layer_of(weights), twice, y, Squared(), damping=0.01)
    assert torch.isfinite(damped.on_loss(twice, y)).all()


def test_a_map_that_is_not_positive_is_found_out():
    with pytest.raises(ModelError, match="not positive"):
        conjugate_gradients(lambda v: -v, drawn(1, 3))


def test_bad_rows_are_refused():
    x, y, weights = least_squares()
    layer = layer_of(weights[None])
    with pytest.raises(DataError, match="29 targets"):
        Influence.of(layer, x, y[1:], Squared())
    with pytest.raises(UsageError, match="float64"):
        Influence.of(layer, x.float(), y, Squared())
    with pytest.raises(DataError, match="NaN"):
        Influence.of(layer, x * torch.nan, y, Squared())
    with pytest.raises(UsageError, match="damping"):
        Influence.of(layer, x, y, Squared(), damping=-1.0)


def test_agreement_of_the_same_order_is_one_and_of_the_opposite_minus_one():
    scores = drawn(3, 20)
    same, opposite = rank_agreement(scores, scores.exp()), rank_agreement(scores, -scores)
    assert (same.value, opposite.value) == (pytest.approx(1), pytest.approx(-1))
    assert size_agreement(scores, 3 * scores) == pytest.approx(3)
    assert "equal" in rank_agreement(torch.ones(1, 20), scores[:1]).reason
    assert "five" in rank_agreement(scores[:, :4], scores[:, :4]).reason


def test_a_step_that_would_end_far_beyond_is_halved():
    # At w = 8 the network is sure, its curvature nearly nothing, and Newton's step is 150 long.
    # One label of 20 turned over: sigmoid(w) = sigmoid(8) - 1/20, so that w is about 2.93.
    x, y = torch.ones(20, 1, dtype=torch.float64), torch.ones(20, dtype=torch.int64)
    start = torch.tensor([[8.0]], dtype=torch.float64)
    made = Influence.of(layer_of(start), x, y, Logistic(), damping=0.0)
    turned = y.clone()
    turned[0] = 0
    wanted = torch.logit(torch.sigmoid(start) - 0.05)
    assert torch.allclose(retrained(made, turned).layer.weights, wanted, atol=1e-6)
