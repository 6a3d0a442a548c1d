"""Wrong labels that were planted are found far more often than chance, in a whole training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from auditkit.attribution.training_rows.examination import examined, harmful, helpful, likeness
from auditkit.attribution.training_rows.influence import Influence
from auditkit.attribution.training_rows.last_layer import LastLayer, features_of, last_layer
from auditkit.attribution.training_rows.losses import Logistic, Softmax, Squared
from auditkit.attribution.training_rows.suspects import contradicted, doubts, planted
from auditkit.data.tables import labels
from auditkit.errors import UsageError
from auditkit.models.base import fed
from auditkit.models.recipe import Recipe
from auditkit.statistics.classification import auc
from auditkit.statistics.intervals import rate_interval
from tests.media import rows, trained


def drawn(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def separable(n: int = 300, classes: int = 2) -> Influence:
    """Classes that the first features give away, and a layer near to what tells them."""
    x = drawn(n, 5)
    if classes == 2:
        weights = torch.tensor([[3.0, 0, 0, 0, 0]], dtype=torch.float64)
        return Influence.of(layer_of(weights), x, (x[:, 0] > 0).long(), Logistic())
    weights = 3 * torch.eye(classes, 5, dtype=torch.float64)
    y = x[:, :classes].argmax(dim=1)
    return Influence.of(layer_of(weights), x, y, Softmax())


def layer_of(weights: torch.Tensor) -> LastLayer:
    return LastLayer(name="linear", weights=weights, biased=False)


def test_five_in_a_hundred_flipped_labels_of_a_table_are_found_after_a_whole_training():
    table = rows(1600)
    rng = np.random.default_rng(0)
    flip = rng.uniform(size=1600) < 0.05
    name = table.schema.target.name
    levels = [str(one) for one in table.frame[name].unique()]
    said = table.frame[name].astype(str).to_numpy()
    other = np.where(said == levels[0], levels[1], levels[0])
    frame = table.frame.assign(**{name: np.where(flip, other, said)})
    model, card = trained("fnn", Recipe(epochs=8, batch_size=64), table=replace(table, frame=frame))
    inputs = fed(tuple(map(torch.from_numpy, card.encoder.arrays(frame))), "cpu")
    layer = last_layer(model, inputs)
    targets = torch.from_numpy(labels(frame, card.schema).astype(np.int64))
    found = doubts(Influence.of(layer, features_of(model, layer, inputs), targets, Logistic()))
    many = int(flip.sum())
    first = np.argsort(-found)[:many]
    # A tenth of the labels were noise before: those are doubted by right, and count against it.
    assert auc(flip, found).low > 0.8
    assert rate_interval(int(flip[first].sum()), many)[0] > 3 * flip.mean()


@pytest.mark.parametrize("classes", [2, 4])
def test_planted_labels_are_found_where_the_rest_can_be_told(classes):
    found = planted(separable(1500, classes=classes), np.random.default_rng(0))
    assert found.share == pytest.approx(0.05)
    assert found.order.low > 0.95
    assert found.first.low > 0.7
    assert found.first.n == 75


def test_they_are_not_where_labels_are_noise():
    x = drawn(400, 5)
    y = torch.randint(2, (400,), generator=torch.Generator().manual_seed(1))
    made = Influence.of(layer_of(torch.zeros(1, 5, dtype=torch.float64)), x, y, Logistic())
    found = planted(made, np.random.default_rng(0))
    assert found.order.low < 0.5
    assert found.first.low < found.share


def test_numbers_of_other_rows_are_found_too():
    x = drawn(400, 5)
    weights = torch.tensor([[2.0, 1.0, 0, 0, 0]], dtype=torch.float64)
    y = x @ weights[0] + 0.05 * drawn(1, 400, 1)[0]
    found = planted(Influence.of(layer_of(weights), x, y, Squared()), np.random.default_rng(0))
    assert found.first.low > 0.5


def test_the_row_that_was_flipped_is_the_most_doubted():
    made = separable()
    wrong = made.targets.clone()
    sure = int(made.features[:, 0].argmax())
    wrong[sure] = 0
    found = doubts(Influence.of(made.layer, made.features, wrong, made.loss))
    assert int(found.argmax()) == sure
    assert float(found.max()) == 1.0
    there = contradicted(Influence.of(made.layer, made.features, wrong, made.loss))
    assert np.flatnonzero(there).tolist() == [sure]


def test_a_layer_too_wide_for_its_leverages_is_doubted_by_gradients():
    made = separable(classes=4)
    wide = Influence.of(made.layer, made.features, made.targets, made.loss, exact=0)
    assert np.corrcoef(doubts(made), doubts(wide))[0, 1] > 0.95


def test_a_share_that_plants_nothing_is_refused():
    for share in (0.0001, 0.7):
        with pytest.raises(UsageError, match="plants"):
            planted(separable(), np.random.default_rng(0), share=share)


def test_the_rows_that_helped_and_harmed_most_come_first_and_beside_the_average():
    scores = torch.tensor([0.0, 3.0, -1.0, 1.0, -5.0])
    assert [(one.row, one.times) for one in helpful(scores, 3)] == [(1, 1.5), (3, 0.5)]
    assert [(one.row, one.times) for one in harmful(scores, 1)] == [(4, -2.5)]


def test_the_likest_row_of_the_same_label_helped_and_of_the_other_harmed():
    made = separable()
    asked = made.features[:1], made.targets[:1]
    found = likeness(made, *asked)[0]
    assert float(found[0]) == pytest.approx(1)
    other = made.targets != made.targets[0]
    cosine = torch.nn.functional.cosine_similarity(made.features, made.features[:1])
    assert torch.allclose(found[other], -cosine[other])


def test_an_estimate_that_is_noise_does_not_agree_and_influence_does():
    made = separable()
    asked = drawn(3, 5, 4), torch.tensor([0, 1, 1])
    given = {"influence": made.on_loss(*asked), "noise": drawn(3, 300, 9)}
    found = examined(made, *asked, given, np.random.default_rng(0), rows=30)
    assert found.rows == 30
    assert found.agreements["influence"].low > 0.95
    assert found.agreements["noise"].low < 0 < found.agreements["noise"].high
    with pytest.raises(UsageError, match="five"):
        examined(made, *asked, given, np.random.default_rng(0), rows=3)
