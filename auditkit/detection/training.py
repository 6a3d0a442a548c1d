"""From a corpus to a detector: fitted on one part, calibrated on another, measured on a third."""

import time
from dataclasses import asdict
from typing import Any

import pandas as pd

from auditkit.detection.batches import Batches
from auditkit.detection.calibration import answers, calibrated
from auditkit.detection.corpus import (
    FAKE,
    GENERATOR,
    IMAGE,
    LABEL,
    NOBODY,
    ORIGINAL,
    PART,
    SOURCE,
    Part,
    require_corpus,
)
from auditkit.detection.files import Detector
from auditkit.detection.fitting import DetectorRecipe as DetectorRecipe
from auditkit.detection.fitting import fit
from auditkit.detection.measured import measured
from auditkit.detection.panel import Panel, read
from auditkit.errors import DataError
from auditkit.runtime import Runtime
from auditkit.versions import versions

LIMITS = (
    "Never tested on images by diffusion models or text-to-image services.",
    "Never tested on face swaps, edited photographs, or pictures with a part that was made.",
    "Never tested on video, on screenshots, or on images that were printed and photographed again.",
    "Never tested on anyone who tries to deceive it: traces can be removed on purpose.",
    "Trained on fakes of small generators made for this, not on any that is in use.",
    "Blur, strong compression and scaling take traces away: a real image that went through them "
    "may look made, and a made one real.",
    "It looks at brightness alone, at no more than six squares of an image.",
    "It says nothing of who made an image, or why; an answer is a reason to look closer.",
)


def train_detector(corpus: pd.DataFrame, recipe: DetectorRecipe, runtime: Runtime) -> Detector:
    """Fit a panel on the part train, calibrate it on calibration, measure it on test.

    The threshold and the probability are learned on calibration images alone; the test part, which
    may be empty, changes nothing but the figures in the facts. Raises DataError where the corpus
    is none, or a part lacks a class.
    """
    require_corpus(corpus, "the corpus")
    parts = {one: corpus[corpus[PART] == one].reset_index(drop=True) for one in Part}
    for part in (Part.TRAIN, Part.CALIBRATION):
        _require_both(parts[part], part)
    clock = time.perf_counter()
    with runtime.seeded("detector"):
        panel = Panel()
    train, held = parts[Part.TRAIN], parts[Part.CALIBRATION]
    drawn = Batches(train, batch=recipe.batch, degraded=recipe.degraded)
    fit(panel, drawn, recipe, runtime)
    law = calibrated(
        read(panel, list(held[IMAGE]), runtime),
        (held[LABEL] == FAKE).to_numpy(),
        held[ORIGINAL],
        source=held[SOURCE],
    )
    seconds = time.perf_counter() - clock
    facts = facts_of(corpus, recipe, runtime) | {"seconds": round(seconds, 1)}
    test = parts[Part.TEST]
    if test[LABEL].nunique() == 2:
        facts["measured"] = measured(test, answers(read(panel, list(test[IMAGE]), runtime), law))
    return Detector(panel=panel.cpu().eval(), calibration=law, facts=facts)


def facts_of(corpus: pd.DataFrame, recipe: DetectorRecipe, runtime: Runtime) -> dict[str, Any]:
    """How a detector was made, as plain values: what its card and its report say."""
    learned = corpus[corpus[PART].isin((Part.TRAIN, Part.CALIBRATION))]  # some have no part
    counted = corpus.groupby([PART, SOURCE, GENERATOR])[ORIGINAL].agg(["size", "nunique"])
    counts = counted.set_axis(["images", "originals"], axis=1).reset_index()
    return {
        "recipe": asdict(recipe),
        "seed": runtime.seed,
        "device": runtime.resolved_device(),
        "corpus": counts.to_dict("records"),
        "sources": sorted(map(str, learned[SOURCE].unique())),
        "generators": sorted(map(str, set(learned[GENERATOR]) - {NOBODY})),
        "limits": list(LIMITS),
        "versions": versions(),
    }


def _require_both(rows: pd.DataFrame, part: Part) -> None:
    seen = rows[LABEL].value_counts()
    if len(seen) < 2:
        found = ", ".join(f"{count} {name}" for name, count in seen.items()) or "none"
        raise DataError(
            f"the part {part.value} of the corpus needs real and made images; it has {found}"
        )
