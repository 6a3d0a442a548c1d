"""A few rows explained in full: a typical one, a borderline one, a mistake, unfair pairs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from auditkit.attribution.base import METHODS, Attributions
from auditkit.attribution.rows import (
    Pair,
    unfair_pairs,
)
from auditkit.bias.individual.scaling import scaled
from auditkit.checks.base import exactly, finding, words
from auditkit.checks.inside.discriminator import made_section
from auditkit.checks.inside.explanation_views import row_views
from auditkit.checks.inside.telling import telling
from auditkit.checks.network import ExplainedRows
from auditkit.data.schema import Kind, Medium, Task
from auditkit.models.predictor import Ability
from auditkit.results import Finding, Section, Unit
from auditkit.subject import Subject

FEW = 3  # rows shown where no row is more telling than another
DIFFER = 6  # columns named in which the two rows of a pair differ
LEAST = 0.001  # a score that is less is told as less


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A row that is explained: its place, what it is called, what is said of it."""

    row: int
    item: str
    note: str


def run(check: ExplainedRows, subject: Subject) -> Iterator[Finding | Section]:
    """A section with a picture of each row; of a generator another with images it makes."""
    method = subject.explained.best
    pairs = tuple(_unfair(check, subject))
    for column, pair in pairs:
        yield _finding(subject, column, pair)
    telling = list(_telling(subject))
    shown = [*telling, *(one for two in pairs for one in _both(subject, *two))]
    rows = subject.explained.of(np.array([one.row for one in shown]))
    found = subject.explained.asked(method, rows)
    items, notes = [], []
    for place, asks in zip(rows.rows, rows.asks, strict=True):
        one = shown[place]
        several = rows.rows.count(place) > 1
        item = f"{one.item}: audited row {one.row + 1:,}"
        items.append(f"{item}, {asks}" if several else item)
        notes.append(one.note if several else f"{one.note} Explained is the {asks}.")
    against = f" beside the baseline '{found.baseline}'" if found.baseline else ""
    views, unlike = row_views(rows, found, items, notes), 2 * len(pairs)
    yield Section(
        title="What do these answers rest on?",
        text=f"By {words(method)}{against}: {METHODS[method].summary}. "
        f"{subject.explained.worth} {_read(found)} Audited rows count from 1; "
        "`auditkit explain --row` counts them from 0.",
        views=views[:-unlike] if unlike else views,
    )
    if unlike:
        yield Section(
            title="Two like rows, unlike answers",
            text="The pair of each sensitive column that is answered most differently, side by "
            "side. It is the largest of many and no proof: the two still differ in something.",
            views=views[-unlike:],
        )
    if (made := made_section(subject)) is not None:
        yield made


def _unfair(check: ExplainedRows, subject: Subject) -> Iterator[tuple[str, Pair]]:
    """Pairs of unlike answers to like rows, for each sensitive column of a table."""
    schema = subject.table.schema
    names = [one for one in schema.feature_names if one not in schema.sensitive_names]
    if schema.medium is not Medium.TABLE or not names or not check.pairs:
        return
    match subject.task:
        case Task.DECISION if subject.can(Ability.SCORES):
            answers = subject.scores
        case Task.NUMBER:
            answers = subject.values
        case _:
            return
    codes = {one.name for one in schema.features if one.kind is not Kind.NUMERIC}
    points = scaled(subject.frame[names], codes)
    for column in schema.sensitive_names:
        groups = subject.memberships[column].astype(str).to_numpy()
        rng = subject.rng(f"{check.rule} {column}")
        for pair in unfair_pairs(points, groups, answers, rng, pairs=check.pairs):
            yield column, pair


