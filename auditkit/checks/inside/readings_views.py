"""What probes read out of layers, without all that a sweep puts beside it, as a picture."""

from collections.abc import Mapping

import pandas as pd

from auditkit.probing.probes.reading import Reading
from auditkit.results import Intervals, Unit, View


def readings_views(found: Mapping[str, Reading]) -> tuple[View, ...]:
    """A dot with its interval for each layer, beside what reading nothing gets."""
    first = next(iter(found.values()))
    frame = pd.DataFrame(
        [(name, one.score.value, one.score.low, one.score.high) for name, one in found.items()],
        columns=["layer", "score", "low", "high"],
    )
    measure = "the share said right" if first.labels.classes else "R squared"
    return (
        Intervals(
            title=f"How well {first.labels.name} is read: {measure}",
            frame=frame.round(4),
            label="layer",
            value="score",
            low="low",
            high="high",
            unit=Unit.SHARE if first.labels.classes else Unit.NUMBER,
            reference=first.chance,
            reference_label="reading nothing",
        ),
    )
