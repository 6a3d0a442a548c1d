"""Which layers and units carry the decision, and whom it hurts where one is gone?"""

from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import pandas as pd

from auditkit.checks.base import finding, points
from auditkit.checks.inside.causes_views import ablated_views, harm_views
from auditkit.checks.layers import Causes
from auditkit.data.schema import Medium, Task
from auditkit.errors import DataError
from auditkit.models.opened import Rows
from auditkit.probing.asking import narrowed
from auditkit.probing.causes.ablation import Ablated, ablate, together
from auditkit.probing.causes.harm import Harm, harm_by_group
from auditkit.probing.causes.losses import decision_at
from auditkit.probing.causes.pieces import Cut, head_layers
from auditkit.represented import Represented
from auditkit.results import Finding, Section, Unit
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject

# Rows on which units are taken out, one after another: few of what is slow.
ROWS = {Medium.TABLE: 2000, Medium.TEXT: 128}
FEWER = 256
LAST = 3  # layers before the answer whose units are taken out
DRAWS = 1000
IS = (
    "Each is taken out by letting it say for every row what it says on average, and the rows are "
    "answered again. Where little changes, the network does without it: others know the same."
)


def run(check: Causes, subject: Subject) -> Iterator[Finding | Section]:
    """A finding of what is worth most, one for each sensitive column, and their pictures."""
    subject.require(Task.DECISION, Task.CLASSES, Task.NUMBER)
    seen = subject.represented
    rows = _rows(check, subject, seen)
    layers = seen.layers[-LAST:]
    heads = head_layers(seen.opened.module)
    whole = _without(subject, rows, seen.layers, "layer", None)
    units = _without(subject, rows, layers, "units", check.units)
    parts = "units"
    if heads:
        units = together(_without(subject, rows, heads, "heads", check.units), units)
        parts = "heads and units"
    yield _strongest(whole, units, parts)
    yield Section(
        title="What carries the decision?",
        text=f"{IS} Of the {len(units.frame) + units.left_out} {parts} of the last layers, "
        f"{len(units.frame)} were taken out in truth, the strongest to first order, one at a time; "
        "how sure it is counts all of them (Holm).",
        views=ablated_views(whole, units),
    )
    yield from _by_group(subject, units, seen.rows[rows.places], parts)


def _rows(check: Causes, subject: Subject, seen: Represented) -> Rows:
    """Some of the rows that are read, drawn at random, those of like length together."""
    most = check.rows or ROWS.get(seen.opened.medium, FEWER)
    some = np.sort(subject.rng(check.rule).permutation(len(seen.rows))[:most])
    rows = seen.opened.rows(seen.frame, some)
    lengths = rows.lengths_of("")
    if lengths is None:
        return rows
    return seen.opened.rows(seen.frame, some[np.argsort(lengths.cpu().numpy(), kind="stable")])


def _without(
    subject: Subject, rows: Rows, layers: tuple[str, ...], cut: Cut, most: int | None
) -> Ablated:
    seen, lengths = subject.represented, rows.lengths_of("")
    price = decision_at(subject.threshold) if subject.task is Task.DECISION else None
    shorter = narrowed(seen.opened.module) if lengths is not None else nullcontext()
    with shorter:
        return ablate(
            seen.opened.module,
            rows.inputs,
            subject.expected[seen.rows[rows.places]],
            layers,
            parts=cut,
            most=most,
            lengths=lengths,
            price=price,
            runtime=subject.runtime,
        )


