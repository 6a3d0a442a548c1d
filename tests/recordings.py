"""Lines of speech that were planted: pulses of a pitch that wanders."""

import io
from functools import cache

import numpy as np
import pandas as pd
import pytest

from auditkit.detection.speech.corpus import SpeechRecipe, corpus_of_lines
from auditkit.runtime import Runtime

LINES = 20


def spoken(pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Pulses of a pitch that wanders, louder and softer: nothing a vocoder repeats exactly."""
    count = 8000
    wander = pitch * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 3) * np.arange(count) / 16_000))
    phase = 2 * np.pi * np.cumsum(wander) / 16_000
    tones = sum(np.cos(k * phase) * rng.uniform(0.5, 1) / k for k in range(1, 25))
    swell = 1.2 + np.sin(2 * np.pi * rng.uniform(2, 5) * np.arange(count) / 16_000)
    return 0.02 * np.asarray(tones) * swell + 0.001 * rng.normal(size=count)


def recording(samples: np.ndarray) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    held = io.BytesIO()
    soundfile.write(held, samples, 16_000, format="WAV")
    return held.getvalue()


@cache
def planted_lines() -> pd.DataFrame:
    """A corpus of two voices in Dutch and in Czech."""
    rng = np.random.default_rng(0)
    files = {
        f"room/{language}/line{line}-{voice}.ogg": recording(
            spoken(pitch * rng.uniform(0.9, 1.1), rng)
        )
        for language, many in (("nl", 3 * LINES), ("cs", 3))
        for voice, pitch in (("m", 220.0), ("v", 130.0))
        for line in range(many)
    }
    return corpus_of_lines(files, SpeechRecipe(lines=LINES), Runtime(device="cpu"))
