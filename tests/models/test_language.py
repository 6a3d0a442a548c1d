import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from auditkit.data.text import END, START
from auditkit.models.language import bits_of
from auditkit.models.transformer.decoder import Decoder, DecoderOptions

V = 11


class Even(nn.Module):
    """All tokens equally likely, whatever was read."""

    def __init__(self, longest: int) -> None:
        super().__init__()
        self.longest = longest
        self.widest = 0

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        self.widest = max(self.widest, tokens.shape[1])
        return torch.zeros(*tokens.shape, V)


class Certain(Even):
    """After token k comes k + 1 with probability 1/2; END and the rest share the other half."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        super().forward(tokens)
        return (
            one_hot((tokens + 1).clamp(max=V - 1), V) * (0.5 - 0.5 / (V - 1)) + 0.5 / (V - 1)
        ).log()


@pytest.mark.parametrize("longest", [1, 2, 3, 7, 8, 64])
def test_each_token_and_the_end_is_counted_once_however_long_the_text(longest):
    sizes = [1, 2, 6, 7, 8, 9, 13, 14, 15, 16, 17, 63, 64, 100]
    texts = [np.full(size, 5, dtype=np.int32) for size in sizes]
    model = Even(longest)
    bits = bits_of(model, texts, "cpu")
    assert bits == pytest.approx([(size + 1) * math.log2(V) for size in sizes])
    assert model.widest <= longest, "it never reads more than its context"


def test_tokens_cost_what_the_model_thought_of_them_by_hand():
    # START (2) is followed by 5: 1/20. 6 by 7: 1/2. Then 5 again and END (3): 1/20 each.
    bits = bits_of(Certain(64), [np.array([5, 6, 7, 5])], "cpu")
    assert bits[0] == pytest.approx(2 * 1 + 3 * math.log2(20), rel=1e-5)


def test_no_texts_cost_nothing():
    assert bits_of(Even(8), [], "cpu").shape == (0,)


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(0)
    from auditkit.data.schema import Task
    from auditkit.models.card import Head

    class Known:
        vocabulary, longest = V, 12

    options = DecoderOptions(width=16, depth=1, heads=2)
    return Decoder.build(Known(), Head(task=Task.LANGUAGE, size=V), options).eval()


def direct(model: nn.Module, framed: list[int]) -> float:
    """One pass over the whole text, each token read off by itself."""
    with torch.no_grad():
        said = model(torch.tensor([framed[:-1]])).double().log_softmax(dim=-1)[0]
    return -sum(float(said[at, token]) for at, token in enumerate(framed[1:])) / math.log(2)


def test_a_text_within_the_context_costs_the_direct_sum_whatever_stands_beside_it(decoder):
    texts = [np.array([5, 6, 7]), np.array([9]), np.array([10, 5, 5, 8, 6, 7, 9, 9, 5])]
    bits = bits_of(decoder, texts, "cpu")
    for text, found in zip(texts, bits, strict=True):
        assert found == pytest.approx(direct(decoder, [START, *text.tolist(), END]), rel=1e-5)


def test_of_a_longer_text_each_token_has_half_a_context_before_it(decoder):
    """Windows of 12 start every 6 places; the first 12 tokens count whole, later ones half."""
    text = np.random.default_rng(0).integers(5, V, size=20)
    framed = [START, *text.tolist(), END]
    with torch.no_grad():
        total = 0.0
        for at in range(1, len(framed)):
            start = 0 if at <= 12 else ((at - 13) // 6 + 1) * 6
            said = decoder(torch.tensor([framed[start:at]])).double().log_softmax(dim=-1)
            total -= float(said[0, -1, framed[at]]) / math.log(2)
            assert at <= 12 or at - start > 6
    assert bits_of(decoder, [text], "cpu")[0] == pytest.approx(total, rel=1e-5)
