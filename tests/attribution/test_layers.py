"""Integrated gradients of what layers give, RNNs and attention included; models cut at a neuron."""

import pytest
import torch
from captum.attr import LayerIntegratedGradients
from torch import nn

from auditkit.attribution import attribute
from auditkit.attribution.layers import Cut, layer_integrated_gradients
from auditkit.attribution.paths import Walk
from auditkit.errors import ModelError, UsageError
from tests.attribution.networks import made

FINE = Walk(tolerance=0.001, most=2048)


class Reader(nn.Module):
    """torch's own encoder with a padding mask, or a recurrent network, before a linear layer."""

    def __init__(self, inner, *, batch_first=True):
        super().__init__()
        self.table, self.inner, self.last = nn.Embedding(9, 8), inner, nn.Linear(8, 2)
        self.batch_first = batch_first

    def forward(self, tokens, lengths):
        x = self.table(tokens)
        padding = torch.arange(tokens.shape[1]) >= lengths[:, None]
        if isinstance(self.inner, nn.TransformerEncoder):
            read = self.inner(x, src_key_padding_mask=padding)
        elif self.batch_first:
            read = self.inner(x)[0]
        else:
            read = self.inner(x.transpose(0, 1))[0].transpose(0, 1)
        return self.last(read.masked_fill(padding[..., None], 0.0).sum(dim=1))


def reader(build, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Reader(build(), **options).eval()
        return model, (torch.randint(1, 9, (3, 5)), torch.tensor([5, 2, 4]))


def adds_up(found, near=0.002):
    """To a share of the change or, where contributions cancel, of a thirtieth of their sizes."""
    change = (found.answers - found.reference).abs()
    sizes = sum(one.abs().reshape(len(one), -1).sum(dim=1) for one in found.values)
    return bool((found.gap.abs() <= near * torch.maximum(change, sizes / 30) + 1e-5).all())


@pytest.mark.parametrize("name", ["stem", "stage2", "stage3", "output.linear"])
def test_where_all_passes_through_a_layer_its_numbers_add_up(name):
    model, inputs, targets = made("cnn")
    found = layer_integrated_gradients(model, name, inputs, targets, walk=FINE)
    assert adds_up(found)
    assert not any(one._forward_hooks for one in model.modules())


def test_captum_agrees_on_a_convolutional_stage():
    model, inputs, targets = made("cnn")
    theirs = LayerIntegratedGradients(model, model.stage2).attribute(
        inputs[0], target=2, n_steps=200, internal_batch_size=100
    )
    ours = layer_integrated_gradients(model, "stage2", inputs, targets, walk=FINE)
    torch.testing.assert_close(
        ours.value, theirs.detach().double(), rtol=0, atol=0.02 * float(theirs.abs().max())
    )


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("first", [True, False])
def test_the_states_of_a_recurrent_layer_rows_first(kind, first):
    model, inputs = reader(lambda: kind(8, 8, batch_first=first), batch_first=first)
    found = layer_integrated_gradients(model, "inner", inputs, 1, walk=FINE)
    assert found.value.shape == (3, 5, 8)
    assert adds_up(found)
    assert found.value[1, 2:].abs().max() == 0  # beyond the row's length


def test_packed_states_of_our_own_networks():
    model, inputs, _ = made("lstm of tokens")
    found = layer_integrated_gradients(model, "layers.0.ahead", inputs)
    assert found.value.shape == (3, 5, 4)
    whole = layer_integrated_gradients(model, "layers.0", inputs, walk=FINE)
    assert whole.value.shape == (3, 5, 8)
    assert adds_up(whole)


def test_attention_inside_torchs_own_encoder_is_no_nested_tensor():
    model, inputs = reader(
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    )
    found = layer_integrated_gradients(model, "inner.layers.0.self_attn", inputs, 0)
    assert found.value.shape == (3, 5, 8)
    assert not adds_up(found)  # the residual sum passes beside it
    assert adds_up(layer_integrated_gradients(model, "inner.layers.1", inputs, 0, walk=FINE))


def test_our_own_attention_and_embedding():
    model, inputs, targets = made("encoder-decoder")
    found = layer_integrated_gradients(model, "writer.blocks.0.across", inputs, targets)
    assert found.value.shape == (3, 4, 8)
    deep = layer_integrated_gradients(model, "writer.norm", inputs, targets, walk=FINE)
    assert adds_up(deep)


def test_a_neuron_is_explained_by_any_method():
    model, inputs, _ = made("lstm of tokens")
    cut = Cut(model, "layers.0.ahead")
    found = attribute("integrated_gradients", cut, inputs, (0, 2), tolerance=0.001)
    assert adds_up(found)
    torch.testing.assert_close(found.answers, cut(*inputs)[:, 0, 2].detach().double())
    # the first step of a reader ahead knows nothing of what follows
    assert found.value[:, 1:].abs().max() < 1e-9


def test_a_model_cut_at_its_last_layer_is_the_model():
    model, inputs, targets = made("cnn")
    whole = attribute("saliency", model, inputs, targets)
    assert torch.equal(
        attribute("saliency", Cut(model, "output.linear"), inputs, targets).value, whole.value
    )


def test_of_a_linear_model_a_layers_numbers_are_by_hand():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False))
    model[0].weight.data = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    model[1].weight.data = torch.tensor([[10.0, 100.0]])
    found = layer_integrated_gradients(model, "0", torch.tensor([[2.0, 3.0]]))
    torch.testing.assert_close(found.value, torch.tensor([[20.0, 500.0]]).double())


def test_layers_that_do_not_exist_or_run_twice_or_give_no_tensor_are_refused():
    model, inputs, targets = made("cnn")
    with pytest.raises(UsageError, match=r"no layer 'stage4' in the model; .*did you mean 'stage"):
        layer_integrated_gradients(model, "stage4", inputs, targets)

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(2, 2)

        def forward(self, x):
            return self.one(self.one(x)).sum(dim=1)

    with pytest.raises(ModelError, match="'one' is called 2 times in a pass"):
        layer_integrated_gradients(Twice(), "one", torch.ones(1, 2))
    with pytest.raises(ModelError, match="'one' is called 2 times in a pass"):
        Cut(Twice(), "one")(torch.ones(1, 2))
