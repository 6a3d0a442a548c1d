"""Turns texts into tokens by a tokenizer that was trained on the training rows and is kept.

The tokenizer is one of the `tokenizers` library, saved as its own JSON with the model: reading
one runs nothing. Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with
Subword Units", for byte pairs.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from auditkit.data.schema import require_column
from auditkit.data.values import row_number
from auditkit.errors import DataError

PAD, UNKNOWN, START, END, MASK = range(5)
LONGEST = 2**17  # tokens of a row
SPECIAL = ("[PAD]", "[UNK]", "[START]", "[END]", "[MASK]")

# pieces: lower-cased words cut into byte pairs; bytes: any text, exactly as it is;
# characters: one token each; symbols: what stands between blanks.
Units = Literal["pieces", "bytes", "characters", "symbols"]


# In texts by letters: a word or a mark, and the blanks before it.
WORD = re.compile(r"\s*(?:[\w'’-]+|[^\w\s])")


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word as it stands in a text, and its tokens: from start up to, not with, end."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class TextEncoder:
    """A trained tokenizer, as JSON, for one column; longest bounds the tokens of a row."""

    column: str
    units: Units
    longest: int
    tokenizer: str

    @classmethod
    def fit(
        cls, frame: pd.DataFrame, column: str, *, units: Units, vocabulary: int, longest: int
    ) -> Self:
        """Learn at most `vocabulary` tokens from training rows. Raises DataError for no text."""
        texts = _texts(frame, column, "the training data")
        made = _untrained(units)
        trainer = _trainer(units, vocabulary)
        made.train_from_iterator(_spread(texts, units), trainer=trainer)
        return cls(column=column, units=units, longest=longest, tokenizer=_plain(made.to_str()))

    @cached_property
    def _made(self) -> Tokenizer:
        made = Tokenizer.from_str(self.tokenizer)
        made.encode_special_tokens = True  # "[END]" in a text is five letters, and ends nothing
        return made

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, the special ones included."""
        return int(self._made.get_vocab_size())

    def tokens(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The tokens of each text, int32, uncut."""
        made = self._made.encode_batch_fast(list(texts), add_special_tokens=False)
        found = (np.array(one.ids, dtype=np.int32) for one in made)
        return [np.where(one < len(SPECIAL), np.int32(UNKNOWN), one) for one in found]

    def text(self, tokens: Iterable[int]) -> str:
        """The text that tokens spell, special ones left out."""
        kept = [int(one) for one in tokens if int(one) >= len(SPECIAL)]
        return str(self._made.decode(kept, skip_special_tokens=True))

    def words(self, texts: Sequence[str]) -> list[tuple[Word, ...]]:
        """The words of each text, which share all of its tokens out among them.

        Punctuation is a word as well; blanks belong to the word behind them. A text by letters
        that has no blank is one word, and so its letters are given.
        """
        made = self._made.encode_batch(list(texts), add_special_tokens=False)
        return [_words(text, one, self.units) for text, one in zip(texts, made, strict=True)]

    def arrays(self, frame: pd.DataFrame, where: str = "the data") -> tuple[np.ndarray, ...]:
        """tokens (n, T) int64, 0 after the end, and lengths (n,) int64.

        T is the longest of these rows, `longest` at most: what is beyond is cut off. Raises
        DataError where a text is absent or empty.
        """
        return padded([one[: self.longest] for one in self.rows(frame, where)])

    def rows(self, frame: pd.DataFrame, where: str = "the data") -> list[np.ndarray]:
        """The tokens of each row, uncut. Raises DataError where a text is absent or empty."""
        found = self.tokens(_texts(frame, self.column, where))
        for row, one in enumerate(found):
            if not len(one):
                number = row_number(frame.index, row)
                raise DataError(
                    f"the text in row {number} of {where} is empty: drop the row or fill it in"
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal encoder."""
        return {**asdict(self), "tokenizer": json.loads(self.tokenizer)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """The encoder that `to_dict` wrote. Raises DataError where a part is missing or wrong."""
        try:
            made = cls(**{**raw, "tokenizer": _plain(json.dumps(raw["tokenizer"]))})
            places = made._made.get_vocab()
            sound = (
                isinstance(made.column, str)
                and made.units in get_args(Units)
                and type(made.longest) is int
                and 0 < made.longest <= LONGEST
                and _as_trained(made.units, raw["tokenizer"])
                and max(places.values()) + 1 == len(places) == made.vocabulary > len(SPECIAL)
                and made._made.padding is made._made.truncation is None
                and [places.get(one) for one in SPECIAL] == list(range(len(SPECIAL)))
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the encoder is not one that auditkit wrote: {error!r}") from error
        except Exception as error:  # the library raises plain Exception for JSON not its own
            raise DataError(f"the tokenizer cannot be read: {error}") from error
        if not sound:
            raise DataError("the encoder is not one that auditkit wrote: impossible figures")
        return made


@dataclass(frozen=True, kw_only=True)
class PairEncoder:
    """A text to read and a text to write, each by a tokenizer of its own."""

    source: TextEncoder
    target: TextEncoder

    def arrays(self, frame: pd.DataFrame, where: str = "the data") -> tuple[np.ndarray, ...]:
        """Tokens and lengths of the text to read, as TextEncoder gives them."""
        return self.source.arrays(frame, where)

    def written(self, frame: pd.DataFrame, where: str = "the data") -> np.ndarray:
        """Tokens of the text to write, (n, T) int64: START, the text, END, then 0."""
        found = [one[: self.target.longest - 2] for one in self.target.rows(frame, where)]
        framed = [np.concatenate([[START], one, [END]]) for one in found]
        return padded(framed)[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal encoder."""
        return {"source": self.source.to_dict(), "target": self.target.to_dict()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """The encoder that `to_dict` wrote. Raises DataError where a part is missing or wrong."""
        try:
            source, target = raw["source"], raw["target"]
        except (KeyError, TypeError) as error:
            raise DataError(f"the encoder is not one that auditkit wrote: {error!r}") from error
        return cls(source=TextEncoder.from_dict(source), target=TextEncoder.from_dict(target))


def padded(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of tokens as one array (n, T) int64 with 0 after each end, and lengths (n,)."""
    lengths = np.array([len(one) for one in rows], dtype=np.int64)
    tokens = np.full((len(rows), max(lengths, default=1)), PAD, dtype=np.int64)
    for row, one in enumerate(rows):
        tokens[row, : len(one)] = one
    return tokens, lengths


def _words(text: str, encoded: Any, units: Units) -> tuple[Word, ...]:
    owners, offsets = encoded.word_ids, encoded.offsets  # lists made anew at each look
    if units == "characters" and any(map(str.isspace, text.strip())):
        owners = _by_blanks(text, offsets)
    starts = [i for i, one in enumerate(owners) if i == 0 or one != owners[i - 1]]
    found = []
    for start, end in pairwise([*starts, len(owners)]):
        said = text[offsets[start][0] : offsets[end - 1][1]]
        found.append(Word(text=said.strip() or repr(said)[1:-1], start=start, end=end))
    return tuple(found)


def _by_blanks(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The word of each letter, by its place in the text; blanks at the end go with the last."""
    ends = np.array([one.end() for one in WORD.finditer(text)])
    places = np.searchsorted(ends, [start for start, _ in offsets], side="right")
    return [int(one) for one in np.minimum(places, max(len(ends) - 1, 0))]


def _plain(text: str) -> str:
    """JSON in one spelling, so that a tokenizer equals itself after the round trip."""
    return json.dumps(json.loads(text), ensure_ascii=False)


def _as_trained(units: Units, tokenizer: Mapping[str, Any]) -> bool:
    """Whether a tokenizer differs from ours in what it has learned alone.

    A stranger's could replace each letter by a million, or search by a pattern without end.
    """
    ours = json.loads(_untrained(units).to_str())
    parts = ("normalizer", "pre_tokenizer", "decoder", "post_processor")
    model = tokenizer["model"]
    return (
        all(tokenizer.get(one) == ours[one] for one in parts)
        and model.get("dropout") is None
        and model.get("type") == ours["model"].get("type")
    )


def _untrained(units: Units) -> Tokenizer:
    match units:
        case "characters" | "symbols":
            made = Tokenizer(models.WordLevel(unk_token=SPECIAL[UNKNOWN]))
            parts = Regex(r"[\s\S]") if units == "characters" else Regex(r"\S+")
            made.pre_tokenizer = pre_tokenizers.Split(parts, behavior="removed", invert=True)
            if units == "characters":
                made.decoder = decoders.Fuse()
        case "bytes":
            made = Tokenizer(models.BPE())
            made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            made.decoder = decoders.ByteLevel()
        case _:
            made = Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN], end_of_word_suffix="</w>"))
            made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
            made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
            made.decoder = decoders.BPEDecoder(suffix="</w>")
    return made


def _trainer(units: Units, vocabulary: int) -> Any:
    special, size = list(SPECIAL), max(vocabulary, len(SPECIAL) + 1)
    match units:
        case "characters" | "symbols":
            return trainers.WordLevelTrainer(
                vocab_size=size, special_tokens=special, show_progress=False
            )
        case "bytes":
            return trainers.BpeTrainer(
                vocab_size=max(size, 256 + len(SPECIAL)),
                special_tokens=special,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            )
        case _:
            return trainers.BpeTrainer(
                vocab_size=size,
                special_tokens=special,
                end_of_word_suffix="</w>",
                limit_alphabet=200,
                min_frequency=2,
                show_progress=False,
            )


def _spread(texts: Sequence[str], units: Units, size: int = 20_000) -> Iterable[str]:
    """Long texts in parts, so that the trainer holds none of them whole more than once."""
    for text in texts:
        for start in range(0, len(text), size):
            part = text[start : start + size]
            # A symbol named like a special token would take its place in the vocabulary.
            named = units == "symbols" and any(one in part for one in SPECIAL)
            yield " ".join(w for w in part.split() if w not in SPECIAL) if named else part


def _texts(frame: pd.DataFrame, column: str, where: str) -> list[str]:
    require_column(frame, column, where)
    texts: list[Any] = frame[column].tolist()
    for row, one in enumerate(texts):
        if not isinstance(one, str) or not one.strip():
            seen = "empty" if isinstance(one, str) or pd.isna(one) else repr(one)[:40]
            number = row_number(frame.index, row)
            raise DataError(
                f"the text in row {number} of {where} is {seen}: drop the row or fill it in"
            )
    if not texts:
        raise DataError(f"{where} has no rows")
    return texts
