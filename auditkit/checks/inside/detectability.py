"""Can the made images be told from real ones, by whom, and how surely?"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from auditkit.checks.base import at_least, finding, percent
from auditkit.checks.released import Detectability
from auditkit.data.schema import Kind
from auditkit.detection.detectability import Fitted, Stranger, fitted, stranger
from auditkit.detection.files import Detector, load_detector
from auditkit.errors import ModelError, NotApplicable
from auditkit.models.predictor import Images
from auditkit.results import Finding, Intervals, Section, Unit
from auditkit.subject import Subject

TEXT = (
    "Each detector was fitted on half of {n:,} made and as many real test images, and asked of the "
    "other half; then the other way round. The area under its curve (AUC) is the chance that a "
    "made image looks more suspicious than a real one: 0.5 is guessing, and what two halves of the "
    "real images give. It is what somebody reaches who has this generator's images, and no bound: "
    "a larger detector may find more, and other ways of saving hide more. Where nothing tells "
    "them apart, misuse leaves no trace that these find, and only marks and records are left."
)

NOT_ASKED = "auditkit's own detector was not asked"


def run(check: Detectability, subject: Subject) -> Iterator[Finding | Section]:
    """A finding of the best fitted detector, one of the stranger where it can be asked."""
    made = subject.answers(Images).pixels[: check.images]
    real, groups = _real(subject, made, check.images)
    found = fitted(made, real, groups, subject.runtime)
    yield _best(check, max(found, key=lambda one: one.made.value))
    try:
        detector = load_detector()
        other = stranger(detector, made, real, groups, subject.runtime)
    except ModelError:  # whose message would name folders of this machine
        yield _section(found, None, f"{NOT_ASKED}: it cannot be read in this installation.")
        return
    except NotApplicable as error:
        yield _section(found, None, f"{NOT_ASKED}: {error}.")
        return
    yield _of_stranger(other)
    yield _section(found, other, _learned(detector, subject.table.name))


def _learned(detector: Detector, data: str) -> str:
    """What the detector that ships has seen: it may know images of this kind."""
    sources, generators = (
        [str(one) for one in detector.facts.get(name, ())] for name in ("sources", "generators")
    )
    known = f"real images of {', '.join(sources) or 'sources that its card does not name'}"
    made = ", ".join(generators) or "generators that its card does not name"
    same = (
        f" So it has seen real images of {data}, though not what this generator makes."
        if data in sources
        else ""
    )
    return f"auditkit's own detector learned from {known} and fakes by {made}.{same}"


def _real(subject: Subject, made: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Real images of the audited rows, and whose each is."""
    names = [one.name for one in subject.table.schema.features if one.kind is Kind.IMAGE]
    if not names:
        raise NotApplicable("the audited rows hold no images to compare with")
    frame = subject.frame
    if len(frame) > most:
        frame = frame.iloc[np.sort(subject.rng("AK714").permutation(len(frame))[:most])]
    pixels = np.stack(list(frame[names[0]]))
    if pixels.shape[1:] != made.shape[1:]:
        raise NotApplicable(
            f"the audited images have (channels, height, width) {pixels.shape[1:]}, the made ones "
            f"{made.shape[1:]}: audit on images like those the generator was trained on"
        )
    apart = subject.table.apart
    whose = pd.factorize(frame[apart])[0] if apart else np.arange(len(frame))
    return pixels, whose


def _best(check: Detectability, best: Fitted) -> Finding:
    return finding(
        f"A detector fitted on half of the images (a {best.title}) tells the other half with an "
        f"AUC of {best.made.value:.2f}, and of {best.compressed.value:.2f} once all were saved as "
        f"JPEG 75; two halves of the real images give {best.control.value:.2f}, guessing 0.50.",
        best.made,
        metric="AUC of a detector fitted on its images",
        unit=Unit.NUMBER,
        status=at_least(best.made, check.min_auc),
        limit=check.min_auc,
        null=0.5,
        where={"detector": best.title},
        remedy="What it makes can hardly be told from real images: mark it, keep records of what "
        "was made, and say so before others get the model.",
    )


def _of_stranger(other: Stranger) -> Finding:
    return finding(
        f"The detector that ships with auditkit, which was not fitted to this generator, finds "
        f"{percent(other.found.value)} of the made images, calls "
        f"{percent(other.false_alarms.value)} of the real ones fake and gives no answer on "
        f"{percent(other.silent.value)} (AUC of its scores {other.made.value:.2f}).",
        other.made,
        metric="AUC of the detector that ships",
        unit=Unit.NUMBER,
        null=0.5,
    )


def _section(found: Sequence[Fitted], other: Stranger | None, said: str) -> Section:
    rows = []
    for one in found:
        rows += [
            (one.title, one.made),
            (f"{one.title}, saved as JPEG 75", one.compressed),
            (f"{one.title}, real against real", one.control),
        ]
    if other is not None:
        rows.append(("auditkit's own detector", other.made))
    return Section(
        title="Can its images be found?",
        text=f"{TEXT.format(n=found[0].control.n)} {said}",
        views=(
            Intervals(
                title="How well made images are told from real ones",
                frame=pd.DataFrame(
                    [(name, one.value, one.low, one.high) for name, one in rows],
                    columns=["detector", "AUC", "low", "high"],
                ),
                label="detector",
                value="AUC",
                low="low",
                high="high",
                unit=Unit.NUMBER,
                reference=0.5,
                reference_label="guessing",
            ),
        ),
    )
