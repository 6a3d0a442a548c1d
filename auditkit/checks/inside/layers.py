"""What each layer knows of the target, and how far the layers differ from one another."""

from collections.abc import Iterator

from auditkit.checks.base import finding
from auditkit.checks.inside.similarity_views import comparison_views, geometry_views
from auditkit.checks.inside.sweep_views import sweep_views
from auditkit.checks.layers import Layers
from auditkit.probing.dimension import geometry
from auditkit.probing.probes.sweep import Sweep
from auditkit.probing.similarity.alignment import compare
from auditkit.results import Finding, Section, Status, Unit
from auditkit.subject import Subject


def run(check: Layers, subject: Subject) -> Iterator[Finding | Section]:
    """A finding of the target, curves over the layers, a map of how alike they are."""
    found = subject.represented
    target = subject.table.schema.target.name
    if target in found.asked:
        swept = found.swept(target)
        yield _finding(swept)
        yield Section(
            title=f"Where does the network know {target}?",
            text="Each point is a linear probe: the simplest reader there is, fitted on some rows "
            "and asked about others. What it reads counts only beyond its controls: labels drawn "
            "at random, the same network before it was trained, and the rows as they came in. A "
            "probe says what could be read, not what the network uses.",
            views=sweep_views(swept),
        )
    yield Section(
        title="How do the layers differ?",
        text="From what each layer holds of the same rows, whatever is asked of them.",
        views=(
            *(comparison_views(compare(found.activations)) if len(found.layers) > 1 else ()),
            *geometry_views(geometry(found.activations)),
        ),
    )


def _finding(swept: Sweep) -> Finding:
    best = swept.best
    here = swept.layers[best]
    measure = "AUC" if swept.labels.classes else "R squared"
    value = here.reading.auc if swept.labels.classes else here.reading.score
    beside = [
        f"{name} {one.sorted_right.value:.2f}"
        for name, one in (
            ("an untrained network", swept.untrained.get(best)),
            ("the rows themselves", swept.inputs),
        )
        if one is not None
    ]
    return finding(
        f"{swept.labels.name} is read best from {best}: {measure} {value.value:.2f}"
        + (f", {', '.join(beside)}" if beside else "")
        + f". {swept.readable(best).reason}.",
        value,
        metric=f"how well the target is read from the best layer ({measure})",
        unit=Unit.NUMBER,
        status=Status.MEASURED,
        null=swept.chance,
        where={"column": swept.labels.name, "layer": best},
    )