def _finding(subject: Subject, column: str, pair: Pair) -> Finding:
    """How unlike the answers to two like rows are."""
    groups = subject.memberships[column].astype(str)
    share = subject.task is Task.DECISION
    answers = subject.scores if share else subject.values
    high, low = (_number(answers[place], share) for place in (pair.higher, pair.lower))
    return finding(
        f"Two rows as alike as two of one group usually are, but for {column}, are answered with "
        f"{high} ({groups.iloc[pair.higher]}) and {low} ({groups.iloc[pair.lower]}): the most "
        f"unlike answers that were found to such a pair. {_differ(subject, pair)}",
        exactly(pair.difference, n=pair.looked_at, method="the largest of all pairs looked at"),
        metric="difference between two like rows",
        unit=Unit.POINTS if share else Unit.NUMBER,
        where={"column": column, "rows": f"{pair.higher + 1} and {pair.lower + 1}"},
    )


def _both(subject: Subject, column: str, pair: Pair) -> Iterator[Shown]:
    groups = subject.memberships[column].astype(str).to_numpy()
    for place, other in ((pair.higher, pair.lower), (pair.lower, pair.higher)):
        yield Shown(
            row=place,
            item=f"{groups[place]} beside {groups[other]} ({column})",
            note=f"{_answered(subject, place)} One of two rows of different {column} that are "
            "otherwise as alike as two of one group usually are, yet answered most differently. "
            f"{_differ(subject, pair)}",
        )


def _differ(subject: Subject, pair: Pair) -> str:
    """In which columns that are not sensitive the two rows differ, the higher answer's first."""
    schema = subject.table.schema
    names = [one for one in schema.feature_names if one not in schema.sensitive_names]
    two = [subject.frame[names].iloc[place] for place in (pair.higher, pair.lower)]
    values = {name: [_value(one[name]) for one in two] for name in names}
    unlike = [name for name in names if len(set(values[name])) > 1]
    said = [f"{name} ({' and '.join(values[name])})" for name in unlike[:DIFFER]]
    more = [f"{len(unlike) - DIFFER} more"] if len(unlike) > DIFFER else []
    return (
        f"They differ in {', '.join([*said, *more])}." if said else "They differ in nothing else."
    )


def _value(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _number(value: float, share: bool) -> str:
    """A score to three places, never 0 or 1 by rounding; another number to three digits."""
    if not share:
        return f"{value:.3g}"
    if 0 < value < LEAST or 1 - LEAST < value < 1:
        return f"less than {LEAST}" if value < LEAST else f"more than {1 - LEAST}"
    return f"{value:.3f}"


def _telling(subject: Subject) -> Iterator[Shown]:
    found = telling(subject)
    for one in found:
        yield Shown(row=one.row, item=one.why.capitalize(), note=_answered(subject, one.row))
    drawn = () if found else subject.explained.drawn(FEW)
    for i, place in enumerate(drawn):
        yield Shown(row=int(place), item=f"{i + 1} of {len(drawn)}", note="Drawn at random.")


def _answered(subject: Subject, row: int) -> str:
    """What the model says of a row, and what is true."""
    schema = subject.table.schema
    truth = subject.frame[schema.target.name].iloc[row]
    match subject.task:
        case Task.DECISION:
            score = _number(float(subject.scores[row]), True)
            said = f"{score} for {schema.target.name} {schema.positive}"
        case Task.CLASSES:
            best = int(subject.probabilities[row].argmax())
            said = f"{schema.target.levels[best]} ({subject.probabilities[row][best]:.2f})"
        case _:
            said = f"{subject.values[row]:.4g}"
    return f"The model says {said}; recorded is {truth}."


def _read(found: Attributions) -> str:
    """How the numbers are to be read."""
    if not METHODS[found.method].signed:
        return (
            "The larger a number, the more it matters; whether it speaks for or against the answer "
            "is not said."
        )
    adds = (
        "The numbers of a row add up to its answer minus that of the baseline."
        if found.complete
        else "The numbers rank what matters, and add up to nothing."
    )
    return f"A number above 0 speaks for the answer, one below 0 against it. {adds}"
