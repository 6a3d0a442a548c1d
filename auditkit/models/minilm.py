"""A BERT in plain torch, and MiniLM, one that others trained: what probes find in a real encoder.

>>> model, tokenize = load_minilm()
>>> model(*tokenize(["It fits well.", "Much too small."])).shape
torch.Size([2, 384])

Devlin 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding";
Wang 2020, "MiniLM"; the vector of a sentence: Reimers & Gurevych 2019, "Sentence-BERT".
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from tokenizers import Tokenizer
from torch import Tensor, nn

from auditkit.data.catalogue.minilm import CONFIG, TOKENIZER, WEIGHTS, published
from auditkit.data.text import padded
from auditkit.errors import ModelError, UsageError
from auditkit.models.transformer.blocks import present
from auditkit.ranges import ranged, require_ranges

LONGEST = 256  # pieces of a sentence with which it was trained
LARGEST = 2**30  # bytes of weights
WORDS = 2**26  # bytes of sizes, and of a tokenizer

# Texts to pieces (n, T) int64, 0 after each end, and how many each text has, (n,) int64.
Tokenize = Callable[[Sequence[str]], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class BertOptions:
    """Sizes; feedforward is the width inside a layer, longest how many pieces have a place."""

    vocabulary: int = ranged(30_522, 1, 2_000_000)
    width: int = ranged(384, 1, 16_384)
    depth: int = ranged(6, 1, 128)
    heads: int = ranged(12, 1, 256)
    feedforward: int = ranged(1_536, 1, 65_536)
    longest: int = ranged(512, 1, 65_536)
    kinds: int = ranged(2, 1, 1_024)
    epsilon: float = ranged(1e-12, 0, 0.1)

    def __post_init__(self) -> None:
        require_ranges(self, "the network's sizes")
        if self.width % self.heads:
            raise UsageError(
                f"width {self.width} in the network's sizes cannot be cut into {self.heads} heads"
            )


class Embeddings(nn.Module):
    """Pieces into vectors: that of the piece, of its place, and of the first of two texts."""

    def __init__(self, options: BertOptions) -> None:
        super().__init__()
        self.pieces = nn.Embedding(options.vocabulary, options.width)
        self.places = nn.Embedding(options.longest, options.width)
        self.kinds = nn.Embedding(options.kinds, options.width)
        self.norm = nn.LayerNorm(options.width, eps=options.epsilon)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) to (B, T, width)."""
        placed = self.pieces(tokens) + self.places.weight[: tokens.shape[1]] + self.kinds.weight[0]
        return self.norm(placed)  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention, then a feedforward layer: each is added, and the sum normalised."""

    def __init__(self, options: BertOptions) -> None:
        super().__init__()
        width, epsilon = options.width, options.epsilon
        self.attention = nn.MultiheadAttention(width, options.heads, batch_first=True)
        self.norm_attention = nn.LayerNorm(width, eps=epsilon)
        self.hidden = nn.Linear(width, options.feedforward)
        self.output = nn.Linear(options.feedforward, width)
        self.norm = nn.LayerNorm(width, eps=epsilon)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        """(B, T, width) to the same; padding (B, T) is True where a row has no piece."""
        gathered, _ = self.attention(x, x, x, key_padding_mask=padding, need_weights=False)
        x = self.norm_attention(x + gathered)
        out: Tensor = self.norm(x + self.output(F.gelu(self.hidden(x))))  # inside (B, T, 4 width)
        return out


class MiniLM(nn.Module):
    """A BERT whose answer is the vector of a text. Untrained until weights are laid in.

    Its layers by name: embeddings, layers.0, layers.1 and so on, (B, T, width) each.
    """

    def __init__(self, options: BertOptions | None = None) -> None:
        super().__init__()
        self.options = options or BertOptions()
        self.embeddings = Embeddings(self.options)
        self.layers = nn.ModuleList(Layer(self.options) for _ in range(self.options.depth))
        for name, one in self.named_parameters():  # as BERT begins
            if name.endswith("bias"):
                nn.init.zeros_(one)
            elif "norm" not in name:
                nn.init.normal_(one, std=0.02)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """The vectors (B, width) of texts (B, T), of length 1: the mean over a text's pieces."""
        hidden = self.hidden(tokens, lengths)
        within = present(lengths, tokens.shape[1]).unsqueeze(-1)  # (B, T, 1)
        mean = torch.where(within, hidden, 0).sum(dim=1) / lengths.unsqueeze(-1)
        return F.normalize(mean, dim=-1)

    def hidden(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """What the last layer gives, (B, T, width). Raises ModelError for pieces it cannot read."""
        self._require(tokens, lengths)
        x: Tensor = self.embeddings(tokens)
        padding = ~present(lengths, tokens.shape[1])
        for layer in self.layers:
            x = layer(x, padding)
        return x

    def _require(self, tokens: Tensor, lengths: Tensor) -> None:
        steps, most = tokens.shape[1], self.options.longest
        if steps > most:
            raise ModelError(f"a text of {steps} pieces for a network that reads {most}: cut it")
        if not len(tokens) or bool((lengths < 1).any()) or bool((lengths > steps).any()):
            raise ModelError(f"lengths must lie between 1 and the {steps} pieces of a row")
        if int(tokens.min()) < 0 or int(tokens.max()) >= self.options.vocabulary:
            raise ModelError(
                f"pieces {int(tokens.min())} to {int(tokens.max())} for a vocabulary of "
                f"{self.options.vocabulary}: use the network's own tokenizer"
            )


def load_minilm(*, longest: int = LONGEST) -> tuple[MiniLM, Tokenize]:
    """The pretrained MiniLM, in eval mode, and its own tokenizer; fetched once (80 MB) and kept.

    Six layers, 22.6 million parameters; texts are cut at `longest` pieces. Raises FetchError where
    it cannot be had, ChecksumError where what comes is not what was promised.
    """
    return of_files(published(), longest=longest)


def of_files(found: Mapping[str, bytes], *, longest: int = LONGEST) -> tuple[MiniLM, Tokenize]:
    """A BERT of these files: config.json, model.safetensors and tokenizer.json.

    Raises UsageError for texts of fewer than 3 pieces, ModelError where files are broken, ask for
    too much or do not fit each other.
    """
    missing = [one for one in (CONFIG, WEIGHTS, TOKENIZER) if one not in found]
    if missing:
        raise ModelError(f"there is no {missing[0]} among the model's files {sorted(found)}")
    options = options_of(found[CONFIG])
    weights = _weights(found[WEIGHTS], options)
    with torch.device("meta"):  # no numbers are drawn that the weights replace
        model = MiniLM(options)
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{WEIGHTS} does not fit {CONFIG}: {reason}") from error
    return model.eval(), _tokenize(found[TOKENIZER], options, longest)


def options_of(config: bytes) -> BertOptions:
    """The sizes that a BERT's config.json states. Raises ModelError for another kind of network."""
    _require_short(CONFIG, config)
    try:
        said: dict[str, Any] = json.loads(config)
        options = BertOptions(
            vocabulary=int(said["vocab_size"]),
            width=int(said["hidden_size"]),
            depth=int(said["num_hidden_layers"]),
            heads=int(said["num_attention_heads"]),
            feedforward=int(said["intermediate_size"]),
            longest=int(said["max_position_embeddings"]),
            kinds=int(said["type_vocab_size"]),
            epsilon=float(said["layer_norm_eps"]),
        )
        kind = said["model_type"], said["hidden_act"]
        places = said.get("position_embedding_type", "absolute")
    # Overflow of an infinite size, recursion of lists within lists.
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError, UsageError) as error:
        raise ModelError(f"{CONFIG} does not state a BERT's sizes: {error}") from error
    if (*kind, places) != ("bert", "gelu", "absolute"):
        raise ModelError(f"{CONFIG} is of {kind[0]} with {kind[1]} and {places} places, no BERT")
    return options


