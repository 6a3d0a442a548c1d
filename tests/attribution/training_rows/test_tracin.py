"""TracIn: gradients row by row, their products, the peers where they are right."""

import copy
import random

import numpy as np
import pytest
import torch
from captum.influence import TracInCP, TracInCPFast
from torch import nn

from auditkit.attribution.training_rows.gradients import RowGradients, Rows
from auditkit.attribution.training_rows.losses import Logistic, Softmax, Squared
from auditkit.attribution.training_rows.sketch import Sketch
from auditkit.attribution.training_rows.tracin import (
    Snapshot,
    self_influence,
    tracin,
    tracin_last_layer,
)
from auditkit.data.tables import classes, labels
from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.base import fed
from tests.media import TABLES, trained

MAPPED = {"fnn": True, "cnn": True, "lstm": False, "gru": False, "rnn": False, "encoder": False}


def made(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def seeded(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def network() -> nn.Module:
    return seeded(lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)))


def rows(n: int, *, seed: int = 0) -> Rows:
    return Rows(inputs=(made(n, 5, seed=seed),), targets=torch.arange(n) % 3)


def our(name: str, n: int = 12):
    model, card = trained(name)
    table = TABLES[name]()
    frame = table.frame.head(n)
    inputs = fed(tuple(map(torch.from_numpy, card.encoder.arrays(frame))), "cpu")
    decides = card.task == "decision"
    wanted = (labels if decides else classes)(frame, table.schema)
    return (
        model,
        Rows(inputs=inputs, targets=torch.from_numpy(wanted)),
        (Logistic() if decides else Softmax()),
    )


def one_by_one(model, given, loss):
    """The gradient of each row's loss, by plain backward passes of a copy."""
    own = copy.deepcopy(model).eval()
    found = []
    for i in range(len(given)):
        own.zero_grad()
        one = given.at(slice(i, i + 1))
        loss(own(*one.inputs), one.targets).sum().backward()
        found.append(
            torch.cat(
                [
                    (torch.zeros_like(p) if p.grad is None else p.grad).flatten()
                    for p in own.parameters()
                ]
            )
        )
    return torch.stack(found).double()


def test_of_a_linear_model_it_is_four_errors_times_the_product_of_the_rows():
    model = seeded(lambda: nn.Linear(4, 1, bias=False))
    x, y, z, t = made(6, 4), made(6, seed=1), made(3, 4, seed=2), made(3, seed=3)
    train, explained = Rows(inputs=(x,), targets=y), Rows(inputs=(z,), targets=t)
    errors, others = model(x)[:, 0] - y, model(z)[:, 0] - t
    wanted = (4 * others[:, None] * errors[None] * (z @ x.T)).double()
    for found in (
        tracin(model, train, explained, Squared()),
        tracin_last_layer(model, train, explained, Squared()),
    ):
        assert torch.allclose(found.scores, wanted, atol=1e-5)
        assert (found.errors, found.snapshots, found.weights) == (None, 1, 4)


@pytest.mark.parametrize("name", MAPPED)
def test_gradients_of_every_network_are_those_of_one_row_after_another(name):
    model, given, loss = our(name)
    gradients = RowGradients(model, loss)
    wanted = one_by_one(model, given, loss)
    found = torch.cat(list(gradients.blocks(given, at_once=5)))
    assert gradients.mapped is MAPPED[name]
    assert float((found - wanted).abs().max()) < 1e-5 * float(wanted.abs().max())


@pytest.mark.parametrize("name", MAPPED)
def test_by_the_last_layer_it_is_the_same_without_a_gradient(name):
    model, given, loss = our(name)
    place = "answer" if name == "encoder" else "output"
    explained = given.at(slice(0, 4))
    wanted = tracin(model, given, explained, loss, below=place)
    found = tracin_last_layer(model, given, explained, loss)
    assert torch.allclose(found.scores, wanted.scores, atol=1e-5)
    assert found.weights == wanted.weights


def test_gradients_by_a_map_that_is_wrong_are_left_to_a_loop(monkeypatch):
    model, given, loss = our("fnn")
    wanted = one_by_one(model, given, loss)
    by_map = RowGradients._by_map
    monkeypatch.setattr(RowGradients, "_by_map", lambda self, part: by_map(self, part) * 1.1)
    gradients = RowGradients(model, loss)
    assert torch.allclose(gradients.all(given), wanted, atol=1e-5)
    assert gradients.mapped is False


def snapshots(model: nn.Module) -> list[Snapshot]:
    """The network as it is, and with every weight doubled."""
    state = model.state_dict()
    return [
        Snapshot(weights=state, rate=0.1),
        Snapshot(weights={name: 2 * one for name, one in state.items()}, rate=0.3),
    ]


def doubled(model: nn.Module) -> nn.Module:
    other = copy.deepcopy(model)
    other.load_state_dict(snapshots(model)[1].weights)
    return other


def test_snapshots_add_up_each_at_its_own_rate():
    model, train, explained = network(), rows(9), rows(4, seed=1)
    parts = [tracin(one, train, explained, Softmax()) for one in (model, doubled(model))]
    wanted = 0.1 * parts[0].scores + 0.3 * parts[1].scores
    found = tracin(model, train, explained, Softmax(), snapshots=snapshots(model))
    assert torch.allclose(found.scores, wanted, atol=1e-6)
    assert found.snapshots == 2
    last = tracin_last_layer(model, train, explained, Softmax(), snapshots=snapshots(model))
    below = tracin(model, train, explained, Softmax(), snapshots=snapshots(model), below="2")
    assert torch.allclose(last.scores, below.scores, atol=1e-6)


