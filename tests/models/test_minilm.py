import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from auditkit.attribution.attention import watching
from auditkit.data.catalogue import minilm
from auditkit.data.tables import Table
from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.layers import stages
from auditkit.models.minilm import WORDS, BertOptions, MiniLM, load_minilm, of_files
from auditkit.probing.recording import record

SAID = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "vocab_size": 12,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 20,
    "max_position_embeddings": 9,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "it",
    "fits",
    "##ting",
    "well",
    "too",
    "small",
    "a",
    "coat",
]
CLOSE = {"rtol": 0, "atol": 2e-6}


def tensors(said: dict[str, Any] = SAID, seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the names of the published file."""
    drawn = torch.Generator().manual_seed(seed)
    width, inner = said["hidden_size"], said["intermediate_size"]
    shapes = {"embeddings.LayerNorm": (width,), "pooler.dense": (width, width)}
    for i in range(said["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        for one in ("self.query", "self.key", "self.value", "output.dense"):
            shapes[f"{at}.attention.{one}"] = (width, width)
        shapes[f"{at}.attention.output.LayerNorm"] = shapes[f"{at}.output.LayerNorm"] = (width,)
        shapes[f"{at}.intermediate.dense"] = (inner, width)
        shapes[f"{at}.output.dense"] = (width, inner)
    found = {}
    for name, shape in shapes.items():
        found[f"{name}.weight"] = torch.randn(shape, generator=drawn)
        found[f"{name}.bias"] = torch.randn(shape[0], generator=drawn)
    rows = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "kinds"}
    for name, size in rows.items():
        shape = (said.get(size, 2), width)
        found[f"embeddings.{name}_embeddings.weight"] = torch.randn(shape, generator=drawn)
    return {**found, "embeddings.position_ids": torch.arange(9)[None]}


def tokenizer(pieces: list[str] = PIECES) -> bytes:
    made = Tokenizer(models.WordPiece({one: i for i, one in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.enable_padding(length=9)
    return made.to_str().encode()


def small(**said: Any) -> dict[str, bytes]:
    return {
        "config.json": json.dumps({**SAID, **said}).encode(),
        "model.safetensors": save(tensors()),
        "tokenizer.json": tokenizer(),
    }


def by_hand(given: dict[str, Tensor], tokens: list[int], said: dict[str, Any]) -> Tensor:
    """The published formulas in float64, of one text and in single heads: (T, width)."""
    weight = {name: one.double() for name, one in given.items()}

    def dense(name: str, x: Tensor) -> Tensor:
        return x @ weight[f"{name}.weight"].T + weight[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        x = (x - x.mean(1, keepdim=True)) / x.var(1, keepdim=True, correction=0).sqrt()
        return x * weight[f"{name}.weight"] + weight[f"{name}.bias"]

    words, places, kinds = (
        weight[f"embeddings.{one}_embeddings.weight"] for one in ("word", "position", "token_type")
    )
    x = norm("embeddings.LayerNorm", words[tokens] + places[: len(tokens)] + kinds[0])
    size = said["hidden_size"] // said["num_attention_heads"]
    for i in range(said["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        query, key, value = (
            dense(f"{at}.attention.self.{one}", x) for one in ("query", "key", "value")
        )
        heads = []
        for start in range(0, said["hidden_size"], size):
            cut = slice(start, start + size)
            looks = (query[:, cut] @ key[:, cut].T / size**0.5).softmax(dim=1)
            heads.append(looks @ value[:, cut])
        gathered = dense(f"{at}.attention.output.dense", torch.cat(heads, dim=1))
        x = norm(f"{at}.attention.output.LayerNorm", x + gathered)
        inner = dense(f"{at}.intermediate.dense", x)
        inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
        x = norm(f"{at}.output.LayerNorm", x + dense(f"{at}.output.dense", inner))
    return x


def of_torch(model: MiniLM, i: int) -> nn.TransformerEncoderLayer:
    """The same layer as torch has it."""
    ours, sizes = model.layers[i], model.options
    made = nn.TransformerEncoderLayer(
        sizes.width,
        sizes.heads,
        sizes.feedforward,
        activation="gelu",
        layer_norm_eps=sizes.epsilon,
        batch_first=True,
    ).eval()
    names = {
        "self_attn": ours.attention,
        "linear1": ours.hidden,
        "linear2": ours.output,
        "norm1": ours.norm_attention,
        "norm2": ours.norm,
    }
    for name, one in names.items():
        made.get_submodule(name).load_state_dict(one.state_dict())
    return made


def test_hidden_states_are_those_of_the_published_formulas():
    model, _ = of_files(small())
    text = [2, 4, 5, 6, 7, 3]
    with torch.no_grad():
        found = model.hidden(torch.tensor([text]), torch.tensor([6]))[0]
    assert torch.allclose(found.double(), by_hand(tensors(), text, SAID), **CLOSE)


@torch.no_grad()
def test_each_layer_is_torchs_own_with_the_same_weights():
    model, tokenize = of_files(small())
    tokens, lengths = tokenize(["it fits well", "a coat"])
    x = model.embeddings(tokens)
    padding = torch.arange(tokens.shape[1]) >= lengths[:, None]
    for i, layer in enumerate(model.layers):
        other = of_torch(model, i)(x, src_key_padding_mask=padding)
        x = layer(x, padding)
        assert torch.allclose(x[~padding], other[~padding], **CLOSE)


@torch.no_grad()
def test_the_vector_of_a_text_is_the_mean_of_its_pieces_whatever_stands_beside_it():
    model, tokenize = of_files(small())
    together = model(*tokenize(["it fits well", "too small a coat it fits"]))
    tokens, lengths = tokenize(["it fits well"])
    alone = model(tokens, lengths)
    assert torch.allclose(together[:1], alone, **CLOSE)
    assert torch.allclose(alone[0], F.normalize(model.hidden(tokens, lengths)[0].mean(0), dim=0))
    assert torch.allclose(together.norm(dim=1), torch.ones(2))


def test_texts_are_cut_into_the_networks_own_pieces():
    _, tokenize = of_files(small())
    tokens, lengths = tokenize(["It FITTING", "a unicorn", "a " * 20])
    assert tokens[0].tolist()[:6] == [2, 4, 1, 3, 0, 0]  # "fitting" has no beginning here
    assert lengths.tolist() == [4, 4, 9]
    assert tokens[2].tolist() == [2, *[10] * 7, 3]
    _, short = of_files(small(), longest=4)
    assert short(["a coat it fits"])[0].tolist() == [[2, 10, 11, 3]]
    with pytest.raises(UsageError, match="3 pieces or more"):
        of_files(small(), longest=2)
    with pytest.raises(UsageError, match="a list of texts"):
        tokenize("one text")


def test_its_layers_are_found_recorded_and_watched():
    model, tokenize = of_files(small())
    assert stages(model) == ("embeddings", "layers.0", "layers.1")
    with record(model, "layers.*") as seen, watching(model) as looks, torch.no_grad():
        model(*tokenize(["it fits", "a coat too small"]))
    assert seen["layers.1"].shape == (2, 6, 8)
    assert [tuple(one.weights.shape) for one in looks] == [(2, 2, 6, 6)] * 2
    assert looks[0].weights[0, :, :4].sum(dim=2) == pytest.approx(torch.ones(2, 4))


def test_an_untrained_one_begins_as_bert_does():
    torch.manual_seed(0)
    model = MiniLM(BertOptions(vocabulary=500, width=64, depth=1, heads=2, feedforward=128))
    for name, one in model.named_parameters():
        if name.endswith("bias"):
            assert not one.any()
        elif "norm" in name:
            assert (one == 1).all()
        else:
            assert 0.017 < one.std() < 0.023 or one.numel() < 1000


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"model_type": "gpt2"}, "no BERT"),
        ({"hidden_act": "relu"}, "no BERT"),
        ({"position_embedding_type": "relative_key"}, "no BERT"),
        ({"hidden_size": 0}, "width in the network's sizes is 0"),
        ({"num_hidden_layers": 10**9}, "depth"),
        ({"vocab_size": 10**12}, "vocabulary"),
        ({"layer_norm_eps": "wide"}, "does not state a BERT's sizes"),
        ({"num_attention_heads": 3}, "3 heads"),
        ({"num_hidden_layers": 3}, r"lacks 'encoder.layer.2"),
        ({"intermediate_size": 21}, "does not fit config.json"),
        ({"vocab_size": 2_000_000}, "does not fit config.json"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changed, told):
    with pytest.raises(ModelError, match=told):
        of_files(small(**changed))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("config.json", b"{", "does not state"),
        ("config.json", b"[]", "does not state"),
        ("config.json", b"[" * 100_000, "does not state"),
        ("config.json", b'{"vocab_size": Infinity}', "does not state"),
        ("config.json", b" " * (WORDS + 1), "are the most"),
        ("tokenizer.json", b" " * (WORDS + 1), "are the most"),
        ("model.safetensors", b"\xff" * 40, "cut off or not safetensors"),
        ("model.safetensors", save(tensors())[:-5], "cut off or not safetensors"),
        ("tokenizer.json", b"{}", "tokenizer.json cannot be read"),
        ("tokenizer.json", b"\xff", "tokenizer.json cannot be read"),
        ("tokenizer.json", tokenizer([*PIECES, "more"]), "has 13 pieces, the network 12"),
    ],
)
def test_broken_files_are_refused_in_one_sentence(name, content, told):
    with pytest.raises(ModelError, match=told) as caught:
        of_files({**small(), name: content})
    assert "\n" not in str(caught.value)


def test_weights_that_are_too_large_are_refused_before_they_are_read(monkeypatch):
    monkeypatch.setattr("auditkit.models.minilm.LARGEST", 10)
    with pytest.raises(ModelError, match="10 are the most"):
        of_files(small())


def test_missing_files_and_numbers_that_are_none_are_refused():
    with pytest.raises(ModelError, match=r"no model.safetensors among"):
        of_files({name: one for name, one in small().items() if name != "model.safetensors"})
    wrong = tensors()
    wrong["encoder.layer.1.output.dense.bias"][3] = torch.nan
    with pytest.raises(ModelError, match=r"NaN or infinity in layers.1.output.bias"):
        of_files({**small(), "model.safetensors": save(wrong)})


def test_pieces_that_it_cannot_read_are_refused():
    model, _ = of_files(small())
    one = torch.ones(1, dtype=torch.int64)
    with pytest.raises(ModelError, match="10 pieces for a network that reads 9"):
        model(torch.ones(1, 10, dtype=torch.int64), one)
    with pytest.raises(ModelError, match="pieces 1 to 12 for a vocabulary of 12"):
        model(torch.tensor([[1, 12]]), 2 * one)
    for length in (0, 3):
        with pytest.raises(ModelError, match="lengths must lie between 1 and the 2"):
            model(torch.tensor([[1, 2]]), length * one)


def test_as_rows_it_is_its_pieces_and_their_vectors():
    rows = minilm.clean(small())
    assert list(rows["piece"]) == PIECES
    first = tensors()["embeddings.word_embeddings.weight"]
    assert torch.equal(torch.from_numpy(rows["vector"][5][0]), first[5])
    with pytest.raises(DataError, match="not what they are called"):
        minilm.clean({**small(), "tokenizer.json": b"{}"})
    with pytest.raises(DataError, match="11 word pieces for 12 vectors"):
        minilm.clean({**small(), "tokenizer.json": tokenizer(PIECES[:-1])})


@pytest.mark.network
@torch.no_grad()
def test_the_published_one_gives_the_published_numbers(fetched: Callable[[str], Table]):
    rows = fetched("minilm")
    assert len(rows.frame) == 30_522
    model, tokenize = load_minilm()
    assert stages(model) == ("embeddings", *(f"layers.{i}" for i in range(6)))
    assert sum(one.numel() for one in model.parameters()) == 22_565_376
    # Of its makers' own pages: the first numbers of an example's vector, a pair's likeness.
    example = model(*tokenize(["This is an example sentence"]))[0, :5]
    assert example.tolist() == pytest.approx([0.0677, 0.0635, 0.0487, 0.0793, 0.0374], abs=6e-5)
    food, bread, baby = model(
        *tokenize(
            [
                "A man is eating food.",
                "A man is eating a piece of bread.",
                "The girl is carrying a baby.",
            ]
        )
    )
    assert float(food @ bread) == pytest.approx(0.7553, abs=1e-4)
    assert float(food @ baby) < 0.1
