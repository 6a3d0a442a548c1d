"""A detector on disk: a folder with `model.safetensors` and a sealed `card.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from auditkit.detection.calibration import ALPHA, Calibration, answers
from auditkit.detection.panel import Panel, read
from auditkit.errors import DataError, ModelError
from auditkit.models.sealed import (
    CARD,
    DETECTOR,
    MOST,
    ensure_ours,
    plain_bytes,
    required,
    unsealed,
    write_folder,
)
from auditkit.runtime import Runtime

WEIGHTS = "model.safetensors"
DEFAULT = "default"  # the folder of this package with the detector that ships
SENTENCES = ("sources", "generators", "limits", "notes")  # facts that are lists of text


@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """A panel, its calibration, and facts of how it was made: plain values for JSON.

    facts: recipe (what to give `auditkit train detector` to make it again), corpus (its rows by
    generator, source and part), seconds, measured (figures on the test part), limits (sentences).
    """

    panel: Panel
    calibration: Calibration
    facts: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def answers(
        self, images: list[NDArray[np.uint8]], runtime: Runtime, *, alpha: float = ALPHA
    ) -> pd.DataFrame:
        """One row an image, as `calibration.answers` describes."""
        return answers(read(self.panel, images, runtime), self.calibration, alpha=alpha)


def save_detector(folder: Path | str, detector: Detector) -> Path:
    """Write a detector whole or not at all; gives the folder. Raises UsageError where it cannot."""
    folder = Path(folder)
    ensure_ours(folder, (WEIGHTS, CARD))
    state = {name: one.cpu().contiguous() for name, one in detector.panel.state_dict().items()}
    weights = save_tensors(state)
    card = {
        "kind": DETECTOR,
        "weights_sha256": sha256(weights).hexdigest(),
        "calibration": detector.calibration.to_dict(),
        "facts": dict(detector.facts),
    }
    write_folder(folder, {WEIGHTS: weights}, card)
    return folder


def load_detector(folder: Path | str | None = None) -> Detector:
    """The detector in a folder, or the one that ships with auditkit.

    Raises ModelError where it is missing, cut off, changed or something else.
    """
    place = Path(str(files("auditkit.detection") / DEFAULT)) if folder is None else Path(folder)
    text = _bytes(place / CARD)
    card = unsealed(text, place / CARD)
    if card.get("kind") != DETECTOR:
        raise ModelError(f"{place} is no detector; make one with `auditkit train detector`")
    try:
        weights = required(_bytes(place / WEIGHTS), str(card["weights_sha256"]), place / WEIGHTS)
        panel = Panel()
        panel.load_state_dict(load_tensors(weights))
        law = Calibration.from_dict(card["calibration"])
        facts = facts_of(card["facts"])
    except (KeyError, TypeError, DataError, SafetensorError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{place} holds no detector of this version: {reason}") from error
    return Detector(
        panel=panel.eval(), calibration=law, facts=facts, sha256=sha256(text).hexdigest()
    )


def facts_of(raw: Any) -> dict[str, Any]:
    """The facts of a card, which may be a stranger's. Raises DataError for what is none of ours.

    What is shown of them is text that steers no terminal.
    """
    if not isinstance(raw, dict):
        raise DataError("its facts are no table")
    seed = raw.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DataError("its seed is no number from 0 on")
    facts = dict(raw)
    for name in (one for one in SENTENCES if one in raw):
        said = raw[name]
        if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
            raise DataError(f"{name!r} of its facts is no list of text")
        facts[name] = ["".join(c if c.isprintable() else " " for c in one) for one in said]
    return facts


def _bytes(path: Path) -> bytes:
    try:
        return plain_bytes(path, MOST)
    except OSError as error:
        raise ModelError(
            f"no detector in {path.parent} ({path.name}: {error.strerror}); make one with "
            "`auditkit train detector`"
        ) from error