def _require_short(name: str, content: bytes) -> None:
    if len(content) > WORDS:
        raise ModelError(f"{name} has {len(content)} bytes; {WORDS} are the most")


def _weights(content: bytes, options: BertOptions) -> dict[str, Tensor]:
    """The published tensors under our names; what serves other purposes is left out."""
    if len(content) > LARGEST:
        raise ModelError(f"{WEIGHTS} has {len(content)} bytes; {LARGEST} are the most")
    try:
        given = load_tensors(content)
    except SafetensorError as error:
        raise ModelError(f"{WEIGHTS} is cut off or not safetensors: {error}") from error
    found: dict[str, Tensor] = {}
    try:
        for ours, theirs in _names(options.depth):
            found[ours] = torch.cat([given[one] for one in theirs]).float()
    except KeyError as error:
        raise ModelError(f"{WEIGHTS} lacks {error}, which {CONFIG} promises") from error
    except RuntimeError as error:
        raise ModelError(f"{WEIGHTS} does not fit {CONFIG}: {error}") from error
    wrong = [name for name, one in found.items() if not bool(torch.isfinite(one).all())]
    if wrong:
        raise ModelError(f"{WEIGHTS} holds NaN or infinity in {wrong[0]}")
    return found


def _names(depth: int) -> list[tuple[str, tuple[str, ...]]]:
    """Our name of each tensor, and the published ones that lie in it one below the other."""
    found: list[tuple[str, tuple[str, ...]]] = [
        (f"embeddings.{ours}.weight", (f"embeddings.{theirs}_embeddings.weight",))
        for ours, theirs in (("pieces", "word"), ("places", "position"), ("kinds", "token_type"))
    ]
    pairs = [("embeddings.norm", "embeddings.LayerNorm")]
    for i in range(depth):
        ours, theirs = f"layers.{i}", f"encoder.layer.{i}"
        pairs += [
            (f"{ours}.attention.out_proj", f"{theirs}.attention.output.dense"),
            (f"{ours}.norm_attention", f"{theirs}.attention.output.LayerNorm"),
            (f"{ours}.hidden", f"{theirs}.intermediate.dense"),
            (f"{ours}.output", f"{theirs}.output.dense"),
            (f"{ours}.norm", f"{theirs}.output.LayerNorm"),
        ]
        for part in ("weight", "bias"):
            asked = (f"{theirs}.attention.self.{one}.{part}" for one in ("query", "key", "value"))
            found.append((f"{ours}.attention.in_proj_{part}", tuple(asked)))
    for ours, theirs in pairs:
        found += [(f"{ours}.{part}", (f"{theirs}.{part}",)) for part in ("weight", "bias")]
    return found


def _tokenize(content: bytes, options: BertOptions, longest: int) -> Tokenize:
    if longest < 3:  # what begins a text, what ends it, and something between them
        raise UsageError(f"longest is {longest}: a text has 3 pieces or more")
    _require_short(TOKENIZER, content)
    try:
        made = Tokenizer.from_str(content.decode())
    except Exception as error:  # the library raises no class of its own
        raise ModelError(f"{TOKENIZER} cannot be read: {error}") from error
    if made.get_vocab_size() > options.vocabulary:
        raise ModelError(
            f"{TOKENIZER} has {made.get_vocab_size()} pieces, the network {options.vocabulary}"
        )
    made.no_padding()
    made.enable_truncation(min(longest, options.longest))

    def tokenize(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        if isinstance(texts, str) or not len(texts) or not all(isinstance(t, str) for t in texts):
            raise UsageError("give a list of texts, one or more, each a str")
        rows = [np.array(one.ids, dtype=np.int64) for one in made.encode_batch(list(texts))]
        tokens, lengths = padded(rows)
        return torch.from_numpy(tokens), torch.from_numpy(lengths)

    return tokenize
