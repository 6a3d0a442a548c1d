"""The demonstration on speech, for the command line: trained, asked, told."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from auditkit.config import built
from auditkit.data.audio import decode
from auditkit.detecting import UNREADABLE, Row, Tally, require_alpha
from auditkit.detection.calibration import Answer
from auditkit.detection.corpus import FAKE, LABEL, PART, SOURCE, Part
from auditkit.detection.speech.corpus import SIGNAL, SpeechRecipe, speech_corpus
from auditkit.detection.speech.detector import (
    DEMONSTRATION,
    READERS,
    SpeechDetector,
    save_speech_detector,
    train_speech_detector,
)
from auditkit.detection.speech.lfcc import prepared
from auditkit.errors import DataError, UsageError
from auditkit.models.sealed import CARD, ensure_ours
from auditkit.runtime import Runtime

DATA = "fillets"  # the data set's name on the command line
PLACE = Path("checkpoints") / "detector-fillets"
LARGEST = 200_000_000  # bytes of a recording


def train_and_save_speech(out: Path, given: Mapping[str, Any], runtime: Runtime) -> SpeechDetector:
    """Train on lines of Fillets, measure on others, write it to `out`.

    Raises ConfigError for a choice there is not, UsageError where `out` could not be written.
    """
    recipe = built(SpeechRecipe, "--set of detector", dict(given))
    ensure_ours(out, (CARD,))
    corpus = speech_corpus(recipe, runtime)
    trained = train_speech_detector(corpus, recipe, runtime)
    test = corpus[corpus[PART] == Part.TEST]
    said = trained.answers(list(test[SIGNAL]))
    fake = (test[LABEL] == FAKE).to_numpy()
    figures = {}
    for source in sorted(test[SOURCE].unique()):
        of = (test[SOURCE] == source).to_numpy()
        called = (said["answer"] == Answer.FAKE).to_numpy()
        figures[source] = {
            "AUC": float(roc_auc_score(fake[of], said["score"][of])),
            "real lines called fake": float(called[of & ~fake].mean()),
            "fakes called fake": float(called[of & fake].mean()),
            "no answer": float((said["answer"][of] == Answer.ABSTAIN).mean()),
            "recordings": int(of.sum()),
        }
    done = SpeechDetector(
        readers=trained.readers,
        calibration=trained.calibration,
        facts={**trained.facts, "measured": figures},
    )
    save_speech_detector(out, done)
    return done


def told_of_speech(done: SpeechDetector) -> Iterator[str]:
    """What it is worth on its test part, a line for each language, and that it is no more."""
    for source, one in done.facts["measured"].items():
        yield (
            f"{source}, {one['recordings']} recordings, fakes of a kind never seen: AUC "
            f"{one['AUC']:.3f}, {one['fakes called fake']:.0%} of fakes and "
            f"{one['real lines called fake']:.0%} of real lines called fake, no answer on "
            f"{one['no answer']:.0%}"
        )
    yield DEMONSTRATION


def detect_speech(
    paths: Sequence[Path], detector: SpeechDetector, runtime: Runtime, *, alpha: float
) -> Iterator[Row]:
    """One row a recording, by name; of folders, their own files.

    Raises UsageError where alpha is finer than the calibration can tell, or there is no file.
    """
    require_alpha(alpha, detector.calibration, "lines")
    files = [
        file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])
    ]
    if not files:
        raise UsageError("there is no file in what was named; give recordings or folders of them")
    return (_row(file, detector, runtime, alpha) for file in files)


def told_of_recordings(tally: Tally, detector: SpeechDetector) -> Iterator[str]:
    """How many of each answer, and what these are worth."""
    yield ", ".join(f"{count:,} {answer}" for answer, count in sorted(tally.counts.items()))
    yield DEMONSTRATION
    for limit in detector.facts.get("limits", ()):
        yield f"limit: {limit}"


def _row(file: Path, detector: SpeechDetector, runtime: Runtime, alpha: float) -> Row:
    rng = runtime.rng("speech asked")  # of each anew: who else is asked changes no answer
    try:
        if file.exists() and not file.is_file():
            raise DataError("it is no file: give a recording")
        if file.stat().st_size > LARGEST:
            raise DataError(f"it has more than {LARGEST:,} bytes: give a shorter recording")
        samples, rate = decode(file.read_bytes(), file.name)
        signal = prepared(samples.astype(np.float64), rate, rng)
    except OSError as error:
        return Row(file=str(file), answer=UNREADABLE, why=f"cannot be read: {error.strerror}")
    except DataError as error:
        return Row(file=str(file), answer=UNREADABLE, why=str(error))
    said = detector.answers([signal], alpha=alpha).iloc[0]
    return Row(
        file=str(file),
        answer=str(said["answer"]),
        why="; ".join(one for one in (str(said["reason"]), DEMONSTRATION) if one),
        probability=float(said["probability"]),
        p_value=float(said["p_value"]),
        members={name: float(said[name]) for name in READERS},
    )
