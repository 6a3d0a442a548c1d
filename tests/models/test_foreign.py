import sys

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.foreign import load_foreign
from auditkit.runtime import Runtime

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 1.0, 1.0], "c": ["x", "y", "z"]})


class Linear(nn.Module):
    def __init__(self, outputs: int = 1, last: nn.Module | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(2, outputs)
        self.last = last or nn.Identity()
        with torch.no_grad():
            self.layer.weight.copy_(torch.arange(2.0 * outputs).reshape(outputs, 2) - 1)
            self.layer.bias.zero_()

    def forward(self, x):
        return self.last(self.layer(x))


class Flat(Linear):
    def forward(self, x):
        return super().forward(x).squeeze(1)


def one_logit():
    return Linear()


def flat_logit():
    return Flat()


def probability():
    return Linear(last=nn.Sigmoid())


def two_logits():
    return Linear(2)


def two_probabilities():
    return Linear(2, last=nn.Softmax(dim=1))


def three():
    return Linear(3)


def scalar():
    class Mean(Linear):
        def forward(self, x):
            return super().forward(x).mean()

    return Mean()


def not_a_module():
    return 3


def raises():
    raise RuntimeError("no such luck")


def broken():
    model = Linear()
    with torch.no_grad():
        model.layer.bias.fill_(float("nan"))
    return model


def as_tensors(frame):
    return torch.tensor(frame[["b", "a"]].to_numpy().copy(), dtype=torch.float32)


def stumbles(frame):
    return frame["no such column"]


def empty_handed(frame):
    return ()


def leaves(frame=None):
    sys.exit(0)


def sparse():
    return Linear(last=Sparse())


class Sparse(nn.Module):
    def forward(self, x):
        return x.to_sparse()


def too_short(frame):
    return torch.zeros(1, 2)


HERE = __name__


def load(name, *, features=("a", "b"), weights=None, preprocess=None):
    return load_foreign(
        f"{HERE}:{name}",
        weights,
        features=features,
        preprocess=preprocess and f"{HERE}:{preprocess}",
        runtime=Runtime(device="cpu", batch_size=2),
    )


LOGITS = -1.0 * FRAME["a"].to_numpy() + 0.0 * FRAME["b"].to_numpy()


@pytest.mark.parametrize("name", ["one_logit", "flat_logit", "probability"])
def test_logits_and_probabilities_give_the_same_scores(name):
    outputs = load(name).outputs(FRAME)
    assert outputs.scores == pytest.approx(1 / (1 + np.exp(-LOGITS)))
    assert ("logits" in outputs.reading) == ("logit" in name)


def test_two_columns_give_the_second_ones_probability():
    first = load("two_logits").outputs(FRAME).scores
    second = load("two_probabilities").outputs(FRAME).scores
    a, b = FRAME["a"].to_numpy(), FRAME["b"].to_numpy()
    difference = (1 * a + 2 * b) - (-1 * a + 0 * b)
    assert first == pytest.approx(1 / (1 + np.exp(-difference)))
    assert first == pytest.approx(second)


def test_weights_come_from_safetensors(tmp_path):
    model = Linear()
    with torch.no_grad():
        model.layer.weight.copy_(torch.tensor([[3.0, 0.0]]))
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    scores = load("one_logit", weights=tmp_path / "w.safetensors").outputs(FRAME).scores
    assert scores == pytest.approx(1 / (1 + np.exp(-3 * FRAME["a"].to_numpy())))


def test_features_are_taken_in_the_order_given():
    swapped = load("one_logit", features=("b", "a")).outputs(FRAME).scores
    assert swapped == pytest.approx(
        load("one_logit", preprocess="as_tensors").outputs(FRAME).scores
    )
    assert swapped != pytest.approx(load("one_logit").outputs(FRAME).scores)


def test_pickled_weights_are_refused_with_the_way_out(tmp_path):
    torch.save(Linear().state_dict(), tmp_path / "w.pt")
    with pytest.raises(ModelError, match="save_file"):
        load("one_logit", weights=tmp_path / "w.pt")


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff" * 100])
def test_weights_that_are_junk_are_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="cut off"):
        load("one_logit", weights=tmp_path / "w.safetensors")


def test_weights_that_do_not_fit_are_refused(tmp_path):
    save_file(Linear(3).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        load("one_logit", weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("not_a_module", ModelError, "not a torch.nn.Module"),
        ("raises", ModelError, "no such luck"),
        ("leaves", ModelError, "SystemExit"),
        ("HERE", UsageError, "no function 'HERE'"),
        ("one_logi", UsageError, "did you mean 'one_logit'"),
    ],
)
def test_a_factory_that_makes_no_module_is_refused(name, error, said):
    with pytest.raises(error, match=said):
        load(name)


@pytest.mark.parametrize("name", ["three", "scalar", "broken", "sparse"])
def test_answers_that_are_no_decision_are_refused(name):
    with pytest.raises(ModelError, match="gave"):
        load(name).outputs(FRAME)


@pytest.mark.parametrize("name", ["nowhere", "no.such.module:f", ":f", "json:"])
def test_a_name_that_cannot_be_imported_is_refused(name):
    with pytest.raises(UsageError):
        load_foreign(name, None, features=("a",), preprocess=None, runtime=Runtime())


def test_text_and_missing_values_point_to_preprocess():
    with pytest.raises(DataError, match=r"'c' holds text.*--preprocess"):
        load("one_logit", features=("a", "c")).outputs(FRAME)
    with pytest.raises(DataError, match=r"'a' has missing values.*--preprocess"):
        load("one_logit").outputs(FRAME.assign(a=[1.0, None, 2.0]))


def test_wrong_shapes_are_told_with_what_was_given():
    with pytest.raises(ModelError, match="2, 1"):
        load("one_logit", features=("a",)).outputs(FRAME)
    with pytest.raises(ModelError, match="3 rows"):
        load("one_logit", preprocess="too_short").outputs(FRAME)
    with pytest.raises(ModelError, match="no tensor"):
        load("one_logit", preprocess="empty_handed").outputs(FRAME)
    with pytest.raises(ModelError, match="SystemExit"):
        load("one_logit", preprocess="leaves").outputs(FRAME)
    with pytest.raises(ModelError, match=r"KeyError.*no such column"):
        load("one_logit", preprocess="stumbles").outputs(FRAME)


def test_dropout_is_off_while_auditing():
    model = load("one_logit")
    model.module.last = nn.Dropout(0.9)
    model.module.train()
    assert model.outputs(FRAME).scores == pytest.approx(model.outputs(FRAME).scores)
