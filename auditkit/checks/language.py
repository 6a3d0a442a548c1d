"""Is a text turned into the right one, and does a model of language know more than counts do?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd

from auditkit.checks.base import CHECKS, at_least, at_most, finding, percent, points
from auditkit.data.schema import Task
from auditkit.models import baselines
from auditkit.models.predictor import Language, Texts
from auditkit.ranges import GAP, SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Table, Topic, Unit
from auditkit.statistics import multiclass, texts
from auditkit.statistics.estimate import Estimate, settled_at
from auditkit.statistics.texts import Edits
from auditkit.subject import Subject

MOST_CHARACTERS = 400  # of a text that is shown


class Asked(NamedTuple):
    """Texts to be turned into others, each once: its first row and all answers listed for it."""

    rows: np.ndarray
    sources: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    kind: str

    def beside(self, said: Sequence[str], places: Sequence[int]) -> Edits:
        """What was said of some of the texts, beside the nearest of their references."""
        return texts.nearest_edits(
            [texts.symbols(one, self.kind) for one in said],
            [[texts.symbols(one, self.kind) for one in self.references[i]] for i in places],
        )


@CHECKS.register("transduction")
@dataclass(frozen=True, kw_only=True)
class Transduction:
    """Edits that the model's texts need to become right, beside those of a trivial answer.

    A text is asked once, however many right answers are listed for it, and the nearest counts.
    The trivial answer is that of the training text spelled most alike, on `compared` texts drawn
    at random; where training rows are unknown, always the commonest answer.
    """

    rule: ClassVar[str] = "AK106"
    title: ClassVar[str] = "Texts turned into texts"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    min_gain: float = ranged(0.0, *GAP)
    max_error_rate: float | None = ranged(None, 0, 100)
    min_accuracy: float | None = ranged(None, *SHARE)
    compared: int = ranged(1000, 10, 100_000)
    examples: int = ranged(10, 0, 100)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Error rate, whole texts right, gain over a trivial answer; examples."""
        subject.require(Task.TRANSDUCTION)
        said = subject.answers(Texts).texts
        asked = _asked(subject)
        written = [str(said[row]) for row in asked.rows]
        found = asked.beside(written, range(len(written)))
        rng = subject.rng(self.rule)
        places = np.sort(rng.permutation(len(written))[: self.compared]).tolist()
        trivial, how = _trivial(subject, asked, places)
        other = asked.beside(trivial, places)
        yield self._rate(found, other, asked.kind)
        yield self._whole(found, other)
        own = Edits(found.edits[places], found.symbols[places])
        yield self._gain(own, other, how)
        yield _examples(asked, written, found, rng.permutation(len(written)), self.examples)

    def _rate(self, found: Edits, other: Edits, kind: str) -> Finding:
        rate = texts.error_rate(found)
        what = "characters" if kind == "characters" else "symbols (what stands between blanks)"
        return finding(
            f"What the model writes for {rate.n:,} texts needs {100 * rate.value:.1f} edits for "
            f"every 100 {what} to become the nearest right answer.",
            rate,
            metric="error rate",
            status=at_most(rate, self.max_error_rate),
            limit=self.max_error_rate,
            null=texts.error_rate(other).value,
            remedy="Train longer or with more texts; look at the examples for what goes wrong.",
            rows_needed=lambda: settled_at(rate, self.max_error_rate),
        )

    def _whole(self, found: Edits, other: Edits) -> Finding:
        right = multiclass.accuracy(found.edits == 0)
        return finding(
            f"{percent(right.value)} of the {right.n:,} texts are right from end to end.",
            right,
            metric="whole texts right",
            status=at_least(right, self.min_accuracy),
            limit=self.min_accuracy,
            null=multiclass.accuracy(other.edits == 0).value,
            remedy="Train longer or with more texts; look at the examples for what goes wrong.",
            rows_needed=lambda: settled_at(right, self.min_accuracy),
        )

    def _gain(self, own: Edits, other: Edits, how: str) -> Finding:
        gain = texts.error_rate_difference(other, own)
        side = "below" if gain.value >= 0 else "above"
        return finding(
            f"The error rate is {points(abs(gain.value))} {side} that of {how} "
            f"({percent(texts.error_rate(other).value)}, on {gain.n:,} texts).",
            gain,
            metric="gain over a trivial answer",
            unit=Unit.POINTS,
            status=at_least(gain, self.min_gain),
            limit=self.min_gain,
            null=0.0,
            remedy="Do not use this model: looking up a similar text does as well.",
            rows_needed=lambda: settled_at(gain, self.min_gain),
        )


