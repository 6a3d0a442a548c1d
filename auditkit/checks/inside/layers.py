"""What each layer knows of the target, and how far the layers differ from one another."""

from collections.abc import Iterator

from auditkit.checks.base import finding
from auditkit.checks.inside.similarity_views import comparison_views, geometry_views
from auditkit.checks.inside.sweep_views import sweep_views
from auditkit.checks.layers import Layers
from auditkit.errors import NotApplicable
from auditkit.probing.dimension import geometry
from auditkit.probing.probes.sweep import Sweep
from auditkit.probing.similarity.alignment import compare
from auditkit.probing.similarity.pairs import FEWEST
from auditkit.represented import Represented
from auditkit.results import Finding, Section, Status, Unit
from auditkit.subject import Subject

BESIDE = {
    "chance": "chance gives",
    "control": "labels drawn at random",
    "untrained": "the same network untrained",
    "input": "the rows as they came in",
}


def run(check: Layers, subject: Subject) -> Iterator[Finding | Section]:
    """A finding of the target, curves over the layers, a map of how alike they are."""
    found = subject.represented
    target = found.asked.get(subject.table.schema.target.name)
    if target is None and len(found.rows) < FEWEST:
        raise NotApplicable(
            f"{len(found.rows)} rows are too few to compare layers: {FEWEST} are needed"
        )
    if target is not None:
        yield from _known(found.swept(target.labels.name))
    if len(found.rows) >= FEWEST:
        yield _differing(found)


def _known(swept: Sweep) -> Iterator[Finding | Section]:
    yield _finding(swept)
    yield Section(
        title=f"Where does the network know {swept.labels.name}?",
        text="Each point is a linear probe: the simplest reader there is, fitted on some rows "
        "and asked about others. What it reads counts only beyond its controls: labels drawn "
        "at random, the same network before it was trained, and the rows as they came in. A "
        "probe says what could be read, not what the network uses.",
        views=sweep_views(swept),
    )


def _differing(found: Represented) -> Section:
    several = len(found.layers) > 1
    return Section(
        title="How do the layers differ?",
        text="From what each layer holds of the same rows, whatever is asked of them.",
        views=(
            *(comparison_views(compare(found.activations)) if several else ()),
            *geometry_views(geometry(found.activations)),
        ),
    )


def _finding(swept: Sweep) -> Finding:
    best, name = swept.best, swept.labels.name
    reading = swept.layers[best].reading
    measure, value = ("AUC", reading.auc) if swept.labels.classes else ("R squared", reading.score)
    return finding(
        f"{name} is read best from {best}, with {measure} {value.value:.2f}: "
        f"{', '.join(_beside(swept, best))}. {_says_more(swept, best)}",
        value,
        metric=f"how well the target is read from the best layer ({measure})",
        unit=Unit.NUMBER,
        status=Status.MEASURED,
        null=swept.chance,
        where={"column": name, "layer": best},
    )


def _beside(swept: Sweep, layer: str) -> Iterator[str]:
    """What is read without the layer, in words."""
    own = swept.layers[layer].sorted_right.value
    for baseline, word in BESIDE.items():
        beyond = swept.beyond(layer, baseline)
        if beyond is not None:
            yield f"{word} {own - beyond.value:.2f}"


def _says_more(swept: Sweep, layer: str) -> str:
    """Whether the layer says more than what came in, as far as a straight reader can tell."""
    beyond = swept.beyond(layer, "input")
    if beyond is None:
        return f"It is {swept.readable(layer).verdict} there."
    found = beyond.estimate("paired")
    if found.low > 0:
        return "A straight reader learns more from the layer than from the rows as they came in."
    if found.high < 0:
        return "A straight reader learns less from the layer than from the rows as they came in."
    return "A straight reader learns about as much from the rows as they came in."
