"""Do the answers follow who people are, as a direction among what the layers hold?"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from auditkit.attribution.question import at_rest
from auditkit.checks.base import finding, percent
from auditkit.checks.inside.concepts_views import tcav_views
from auditkit.checks.layers import Concepts
from auditkit.data.schema import Task
from auditkit.errors import NotApplicable
from auditkit.probing.concepts.examples import UNUSED, Concept, concepts_of, strata_of
from auditkit.probing.concepts.sensitivity import TCAV, joined, pooled_slopes, sensitivities
from auditkit.represented import Represented
from auditkit.results import Finding, Section, Unit
from auditkit.statistics.estimate import Estimate
from auditkit.subject import SAYS, Subject

MOST_CLASSES = 10  # whose logits are looked at one by one
IS = (
    "A group of people is a direction among the numbers of a layer: the way from the mean of all "
    "others to the mean of the group, among rows with the same right answer. The answer's slope "
    "along it says, to first order, by how much the answer would move if a row looked as much like "
    "that group as its members do. Groups drawn at random have such a direction too, and stand "
    "beside it. A group that cannot be told from the layer on rows held out has none."
)


def run(check: Concepts, subject: Subject) -> Iterator[Finding | Section]:
    """A finding for each sensitive column, and what was found of each of its groups."""
    seen = subject.represented
    columns = seen.sensitive
    numbers = _numbers(check, subject, seen)
    of_column = {
        column: tuple(_placed(one, seen, column) for one in _concepts(seen, column))
        for column in columns
    }
    found = _found(check, subject, numbers, [one for some in of_column.values() for one in some])
    for column, concepts in of_column.items():
        here = found.frame["concept"].isin([one.name for one in concepts])
        yield _finding(found.frame[here], column, found)
    yield Section(
        title="Do the answers follow who people are?",
        text=f"{IS} Adjusted over all groups and layers (Holm).",
        views=tcav_views(found),
    )


def _numbers(check: Concepts, subject: Subject, seen: Represented) -> dict[str, Any]:
    """Which numbers of the answers are looked at, in words, and the rows of each.

    TCAV asks of the rows of a class; of a number, of all.
    """
    schema = subject.table.schema
    match subject.task:
        case Task.DECISION:
            here = subject.labels[seen.rows] == 1
            name = f"log-odds of {schema.target.name} {schema.positive}"
            return {name: (None, np.flatnonzero(here))}
        case Task.CLASSES:
            right = subject.classes[seen.rows]
            levels = list(enumerate(schema.target.levels))[:MOST_CLASSES]
            named = {f"logit of {one}": (k, np.flatnonzero(right == k)) for k, one in levels}
            return {name: one for name, one in named.items() if len(one[1])}
        case Task.NUMBER:
            return {schema.target.name: (None, np.arange(len(seen.rows)))}
        case _:
            raise NotApplicable(f"{SAYS[subject.task]}: it has no answer of one number a row")


def _concepts(seen: Represented, column: str) -> tuple[Concept, ...]:
    labels = seen.asked[column].labels
    words = pd.Series(np.asarray(labels.levels, dtype=object)[labels.values], name=column)
    return concepts_of(words, whose=labels.whose)


def _placed(concept: Concept, seen: Represented, column: str) -> Concept:
    """A concept of some of the rows as one of all of them."""
    places, n = seen.asked[column].places, len(seen.rows)
    marks = np.full(n, UNUSED, dtype=np.int8)
    marks[places] = concept.marks
    whose = None
    if concept.whose is not None:
        whose = np.zeros(n, dtype=np.int64)
        whose[places] = concept.whose
    return Concept(name=concept.name, marks=marks, whose=whose)


def _found(
    check: Concepts, subject: Subject, numbers: Mapping[str, Any], concepts: list[Concept]
) -> TCAV:
    seen, runtime = subject.represented, subject.runtime
    given = strata_of(subject.expected[seen.rows])
    rng = subject.rng(check.rule)
    found = {}
    for name, (targets, rows) in numbers.items():
        some = np.sort(rng.permutation(rows)[: check.rows])
        taken = seen.opened.rows(seen.frame, some)
        with at_rest(seen.opened.module):
            pairs = pooled_slopes(
                seen.opened.module,
                seen.layers,
                taken.inputs,
                targets,
                lengths=taken.lengths_of,
                runtime=runtime,
            )
        found[name] = sensitivities(
            seen.activations,
            {layer: slope for layer, (_, slope) in pairs.items()},
            concepts,
            given=given,
            draws=check.draws,
            runtime=runtime,
        )
    return joined(found)


def _finding(lines: pd.DataFrame, column: str, found: TCAV) -> Finding:
    """The line of a column that chance explains least."""
    read = lines[lines["reason"] == ""]
    if read.empty:
        best = lines.sort_values("auc").iloc[-1]
        return _unread(best, column, found)
    size = read["sensitivity"].abs() / read["random sensitivity"]
    best = read.iloc[int(size.argmax())]
    beyond = best["adjusted"] <= 0.05
    verdict = "more than chance gives" if beyond else "no more than chance gives"
    return finding(
        f"A step towards {best['concept']} at {best['layer']} moves the {best['answer']} by "
        f"{best['sensitivity']:+.2f} ({best['sensitivity low']:+.2f} to "
        f"{best['sensitivity high']:+.2f}), {verdict} (95 % of random groups stay below "
        f"{best['random sensitivity']:.2f}); the slope is positive in {percent(best['score'])} of "
        f"rows, and of {len(lines)} groups and layers this is the strongest.",
        Estimate(
            value=float(best["sensitivity"]),
            low=float(best["sensitivity low"]),
            high=float(best["sensitivity high"]),
            n=int(best["rows"]),
            method=f"slope along a concept (TCAV), beside {found.draws} random concepts",
        ),
        metric="answer's slope along a group's direction",
        unit=Unit.NUMBER,
        null=0.0,
        where={
            "column": column,
            "concept": str(best["concept"]),
            "layer": str(best["layer"]),
            "adjusted p": f"{best['adjusted']:.2g}",
        },
    )


def _unread(best: pd.Series, column: str, found: TCAV) -> Finding:
    """No group can be told from any layer: the best reading says so."""
    auc = found.vectors[best["concept"], best["layer"]].auc
    return finding(
        f"No group of {column} can be told from any layer: the best reading, of {best['concept']} "
        f"at {best['layer']}, has an AUC of {auc.value:.2f} ({auc.low:.2f} to {auc.high:.2f}) on "
        "rows held out, where chance has 0.50.",
        auc,
        metric="held-out AUC of a group's direction",
        null=0.5,
        where={"column": column, "concept": str(best["concept"]), "layer": str(best["layer"])},
    )
