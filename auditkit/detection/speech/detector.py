"""A detector of made speech: readers of cepstra, a calibration, and a file. A demonstration.

It learned from about four voices of one game and fakes that were made here: what it says of other
speech is worth what an audit on such speech shows, and nothing was promised.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn

from auditkit.detection.calibration import ALPHA, Calibration, answers, calibrated
from auditkit.detection.conformal import numbers
from auditkit.detection.corpus import FAKE, LABEL, ORIGINAL, PART, SOURCE, Part
from auditkit.detection.files import facts_of
from auditkit.detection.members.table import Member
from auditkit.detection.panel import Readings
from auditkit.detection.patches import SIDE
from auditkit.detection.speech.corpus import SIGNAL, SpeechRecipe
from auditkit.detection.speech.lfcc import BANDS, FAST, SLOW, Floats, lfcc
from auditkit.errors import DataError, ModelError
from auditkit.models.sealed import (
    CARD,
    MOST,
    SPEECH_DETECTOR,
    ensure_ours,
    plain_bytes,
    unsealed,
    write_folder,
)
from auditkit.runtime import Runtime, track

DEMONSTRATION = "a demonstration: learned from four acted voices and fakes made for it"
LIMITS = (
    "A demonstration, not a detector of deepfakes: it never met a fake by a modern synthesiser.",
    "About four people speak all its real lines, acted for one game; gender, speaker, microphone "
    "and role are confounded.",
    "All its real lines were compressed once by Ogg Vorbis; its fakes were made from these.",
    "Never tested on telephone speech, music, noise, or anyone who tries to deceive it.",
)
PAPER = "Sahidullah 2015, A Comparison of Features for Synthetic Speech Detection"


def _member(name: str, title: str, *, control: bool = False) -> Member:
    return Member(name=name, title=title, build=nn.Identity, paper=PAPER, control=control)


# Only the reader of both windows votes: what tells a way of making is how they go together. On the
# lines of seed 0 a vote of all three ranked fakes never seen at .76, this one at .89.
READERS: Mapping[str, Member] = {
    one.name: one
    for one in (
        _member("slow", "cepstra of 20 ms", control=True),
        _member("fast", "cepstra of 5 ms", control=True),
        _member("both", "cepstra of 20 ms and 5 ms together"),
        _member("voice", "the average sound: voice, microphone and room", control=True),
    )
}

# Numbers that each looks at.
FEATURES = {"slow": 4 * BANDS, "fast": 4 * BANDS, "both": 8 * BANDS, "voice": BANDS}


def read_cepstra(signal: Floats) -> dict[str, Floats]:
    """What each reader looks at in a prepared signal."""
    (slow, voice), (fast, _) = (_told(lfcc(signal, front)) for front in (SLOW, FAST))
    return {"slow": slow, "fast": fast, "both": np.concatenate([slow, fast]), "voice": voice}


def _told(found: Floats) -> tuple[Floats, Floats]:
    """How far cepstra spread and move, and how alike neighbouring frames are; and their mean."""
    still = found[:, :BANDS]
    centred = still - still.mean(0)
    spread = (centred**2).mean(0) + 1e-9
    pace = (centred[1:] * centred[:-1]).mean(0) / spread
    moving = np.log(found[:, BANDS:].var(0) + 1e-9)
    return np.concatenate([np.log(spread), moving, pace]), still.mean(0)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A linear model of standardised features; fakes above 0."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    weight: tuple[float, ...]
    intercept: float

    def logits(self, features: Floats) -> Floats:
        """(n, features) -> (n,)."""
        standard = (features - np.array(self.mean)) / np.array(self.deviation)
        return np.asarray(standard @ np.array(self.weight) + self.intercept)


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeechDetector:
    """Readers in the order of READERS, their calibration, and facts as those of a `Detector`."""

    readers: tuple[Reader, ...]
    calibration: Calibration
    facts: Mapping[str, Any] = field(default_factory=dict)

    def answers(self, signals: Sequence[Floats], *, alpha: float = ALPHA) -> pd.DataFrame:
        """One row a prepared signal, as `calibration.answers` describes, and a note."""
        seen = _readings(self.readers, [read_cepstra(one) for one in signals])
        found = answers(seen, self.calibration, alpha=alpha, table=READERS)
        said = found["reason"].str.replace("images", "recordings")
        return found.assign(reason=said, note=DEMONSTRATION)


def train_speech_detector(
    corpus: pd.DataFrame, recipe: SpeechRecipe, runtime: Runtime
) -> SpeechDetector:
    """Fit the readers on the part train and calibrate them on calibration; test is left alone."""
    clock = time.perf_counter()
    rows = corpus[corpus[PART] != Part.TEST]
    seen = [read_cepstra(one) for one in track(rows[SIGNAL], "cepstra", len(rows))]
    fake = (rows[LABEL] == FAKE).to_numpy()
    train = (rows[PART] == Part.TRAIN).to_numpy()
    fit = [one for one, kept in zip(seen, train, strict=True) if kept]
    held = [one for one, kept in zip(seen, train, strict=True) if not kept]
    readers = tuple(_fitted(np.stack([one[name] for one in fit]), fake[train]) for name in READERS)
    law = calibrated(
        _readings(readers, held),
        fake[~train],
        rows[ORIGINAL].to_numpy()[~train],
        source=rows[SOURCE].to_numpy()[~train],
        table=READERS,
    )
    facts = {
        "recipe": asdict(recipe),
        "seed": runtime.seed,
        "sources": sorted(rows[SOURCE].unique()),
        "generators": sorted(set(rows["generator"]) - {"nobody"}),
        "seconds": round(time.perf_counter() - clock, 1),
        "limits": list(LIMITS),
    }
    return SpeechDetector(readers=readers, calibration=law, facts=facts)


def save_speech_detector(folder: Path, detector: SpeechDetector) -> Path:
    """Write it whole or not at all: a sealed card of plain numbers."""
    ensure_ours(folder, (CARD,))
    card = {
        "kind": SPEECH_DETECTOR,
        "readers": [asdict(one) for one in detector.readers],
        "calibration": detector.calibration.to_dict(),
        "facts": dict(detector.facts),
    }
    write_folder(folder, {}, card)
    return folder


def load_speech_detector(folder: Path) -> SpeechDetector:
    """What was saved. Raises ModelError where it is missing, changed or something else."""
    try:
        card = unsealed(plain_bytes(folder / CARD, MOST), folder / CARD)
    except OSError as error:
        raise ModelError(f"{folder / CARD} cannot be read: {error.strerror}") from error
    if card.get("kind") != SPEECH_DETECTOR:
        raise ModelError(f"{folder} is no detector of speech; it is {card.get('kind')!r}")
    try:
        readers = tuple(_reader(one) for one in card["readers"])
        law = Calibration.from_dict(card["calibration"], READERS)
        sizes = {name: len(one.mean) for name, one in zip(READERS, readers, strict=True)}
        if sizes != FEATURES:
            raise DataError(f"its readers look at {sizes}, those of this version at {FEATURES}")
        facts = facts_of(card["facts"])
    except (KeyError, TypeError, ValueError, DataError) as error:
        raise ModelError(f"{folder} holds no speech detector of this version: {error}") from error
    return SpeechDetector(readers=readers, calibration=law, facts=facts)


def _reader(raw: Mapping[str, Any]) -> Reader:
    sizes = {name: numbers(raw, name) for name in ("mean", "deviation", "weight")}
    (intercept,) = numbers({"intercept": [raw["intercept"]]}, "intercept")
    if len({len(one) for one in sizes.values()}) > 1 or min(sizes["deviation"]) <= 0:
        raise DataError("a reader's numbers do not fit together")
    return Reader(**sizes, intercept=intercept)


def _fitted(features: Floats, fake: NDArray[np.bool_]) -> Reader:
    mean, deviation = features.mean(0), features.std(0).clip(1e-6)
    law = LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced")
    law.fit((features - mean) / deviation, fake)
    return Reader(
        mean=tuple(mean.tolist()),
        deviation=tuple(deviation.tolist()),
        weight=tuple(law.coef_[0].tolist()),
        intercept=float(law.intercept_[0]),
    )


def _readings(readers: Sequence[Reader], seen: Sequence[Mapping[str, Floats]]) -> Readings:
    logits = [
        one.logits(np.stack([row[name] for row in seen]))
        for one, name in zip(readers, READERS, strict=True)
    ]
    return Readings(
        logits=np.stack(logits, axis=1),
        spectra=np.stack([row["voice"] for row in seen]),
        sides=np.full((len(seen), 2), SIDE),  # of images: here nothing is too small
    )
