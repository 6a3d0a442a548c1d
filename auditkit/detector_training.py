"""From a folder of images, or the corpus that is made here, to a detector on disk."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd

from auditkit.config import built
from auditkit.data.tables import rows_sha256
from auditkit.detection.files import WEIGHTS, Detector, save_detector
from auditkit.detection.folders import NOTES, read_corpus
from auditkit.detection.making import CorpusRecipe, made_corpus
from auditkit.detection.measured import in_a_line
from auditkit.detection.training import DetectorRecipe, train_detector
from auditkit.detector_rows import CORPUS
from auditkit.errors import UsageError, suggestion
from auditkit.models.sealed import CARD, ensure_ours
from auditkit.runtime import Runtime

NAME = "detector"  # of the architecture, on the command line
PLACE = Path("checkpoints") / NAME

PRESETS: Mapping[str, DetectorRecipe] = {
    "quick": DetectorRecipe(steps=2_000),
    "full": DetectorRecipe(steps=6_000, linear=400),
}


@dataclass(frozen=True, kw_only=True)
class DetectorPlan:
    """What is trained on what: a folder with real/ and fake/, or the corpus that is made here."""

    folder: str | None
    preset: str
    recipe: DetectorRecipe

    def corpus(self, runtime: Runtime) -> pd.DataFrame:
        """Images with their parts. Raises DataError or UsageError where there are none."""
        if self.folder is not None:
            return read_corpus(Path(self.folder), runtime)
        size = cast(Literal["quick", "full"], self.preset)
        return made_corpus(CorpusRecipe(size=size, seed=runtime.seed), runtime)

    @property
    def command(self) -> str:
        """What makes the same detector again, but for its seed."""
        usual = asdict(PRESETS[self.preset])
        own = [
            f"{name}={value}" for name, value in asdict(self.recipe).items() if value != usual[name]
        ]
        data = [] if self.folder is None else ["--data", self.folder]
        chosen = ["--set", *own] if own else []
        return " ".join(["auditkit train", NAME, *data, "--preset", self.preset, *chosen])


def detector_plan(folder: str | None, preset: str, given: Mapping[str, Any]) -> DetectorPlan:
    """The choices of a preset with others in their place.

    Raises UsageError for a preset there is not, ConfigError for a choice there is not.
    """
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r} of {NAME}; {suggestion(preset, PRESETS)}")
    chosen = asdict(PRESETS[preset]) | {
        name.replace("-", "_"): value for name, value in given.items()
    }
    recipe = built(DetectorRecipe, f"--set of {NAME}", chosen)
    return DetectorPlan(folder=folder, preset=preset, recipe=recipe)


def refuse_idle(idle: Collection[str]) -> None:
    """Raise UsageError where options were given that have no say in a detector's training."""
    if idle:
        raise UsageError(
            f"{', '.join(sorted(idle))} has no say in a {NAME}: leave it out, or choose with "
            f"--set {', '.join(sorted(asdict(DetectorRecipe())))}"
        )


def train_and_save(plan: DetectorPlan, out: Path, runtime: Runtime) -> Detector:
    """Train on the plan's corpus and write the detector to `out`, whole or not at all.

    Raises UsageError now where it could not be written later.
    """
    ensure_ours(out, (WEIGHTS, CARD))
    corpus = plan.corpus(runtime)
    trained = train_detector(corpus, plan.recipe, runtime)
    facts = {
        "made by": f"{plan.command} --seed {runtime.seed}",
        "preset": plan.preset,
        "notes": list(corpus.attrs.get(NOTES, ())),
        "data": plan.folder,
        CORPUS: rows_sha256(corpus),
        **trained.facts,
    }
    done = Detector(panel=trained.panel, calibration=trained.calibration, facts=facts)
    save_detector(out, done)
    return done


def told(done: Detector) -> list[str]:
    """What is known of its worth, a sentence a line, and what its corpus could not do."""
    worth = "its corpus has no test part, so nothing is known of its worth: audit it before use"
    if "measured" in done.facts:
        worth = in_a_line(done.facts["measured"])
    return [f"trained a detector in {done.facts['seconds']:.0f} s; {worth}", *done.facts["notes"]]
