"""Networks that write: why this token, and not another, comes next."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.players import HELD, Players
from auditkit.data.text import END, PAD, START, PairEncoder, TextEncoder, padded
from auditkit.errors import UsageError
from auditkit.models.decoding import greedy
from auditkit.models.explainable.texts import words

END_SAID = "the end"
LETTERS = 64  # more than a token has


class Continued(nn.Module):
    """Logits (B, V) of the token after the last of each row of a language model."""

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """From tokens (B, T), padded at the end, and lengths (B,)."""
        stack = self.decoder.stack
        stack.require(tokens, lengths)
        hidden = stack(tokens)  # (B, T, width)
        rows = torch.arange(len(tokens), device=tokens.device)
        return stack.logits(hidden[rows, lengths - 1])  # type: ignore[no-any-return]


class Rewritten(nn.Module):
    """Logits (B, V) of the token after what was written so far, of a text that was read."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, source: Tensor, lengths: Tensor, so_far: Tensor, place: Tensor) -> Tensor:
        """From source (B, S) with lengths (B,), so_far (B, T) and the token's place (B,)."""
        memory, mask = self.model.read(source, lengths)
        self.model.writer.require(so_far)
        hidden = self.model.writer(so_far, memory, memory_mask=mask)  # (B, T, width)
        rows = torch.arange(len(source), device=source.device)
        return self.model.writer.logits(hidden[rows, place])  # type: ignore[no-any-return]


class Asked(NamedTuple):
    """Rows as a module takes them, which token is explained of each, and whose row it is."""

    inputs: tuple[Tensor, ...]
    targets: Tensor
    asks: tuple[str, ...]
    players: Players
    rows: tuple[int, ...]


@torch.no_grad()
def next_tokens(
    model: Any,
    encoder: TextEncoder,
    frame: pd.DataFrame,
    context: int,
    wanted: int | None,
    device: str,
) -> Asked:
    """The likeliest token after the first ones of each text, or the token that is wanted."""
    context = min(context, model.longest - 1)
    # A speech is long: what is behind the first tokens need not be read.
    frame = frame.assign(**{encoder.column: frame[encoder.column].str[: LETTERS * context]})
    texts = frame[encoder.column].tolist()
    cut = [one[:context] for one in encoder.rows(frame)]
    made = padded([[START, *one] for one in cut])  # type: ignore[misc]
    tokens, lengths = (torch.from_numpy(one).to(device) for one in made)
    found = words(encoder, texts, (len(texts), context))
    masks = torch.full(tuple(tokens.shape), HELD)  # START stays
    for row, one in enumerate(cut):
        masks[row, 1 : len(one) + 1] = found.masks[0][row, : len(one)]
    if wanted is None:
        targets = Continued(model)(tokens, lengths).argmax(dim=1)
    else:
        _require_token(wanted, encoder)
        targets = torch.full_like(lengths, wanted)
    asks = tuple(
        f"logit of {said(encoder, int(one))} after {len(text)} tokens"
        for one, text in zip(targets, cut, strict=True)
    )
    players = Players(masks=(masks, torch.full((1,), HELD)), names=found.names)
    return Asked((tokens, lengths), targets[:, None], asks, players, tuple(range(len(texts))))


@torch.no_grad()
def written_tokens(model: Any, encoder: PairEncoder, frame: pd.DataFrame, device: str) -> Asked:
    """Each token that is written greedily for each text, its end included."""
    texts = frame[encoder.source.column].tolist()
    source, lengths = (torch.from_numpy(one).to(device) for one in encoder.arrays(frame))
    tokens = greedy(model, source, lengths, encoder.target.longest).tokens  # (n, T)
    begun = torch.cat([tokens.new_full((len(tokens), 1), START), tokens[:, :-1]], dim=1)
    row, place = (tokens != PAD).nonzero().unbind(1)  # (B,) each
    so_far = begun[row].masked_fill(
        torch.arange(begun.shape[1], device=device) > place[:, None], PAD
    )
    found = words(encoder.source, texts, source.shape)
    masks = (
        found.masks[0][row.cpu()],
        torch.full((1,), HELD),
        torch.full((1, so_far.shape[1]), HELD),
        torch.full((1,), HELD),
    )
    names = tuple(found.names[int(one)] for one in row)
    targets = tokens[row, place]
    asks = tuple(
        f"token {int(at) + 1}, {said(encoder.target, int(one))}"
        for at, one in zip(place, targets, strict=True)
    )
    return Asked(
        (source[row], lengths[row], so_far, place),
        targets[:, None],
        asks,
        Players(masks=masks, names=names),
        tuple(row.tolist()),
    )


def said(encoder: TextEncoder, token: int) -> str:
    """A token in quotes, or in words."""
    text = encoder.text([token])
    return END_SAID if token == END else repr(text or f"token {token}")


def one_token(wanted: object, encoder: TextEncoder) -> int | None:
    """The token that a caller names, by its place or as text. Raises UsageError for several."""
    if wanted is None or isinstance(wanted, int):
        return wanted
    if isinstance(wanted, str):
        found: Sequence[int] = [int(one) for one in encoder.tokens([wanted])[0]]
        if len(found) == 1:
            return found[0]
    raise UsageError(f"{wanted!r} is not one token: name one, by its text or its number")


def _require_token(wanted: int, encoder: TextEncoder) -> None:
    if not 0 <= wanted < encoder.vocabulary:
        raise UsageError(
            f"no token {wanted}: the vocabulary has {encoder.vocabulary}, 0 to "
            f"{encoder.vocabulary - 1}"
        )
