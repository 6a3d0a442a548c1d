"""A detector of made images as the audit sees it, and what it says of images never trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.data.schema import Task
from auditkit.detection.calibration import Answer, answers
from auditkit.detection.corpus import GENERATOR, IMAGE, LABEL, ORIGINAL, REAL, SOURCE
from auditkit.detection.files import Detector
from auditkit.detection.panel import Readings, read
from auditkit.models.base import parameters
from auditkit.models.predictor import Ability, Decisions
from auditkit.runtime import Runtime

READING = 'fake where the calibrated answer is "fake"; an abstention is no call'


@dataclass(frozen=True, kw_only=True)
class DetectorModel:
    """Images in, probabilities of a fake out; its decisions are its calibrated answers."""

    detector: Detector
    runtime: Runtime
    name: str

    @property
    def task(self) -> Task:
        """Fake or not."""
        return Task.DECISION

    @property
    def abilities(self) -> frozenset[Ability]:
        """It is asked as a whole: its members see patches, and no layer sees an image."""
        return frozenset({Ability.SCORES, Ability.ANY_BATCH})

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the report says of it."""
        panel = self.detector.panel
        return {
            "name": self.name,
            "kind": "detector of made images, by auditkit",
            "members": list(panel.members),
            "parameters": parameters(panel),
            "sha256": self.detector.sha256,
        }

    def outputs(self, frame: pd.DataFrame) -> Decisions:
        """What it says of the images of `frame`."""
        found = self.detector.answers(list(frame[IMAGE]), self.runtime)
        return Decisions(
            scores=found["probability"].to_numpy(),
            predictions=(found["answer"] == Answer.FAKE).to_numpy().astype(np.int8),
            reading=READING,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Detected:
    """A detector beside the images that it is judged on.

    rows is a corpus of images that it was neither trained nor calibrated on; known are those that
    it was, where they are at hand: else its facts "sources" and "generators" list what they were.
    What several checks share is computed once.
    """

    detector: Detector
    rows: pd.DataFrame
    known: pd.DataFrame | None
    runtime: Runtime

    @cached_property
    def readings(self) -> Readings:
        """What the members see of each row."""
        return read(self.detector.panel, list(self.rows[IMAGE]), self.runtime)

    @cached_property
    def answers(self) -> pd.DataFrame:
        """What it answers on each row, as `calibration.answers` describes."""
        return answers(self.readings, self.detector.calibration)

    @property
    def fake(self) -> NDArray[np.bool_]:
        """Which rows were made, (n,)."""
        return (self.rows[LABEL] != REAL).to_numpy()

    @property
    def original(self) -> NDArray[Any]:
        """The photograph or person behind each row, (n,): what intervals are resampled by."""
        return self.rows[ORIGINAL].to_numpy()

    @property
    def new_source(self) -> NDArray[np.bool_]:
        """Which rows are of a set of real images that it never saw; none where that is unknown."""
        return self._new(SOURCE)

    @property
    def new_generator(self) -> NDArray[np.bool_]:
        """Which rows were made by a generator that it never saw; none where that is unknown."""
        return self._new(GENERATOR) & self.fake

    def _new(self, column: str) -> NDArray[np.bool_]:
        """Rows whose value was in no image that it learned from; its facts list those it had."""
        rows = self.rows[column]
        listed = self.detector.facts.get(f"{column}s", ()) if self.known is None else ()
        seen = set(listed) if self.known is None else set(self.known[column])
        return (~rows.isin(list(seen)) if seen else rows.isna()).to_numpy(dtype=bool)