@CHECKS.register("language")
@dataclass(frozen=True, kw_only=True)
class LanguageModel:
    """Bits a character beside those of counting characters and of a general compressor.

    The characters are counted in the training texts; `xz -9e` reads the audited texts together
    and has seen nothing before. Gains are in bits a character.
    """

    rule: ClassVar[str] = "AK107"
    title: ClassVar[str] = "Language"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    min_gain: float = ranged(0.0, -100, 100)
    min_gain_over_compressor: float | None = ranged(None, -100, 100)
    max_bits: float | None = ranged(None, 0, 100)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Bits a character, the gains over both, samples."""
        subject.require(Task.LANGUAGE)
        said = subject.answers(Language)
        asked = _read(subject, said)
        counted, how = _counted(subject, asked)
        pressed = texts.compressed_bits(asked)
        ways = {
            "this model": said.bits,
            "xz -9e": pressed,
            "characters counted": counted,
        }
        rates = {
            name: texts.bits_per_character(bits, said.characters) for name, bits in ways.items()
        }
        yield self._bits(rates["this model"], rates["characters counted"])
        yield self._gain(said, counted, f"counting characters {how}", self.min_gain)
        yield self._gain(said, pressed, "a compressor (xz -9e)", self.min_gain_over_compressor)
        yield _section(rates, said.samples)

    def _bits(self, rate: Estimate, counted: Estimate) -> Finding:
        return finding(
            f"The model needs {rate.value:.3f} bits a character for {rate.n:,} texts.",
            rate,
            metric="bits a character",
            unit=Unit.NUMBER,
            status=at_most(rate, self.max_bits),
            limit=self.max_bits,
            null=counted.value,
            remedy="Train longer, with more texts, or a larger network.",
            rows_needed=lambda: settled_at(rate, self.max_bits),
        )

    def _gain(self, said: Language, other: np.ndarray, name: str, limit: float | None) -> Finding:
        gain = texts.bits_saved(said.bits, other, said.characters)
        word = "fewer" if gain.value >= 0 else "more"
        short = name.split(" characters")[0]
        return finding(
            f"The model needs {abs(gain.value):.3f} bits a character {word} than {name}.",
            gain,
            metric=f"bits a character saved over {short}",
            unit=Unit.NUMBER,
            status=at_least(gain, limit),
            limit=limit,
            null=0.0,
            remedy="Do not use this model: it has learned no more of the language than this.",
            rows_needed=lambda: settled_at(gain, limit),
        )


def _asked(subject: Subject) -> Asked:
    schema = subject.table.schema
    source = subject.frame[_source(subject)].astype(str).to_numpy()
    target = subject.frame[schema.target.name].astype(str).to_numpy()
    codes, sources = pd.factorize(source)
    listed: list[dict[str, None]] = [{} for _ in sources]
    for code, one in zip(codes, target, strict=True):
        listed[code][one] = None
    return Asked(
        rows=np.unique(codes, return_index=True)[1],
        sources=tuple(sources),
        references=tuple(tuple(several) for several in listed),
        kind=texts.words_or_characters(target.tolist()),
    )


def _source(subject: Subject) -> str:
    """The column of the texts that are read."""
    features = subject.table.schema.features
    return next(one.name for one in features if one.kind.value == "text")


def _trivial(subject: Subject, asked: Asked, places: Sequence[int]) -> tuple[tuple[str, ...], str]:
    """An answer to each of these texts that took no model, and how it was had."""
    target = subject.table.schema.target.name
    if subject.train is None:
        answers = pd.Series([one[0] for one in asked.references])
        common = str(answers.mode().iloc[0])
        return (common,) * len(places), "always giving the commonest answer"
    known = subject.train.frame
    written = baselines.nearest_texts(
        known[_source(subject)].astype(str).tolist(),
        known[target].astype(str).tolist(),
        [asked.sources[place] for place in places],
    )
    return written, "giving the answer to the training text that is spelled most alike"


def _examples(
    asked: Asked, written: Sequence[str], found: Edits, order: np.ndarray, most: int
) -> Section:
    tables = []
    for title, which in (("Right", found.edits == 0), ("Wrong", found.edits > 0)):
        places = [place for place in order.tolist() if which[place]][:most]
        frame = pd.DataFrame(
            {
                "read": [_short(asked.sources[place]) for place in places],
                "written": [_short(written[place]) for place in places],
                "right": [_short(" / ".join(asked.references[place])) for place in places],
                "edits": [int(found.edits[place]) for place in places],
            }
        )
        if places:
            tables.append(Table(title=f"{title}: {len(places)} drawn at random", frame=frame))
    text = "Drawn at random among the right and the wrong, so that nothing is chosen to please."
    return Section(title="What the model writes", text=text, views=tuple(tables))


def _read(subject: Subject, said: Language) -> list[str]:
    """The audited texts, as far as the model read them."""
    whole = subject.frame[_source(subject)].astype(str).tolist()
    return [text[: int(n)] for text, n in zip(whole, said.characters, strict=True)]


def _counted(subject: Subject, asked: list[str]) -> tuple[np.ndarray, str]:
    if subject.train is None:
        return texts.frequency_bits(asked, texts.frequencies(asked)), "in these very texts"
    known = texts.frequencies(subject.train.frame[_source(subject)].astype(str).tolist())
    return texts.frequency_bits(asked, known), "in the training texts"


def _section(rates: dict[str, Estimate], samples: Sequence[str]) -> Section:
    frame = pd.DataFrame(
        {
            "way": list(rates),
            "bits a character": [one.value for one in rates.values()],
            "low": [one.low for one in rates.values()],
            "high": [one.high for one in rates.values()],
        }
    )
    picture = Intervals(
        title="Bits a character",
        frame=frame,
        label="way",
        value="bits a character",
        low="low",
        high="high",
        unit=Unit.NUMBER,
        text="Less is better. Each interval counts texts, and stands for its way alone.",
    )
    shown = pd.DataFrame({"sample": [_short(one) for one in samples]})
    views = (picture, Table(title="What the model writes by itself", frame=shown))
    return Section(
        title="What the model knows of the language",
        text="A model that knows what comes next writes a text down in few bits. Counting "
        "characters knows only how common each is; the compressor learns while it reads. The "
        "samples are as drawn, none was chosen.",
        views=views if samples else views[:1],
    )


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} …"