def test_whatever_the_memory_the_scores_are_the_same():
    model, train, explained = network(), rows(9), rows(4, seed=1)
    wanted = tracin(model, train, explained, Softmax()).scores
    small = RowGradients(model, Softmax(), megabytes=1)
    assert small.at_once > 1
    monkey = RowGradients.at_once
    try:
        RowGradients.at_once = property(lambda self: 2)
        assert torch.allclose(tracin(model, train, explained, Softmax()).scores, wanted)
    finally:
        RowGradients.at_once = monkey


def test_on_itself_it_is_the_squared_length_of_the_gradient():
    model, given = network(), rows(7)
    wanted = one_by_one(model, given, Softmax()).square().sum(dim=1)
    assert torch.allclose(self_influence(model, given, Softmax()), wanted)
    table = tracin(model, given, given, Softmax()).scores
    assert torch.allclose(table.diagonal(), wanted)
    twice = self_influence(model, given, Softmax(), snapshots=snapshots(model))
    other = one_by_one(doubled(model), given, Softmax()).square().sum(dim=1)
    assert torch.allclose(twice, 0.1 * wanted + 0.3 * other)


def peers(kind, model, train, explained, tmp_path, *, reduction="sum", **options):
    """captum's scores (m, n) of one checkpoint; its files go through torch.save."""
    path = tmp_path / "0.pt"
    torch.save(model.state_dict(), path)

    def read(net, _path):
        net.load_state_dict(model.state_dict())
        return 1.0

    found = kind(
        model,
        train_dataset=torch.utils.data.TensorDataset(*train.inputs, train.targets),
        checkpoints=[str(path)],
        checkpoints_load_func=read,
        loss_fn=nn.CrossEntropyLoss(reduction=reduction),
        batch_size=4,
        **options,
    )
    return found.influence((*explained.inputs, explained.targets)).double()


def test_it_equals_captums_where_that_is_right(tmp_path):
    model, train, explained = network(), rows(9), rows(4, seed=1)
    wanted = peers(TracInCP, model, train, explained, tmp_path, reduction="none")
    assert torch.allclose(tracin(model, train, explained, Softmax()).scores, wanted, atol=1e-5)


def test_captums_fast_one_leaves_the_bias_out_and_so_does_ours_if_asked(tmp_path):
    model, train, explained = network(), rows(9), rows(4, seed=1)
    wanted = peers(TracInCPFast, model, train, explained, tmp_path, final_fc_layer=model[2])
    without = tracin_last_layer(model, train, explained, Softmax(), bias=False).scores
    whole = tracin_last_layer(model, train, explained, Softmax()).scores
    assert torch.allclose(without, wanted, atol=1e-5)
    assert not torch.allclose(whole, wanted, atol=1e-2)


def test_products_of_sketches_are_right_on_average_and_as_far_off_as_is_said():
    x, y = made(1, 300).double(), made(1, 300, seed=1).double()
    truth = float(x @ y.T)
    found, said = [], []
    for seed in range(400):
        short = Sketch(300, 50, torch.Generator().manual_seed(seed))
        product = short.of(x) @ short.of(y).T
        found.append(float(product))
        lengths = (x.square().sum(dim=1), y.square().sum(dim=1))
        said.append(float(short.error(torch.tensor([[truth]]), *lengths)))
    spread = np.std(found)
    assert abs(np.mean(found) - truth) < 3 * spread / 20
    assert spread == pytest.approx(np.mean(said), rel=0.15)


def test_a_sketch_keeps_the_scores_within_its_error():
    model, train, explained = network(), rows(40), rows(10, seed=1)
    truth = tracin(model, train, explained, Softmax()).scores
    found = tracin(model, train, explained, Softmax(), sketch=64)
    off = ((found.scores - truth) / found.errors).abs()
    assert found.errors.shape == truth.shape
    assert 0.5 < float((off < 2).double().mean()) <= 1
    again = tracin(model, train, explained, Softmax(), sketch=64)
    assert torch.equal(found.scores, again.scores)


def test_nothing_of_the_model_or_of_any_generator_is_touched():
    model, given, loss = our("cnn")
    model.train()
    model.stem.eval()
    model.zero_grad()
    modes = [one.training for one in model.modules()]
    before = copy.deepcopy(model.state_dict())
    states = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())  # noqa: NPY002
    tracin(model, given, given, loss, snapshots=snapshots(model), sketch=16)
    tracin_last_layer(model, given, given, loss, snapshots=snapshots(model))
    assert [one.training for one in model.modules()] == modes
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


def test_weights_that_are_not_trained_are_left_out():
    model = network()
    model[0].requires_grad_(False)
    found = tracin(model, rows(5), rows(3), Softmax())
    assert found.weights == 15
    with pytest.raises(UsageError, match="no weights"):
        tracin(model, rows(5), rows(3), Softmax(), below="0")


def test_bad_input_is_refused():
    with pytest.raises(DataError, match=r"\[4, 5\] rows"):
        Rows(inputs=(made(5, 3),), targets=torch.zeros(4))
    with pytest.raises(ModelError, match="do not fit"):
        tracin(network(), rows(5), rows(3), Softmax(), snapshots=[Snapshot(weights={})])
    bad = Snapshot(weights=network().state_dict(), rate=-1.0)
    with pytest.raises(UsageError, match="learning rate"):
        tracin(network(), rows(5), rows(3), Softmax(), snapshots=[bad])
    with pytest.raises(UsageError, match="sketch"):
        tracin(network(), rows(5), rows(3), Softmax(), sketch=0)