def _strongest(whole: Ablated, units: Ablated, parts: str) -> Finding:
    """The unit that is missed most, beside the layer that is."""
    frame = units.frame
    best = frame.iloc[int(frame["loss"].argmax())]
    layer = whole.frame.iloc[int(whole.frame["loss"].argmax())]
    needed = frame[(frame["adjusted"] <= 0.05) & (frame["loss"] > 0)]
    errors = points(best["wrong"]) if units.unit == "share" else f"{best['wrong']:.3g}"
    among = f"of the {len(frame)} {parts} that were taken out, one at a time,"
    many = f"{len(needed)} {among} are" if len(needed) else f"None {among} is"
    rank = "which is missed most" if best["loss"] > 0 else "the nearest to being missed"
    all_of = f"without all of {layer['layer']} the loss changes by {layer['loss']:+.2g}"
    return finding(
        f"{many} missed beyond chance. Without {best['piece']} of "
        f"{_named(best['layer'])}, {rank}, the loss changes by {best['loss']:+.2g} "
        f"({best['loss low']:.2g} to {best['loss high']:.2g}) from {units.before[0]:.2g} and "
        f"errors by {errors}; {all_of}.",
        Estimate(
            value=float(best["loss"]),
            low=float(best["loss low"]),
            high=float(best["loss high"]),
            n=int(best["rows"]),
            method="mean ablation; Student's t, paired over rows",
        ),
        metric="change of the loss without a unit",
        unit=Unit.NUMBER,
        null=0.0,
        where={"layer": str(best["layer"]), "unit": str(best["piece"])},
    )


def _by_group(
    subject: Subject, units: Ablated, rows: np.ndarray, parts: str
) -> Iterator[Finding | Section]:
    columns = subject.table.schema.sensitive_names
    pieces = list(zip(units.frame["layer"], units.frame["piece"], strict=True))
    found: dict[str, Harm] = {}
    for column in columns:
        groups = subject.memberships[column].iloc[rows].to_numpy()
        rng = subject.rng(f"harm {column}")
        try:
            found[column] = harm_by_group(
                pieces, units.changes[..., 1], groups, draws=DRAWS, rng=rng
            )
        except DataError:  # too few rows of all groups but one
            continue
        yield _harm(column, found[column], units.unit, parts)
    if found:
        yield Section(
            title="Whom does it hurt when a unit is gone?",
            text="By how much more a group's errors change than everybody else's when a unit is "
            "taken out, beside groups drawn at random: the largest difference of all units and "
            "groups is held against the largest that random groups show.",
            views=harm_views(found, units.unit),
        )


def _harm(column: str, harm: Harm, unit: str, parts: str) -> Finding:
    frame = harm.frame
    size = frame["apart"].abs() / frame["chance"].where(frame["chance"] > 0)
    if size.isna().all():
        size = frame["apart"].abs()
    best: pd.Series = frame.iloc[int(size.fillna(0.0).argmax())]
    beyond = best["adjusted"] <= 0.05
    share = unit == "share"

    def told(value: float) -> str:
        return points(value) if share else f"{value:.3g}"

    where, group = f"{best['piece']} of {_named(best['layer'])}", f"{column} {best['group']}"
    chance = f"{len(frame)} differences between {parts} and groups"
    more = "more" if best["apart"] >= 0 else "less"
    if beyond:
        message = (
            f"Without {where} the errors of {group} rise by {told(abs(best['apart']))} {more} than "
            f"those of others, more than chance explains among {chance} (adjusted p "
            f"{best['adjusted']:.2g})."
        )
    else:
        message = (
            f"Beyond chance no group of {column} is hurt more than others when one is taken out: "
            f"in the largest of {chance} the errors of {group}, without {where}, rise by "
            f"{told(abs(best['apart']))} {more} (adjusted p {best['adjusted']:.2g})."
        )
    return finding(
        message,
        Estimate(
            value=float(best["apart"]),
            low=float(best["apart low"]),
            high=float(best["apart high"]),
            n=int(best["rows"]),
            method=f"mean ablation; {harm.draws} groupings drawn at random, largest difference",
        ),
        metric="harm of a missing unit to one group more than to others",
        unit=Unit.POINTS if share else Unit.NUMBER,
        null=0.0,
        where={
            "column": column,
            "group": str(best["group"]),
            "layer": str(best["layer"]),
            "unit": str(best["piece"]),
        },
    )


def _named(layer: str) -> str:
    return layer.removesuffix(":heads")
