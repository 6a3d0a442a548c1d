"""Real lines of speech and the same lines made anew.

Members are fitted on Dutch lines of both fish, calibrated on others with a way of making never
fitted on, and tested on others yet and on Czech lines, of other speakers, with a third. No line is
in two parts, and no Czech speaker in any but the test; each Dutch one is in all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from auditkit.data.audio import decode, resampled
from auditkit.data.catalogue.fillets import EMPTY, FILLETS, voice_of
from auditkit.data.fetch import Together, files
from auditkit.detection.corpus import (
    FAKE,
    GENERATOR,
    LABEL,
    NOBODY,
    ORIGINAL,
    PART,
    REAL,
    SOURCE,
    Part,
)
from auditkit.detection.speech.lfcc import RATE, SHORTEST, prepared
from auditkit.detection.speech.vocoders import VOCODERS
from auditkit.errors import DataError
from auditkit.ranges import ranged
from auditkit.runtime import Runtime, track

SIGNAL = "signal"
LONGEST = 2  # seconds of a line: its beginning
LANGUAGES = {"nl": "Dutch", "cs": "Czech"}
FITTED = ("griffin-lim", "minimum-phase", "linear-prediction")
CALIBRATED = ("random-phase",)
TESTED = ("sinusoids",)
PARTS: tuple[tuple[Part, str, tuple[str, ...]], ...] = (
    (Part.TRAIN, "nl", FITTED),
    (Part.CALIBRATION, "nl", CALIBRATED),
    (Part.TEST, "nl", TESTED),
    (Part.TEST, "cs", TESTED),
)


@dataclass(frozen=True, kw_only=True)
class SpeechRecipe:
    """How many lines of each voice and part are taken, where there are as many."""

    lines: int = ranged(80, 20, 600)


def speech_corpus(recipe: SpeechRecipe, runtime: Runtime) -> pd.DataFrame:
    """A row a recording: signal (n,) at 16 kHz, label, generator, source, original, part.

    Real and made ones went through the same resampling, loudness, noise and rounding, and those of
    one line are as long. source is the language.
    """
    source = FILLETS.source
    assert isinstance(source, Together), "the catalogue says so"
    return corpus_of_lines(files(source, FILLETS.name), recipe, runtime)


def corpus_of_lines(
    found: Mapping[str, bytes], recipe: SpeechRecipe, runtime: Runtime
) -> pd.DataFrame:
    """The same of files that are named as those of Fillets are."""
    rng = runtime.rng("speech")
    lines: dict[tuple[str, str], list[str]] = {}
    for name in sorted(set(found) - EMPTY):
        voice = voice_of(name)
        if voice:
            lines.setdefault((name.split("/")[1], voice), []).append(name)
    chosen: list[tuple[Part, str, str, tuple[str, ...]]] = []
    for part, language, makers in PARTS:
        for voice in ("m", "v"):
            known = lines.get((language, voice), [])
            taken = rng.permutation(known)[: recipe.lines].tolist()
            lines[language, voice] = [one for one in known if one not in set(taken)]
            chosen += [(part, language, name, makers) for name in taken]
    rows = []
    for part, language, name, makers in track(chosen, "making speech", len(chosen)):
        samples, rate = decode(found[name], name)
        spoken = resampled(samples.astype(np.float64), rate, RATE)[: LONGEST * RATE]
        if len(spoken) < SHORTEST * RATE:
            continue
        for maker in (NOBODY, *makers):
            made = spoken if maker == NOBODY else VOCODERS[maker](spoken, rng)
            label = REAL if maker == NOBODY else FAKE
            signal = prepared(made, RATE, rng)
            rows.append((signal, label, maker, LANGUAGES[language], name, part.value))
    if not rows:
        raise DataError("no line is long enough to be made anew: give others")
    return pd.DataFrame(rows, columns=[SIGNAL, LABEL, GENERATOR, SOURCE, ORIGINAL, PART])
