"""Which units do nothing, or what another does, and which know who people are?"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from torch import Tensor

from auditkit.attribution.question import at_rest
from auditkit.checks.base import at_most, exactly, finding, percent
from auditkit.checks.inside.units_views import (
    census_views,
    doubles_views,
    flow_views,
    layer_selectivity_views,
)
from auditkit.checks.layers import Units
from auditkit.errors import DataError, ModelError, NotApplicable
from auditkit.models.trained_rows import Pupil, pupil
from auditkit.probing.units.across import LayerSelectivity, layer_duplicates, layer_selectivity
from auditkit.probing.units.census import UnitCount, layer_census
from auditkit.probing.units.gradients import GradientFlow, gradient_flow
from auditkit.probing.units.selective import Ranked, ranked
from auditkit.represented import Asked, Represented
from auditkit.results import Finding, Section, Status, Unit, View
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject

FEWEST = 20  # rows
FOLLOWED = 256  # rows whose gradients are looked at
COUNTED = 1024  # rows, or some more, on which dead units are counted
AT_ONCE = 64  # of them a pass, which keeps what the way back needs
SAID = {
    "even": "it reaches all layers",
    "vanishing": "it vanishes on the way back, and the first layers learn next to nothing",
    "exploding": "it explodes on the way back",
}


class Known(NamedTuple):
    """What units know of a column, and what those of the untrained network do."""

    trained: LayerSelectivity
    untrained: LayerSelectivity


def run(check: Units, subject: Subject) -> Iterator[Finding | Section]:
    """Findings of idle, doubled and selective units and of the gradient, and tables."""
    found = subject.represented
    if len(found.rows) < FEWEST:
        raise NotApplicable(
            f"{len(found.rows)} rows are too few to tell units apart: {FEWEST} are needed"
        )
    yield from _idle(check, found)
    columns = _columns(check, subject, found)
    for name in columns:
        if name in subject.table.schema.sensitive_names:
            yield _selective(check, columns[name])
    if columns:
        yield Section(
            title="Do single units know who people are?",
            text="A unit singles out a group where its activation alone tells the group from all "
            "others with an AUC of 0.75 or more. Layers nobody trained have such units too, "
            "wherever the rows give the group away: only what goes beyond them was learnt. What a "
            "unit knows, the network need not use.",
            views=layer_selectivity_views(columns),
        )
    yield from _gradients(subject, found)


def _idle(check: Units, found: Represented) -> Iterator[Finding | Section]:
    # Batches are of like length: of many, every second or third, so that short and long are there.
    batches = found.batches[:: max(len(found.rows) // COUNTED, 1)]
    with at_rest(found.opened.module):
        census = layer_census(found.opened.module, (one.inputs for one in batches))
    doubles = layer_duplicates(found.activations, threshold=check.threshold)
    views: list[View] = []
    if census:
        yield _dead(check, census, sum(len(one.places) for one in batches))
        views += census_views(census)
    share = exactly(doubles.share, n=len(found.rows))
    yield finding(
        f"{doubles.doubled:,} of {doubles.varying:,} units that change at all "
        f"({percent(share.value)}) say what another unit of their layer says: over "
        f"{len(found.rows):,} rows the two correlate beyond {check.threshold:g}.",
        share,
        metric="share of doubled units",
        status=at_most(share, check.max_doubled),
        limit=check.max_doubled,
        remedy="A narrower layer would hold as much.",
    )
    yield Section(
        title="Which units do nothing, or what another does?",
        text="A dead unit answers no row at all, a saturated one lies at an end of its range on "
        "nearly all; of two that correlate beyond the threshold one could be left out. Steps of a "
        "text and places of a map are taken by their mean where units are compared.",
        views=(*views, *doubles_views(doubles)),
    )


def _dead(check: Units, census: Mapping[str, UnitCount], rows: int) -> Finding:
    dead, total = (
        sum(one.dead for one in census.values()),
        sum(one.total for one in census.values()),
    )
    share = exactly(dead / total, n=rows)
    return finding(
        f"{dead:,} of {total:,} hidden units ({percent(share.value)}) give nothing on any of "
        f"{rows:,} audited rows.",
        share,
        metric="share of dead units, audited rows",
        status=at_most(share, check.max_dead),
        limit=check.max_dead,
        remedy="A lower learning rate or a normalisation keeps units alive; those that are dead "
        "can be cut out.",
    )


def _columns(check: Units, subject: Subject, found: Represented) -> dict[str, Known]:
    """What units know of the target and of each sensitive column."""
    rows = np.arange(len(found.rows))
    if len(rows) > check.rows:
        rng = subject.rng(f"{check.rule} rows")
        rows = np.sort(rng.choice(rows, check.rows, replace=False))
    whole = _ranked(found.activations, rows), _ranked(found.untrained, rows)
    known = {}
    for name, asked in found.asked.items():
        try:
            known[name] = _known(subject, found, asked, rows, whole)
        except DataError:
            continue  # too few persons, or none of a group among the rows
    return known


def _known(
    subject: Subject,
    found: Represented,
    asked: Asked,
    rows: np.ndarray,
    whole: tuple[Mapping[str, Ranked], Mapping[str, Ranked]],
) -> Known:
    here = np.flatnonzero(np.isin(asked.places, rows))
    labels = asked.labels.at(here)
    if len(here) < len(rows):  # some rows have no such label
        some = asked.places[here]
        whole = _ranked(found.activations, some), _ranked(found.untrained, some)
    trained, untrained = (layer_selectivity(one, labels, runtime=subject.runtime) for one in whole)
    return Known(trained=trained, untrained=untrained)


def _ranked(activations: Mapping[str, Tensor], rows: np.ndarray) -> dict[str, Ranked]:
    return {name: ranked(one[rows]) for name, one in activations.items()}


def _selective(check: Units, known: Known) -> Finding:
    found, control = known.trained, known.untrained
    column = found.labels.name
    best, beside = found.strongest, control.strongest
    assert best is not None, "asked for above"
    assert beside is not None, "asked for above"
    layer, unit = best
    value, null = unit.told_apart, beside[1].told_apart
    group = f"{column} {unit.level!r}" if unit.level else column
    if value.high <= 0.5 or value.low <= 0.5 <= value.high:
        first = f"No unit alone tells groups of {column} apart: the one that seemed to, unit"
        first = f"{first} {unit.unit} of {layer}, has"
    else:
        first = f"Unit {unit.unit} of {layer} alone tells {group} from all others with"
    return finding(
        f"{first} an AUC of {value.value:.2f} ({value.low:.2f} to {value.high:.2f}); "
        f"{_beside(value, null)} ({null.value:.2f}). {found.strong:,} of {found.units:,} units "
        f"single out a group of {column}, untrained {control.strong:,}.",
        value,
        metric="AUC of the strongest unit",
        unit=Unit.NUMBER,
        status=at_most(value, check.max_auc),
        limit=check.max_auc,
        null=0.5,
        where={"column": column, "layer": layer, "unit": str(unit.unit)},
        remedy="Erase the column at this layer, and see whether the decisions change (AK601).",
    )


def _beside(value: Estimate, untrained: Estimate) -> str:
    if value.low > untrained.high:
        return "more than any unit did before the network was trained"
    if value.high < untrained.low:
        return "less than a unit did before the network was trained"
    return "about as well as a unit did before the network was trained"


def _gradients(subject: Subject, found: Represented) -> Iterator[Finding | Section]:
    try:
        taught = pupil(subject.predictor)
    except NotApplicable:
        return  # it has no loss of one number a row
    try:
        flow = _flow(taught, subject, found)
    except ModelError:
        return  # its answers are no logits: there is no telling what it was taught by
    if not flow.verdict:
        return
    first, last = flow.ends
    times = f"{flow.reach:,.0f}" if flow.reach >= 10 else f"{flow.reach:.2g}"
    yield finding(
        f"A row's gradient is {times} times as long at {first} as at {last}: {SAID[flow.verdict]}.",
        exactly(flow.reach, n=int(flow.frame["rows"].iloc[0])),
        metric="gradient at the first layer, of the last one's",
        unit=Unit.NUMBER,
        status=Status.MEASURED,
        where={"layer": first},
    )
    yield Section(
        title="How far does what is learnt reach?",
        text="How long the gradient of a row's loss is by what each layer gives. Where it falls "
        "to a thousandth on the way back, the first layers learn next to nothing; a trained "
        "network has short ones everywhere.",
        views=flow_views(flow),
    )


def _flow(taught: Pupil, subject: Subject, found: Represented) -> GradientFlow:
    places = subject.represented.rows[:FOLLOWED]  # drawn at random, and rising
    if len(found.rows) > FOLLOWED:
        rng = subject.rng("AK603 gradients")
        places = np.sort(rng.choice(found.rows, FOLLOWED, replace=False))
    parts = [places[i : i + AT_ONCE] for i in range(0, len(places), AT_ONCE)]
    given = (taught.rows(subject.table, part) for part in parts)
    device = taught.opened.device
    return gradient_flow(
        taught.module,
        ((one.inputs, one.targets.to(device)) for one in given),
        taught.loss,
        layers=found.layers,
    )
