"""What a detector is worth as pictures: figures, members, sources, generators."""

import math
from collections.abc import Sequence

import pandas as pd

from auditkit.detected import Detected
from auditkit.detection.corpus import GENERATOR, SOURCE
from auditkit.detection.worth import Part, Worth
from auditkit.results import Intervals, Table, Unit, View
from auditkit.statistics.estimate import Estimate


def line(name: str, estimate: Estimate, **more: object) -> dict[str, object]:
    """An estimate as a row of a table: what, value, low, high, images."""
    known = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {"what": name, **known, "images": estimate.n, **more}


def figure_view(found: Worth) -> Table:
    """Every figure in a line, beside what chance gives."""
    made = float(found.fake.sum()) / len(found.fake)
    whole = found.whole
    rows = [
        line("AUC: ranks a made image above a real one", found.auc, chance=0.5),
        line("average precision", found.precision, chance=made),
        line("equal error rate (0 is ideal)", found.equal_error, chance=0.5),
        line("found at 1 % of false alarms", found.rare, chance=0.01),
        line(
            "balanced accuracy at the calibrated threshold, had it to answer all",
            found.balanced,
            chance=0.5,
        ),
        line(
            "balanced accuracy at a probability of one half, had it to answer all",
            found.half,
            chance=0.5,
        ),
        line("images with an answer", whole.answered),
        line("balanced accuracy of the answers", whole.balanced_accuracy, chance=0.5),
        line("real images called fake", whole.false_alarms),
        line("made images called fake", whole.found),
        line("made images called real", whole.missed),
        line("calibration error (0 is ideal)", found.error, chance=found.error_by_chance),
    ]
    return Table(
        title="Every figure, and what chance gives",
        frame=pd.DataFrame(rows).round(4),
        shares=("value", "low", "high", "chance"),
        text="Average precision depends on how many of these images were made, as its chance "
        "shows. The share found at 1 % of false alarms is only told where real images are of 100 "
        "photographs or persons. An image without an answer is neither right nor wrong.",
    )


def member_view(found: Worth) -> Intervals:
    """Panel and members by AUC; a control beside them."""
    rows = [line("the panel", found.auc)] + [
        line(f"{one.title}{' (control, no vote)' if one.control else ''}", one.auc)
        for one in found.members
    ]
    return Intervals(
        title="The panel and each member by itself (AUC)",
        frame=pd.DataFrame(rows).round(4),
        label="what",
        value="value",
        low="low",
        high="high",
        unit=Unit.NUMBER,
        reference=0.5,
        reference_label="a coin",
        text="The control reads pixels as they are and may learn what pictures show: where it does "
        "as well as the others, real and made images differ in more than their making.",
    )


def alarm_view(found: Worth, seen: Detected, limit: float | None) -> tuple[View, ...]:
    """False alarms of real images by source; new ones are marked."""
    new = set(seen.rows[SOURCE].astype(str)[seen.new_source])
    return _parts(
        "Real images called fake, by source",
        found.sources(),
        new,
        "What is promised of known sources is a share of at most 5 %, over many calibrations; of "
        "new ones nothing is.",
        limit,
    )


def found_view(found: Worth, seen: Detected) -> tuple[View, ...]:
    """Fakes that are found by generator; those never seen are marked."""
    new = set(seen.rows[GENERATOR].astype(str)[seen.new_generator])
    return _parts(
        "Made images called fake, by generator",
        found.generators(seen.fake),
        new,
        "The others were called real or not answered.",
        None,
    )


def _parts(
    title: str, parts: Sequence[Part], new: set[str], text: str, limit: float | None
) -> tuple[View, ...]:
    if not parts:
        return ()
    rows = [
        line(f"{name}{' (never seen)' if name in new else ''}", one.estimate)
        for one in parts
        for name in one.names
    ]
    return (
        Intervals(
            title=title,
            frame=pd.DataFrame(rows).round(4),
            label="what",
            value="value",
            low="low",
            high="high",
            text=text,
            limit=math.nan if limit is None else limit,
        ),
    )
