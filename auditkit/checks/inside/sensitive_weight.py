"""How much of what the model looks at is who people are, or gives it away?"""

from collections.abc import Iterator

import pandas as pd

from auditkit.attribution.weight import share
from auditkit.bias.individual.proxies import proxies
from auditkit.bias.individual.scaling import binned
from auditkit.checks.base import at_most, finding, percent
from auditkit.checks.network import SensitiveWeight
from auditkit.data.schema import Kind, Medium
from auditkit.errors import NotApplicable
from auditkit.results import Bars, Finding, Section, Unit
from auditkit.statistics.estimate import Estimate, settled_at
from auditkit.subject import Subject


def run(check: SensitiveWeight, subject: Subject) -> Iterator[Finding | Section]:
    """A finding for each sensitive column, and how the weight is shared."""
    if subject.table.schema.medium is not Medium.TABLE:
        raise NotApplicable(
            "weight is shared among the columns of a table; these are "
            f"{subject.table.schema.medium.value}s"
        )
    columns = subject.sensitive
    rows, found = subject.explained.overall
    values, names = found.of(rows.players).numpy(), list(rows.players.of(0))
    lines = []
    for column in columns:
        telling = [one for one in _proxies(check, subject, column) if one in names]
        own = [column] if column in names else []
        both = share(values, [names.index(one) for one in (*own, *telling)])
        alone = share(values, [names.index(one) for one in own])
        yield _finding(check, column, bool(own), telling, alone, both, len(names))
        lines.append((column, alone.value, both.value - alone.value))
    yield Section(
        title="How much weight do sensitive columns carry?",
        text="Shares of all weight in the answers, as in “What the model looks at”. A column "
        f"that tells the groups of a sensitive one with an AUC of {check.min_auc:g} or more is "
        "said to give it away. Weight is no proof of harm, and a sensitive column without "
        "weight is none of fairness: the gaps between groups are measured elsewhere.",
        views=(
            Bars(
                title="Share of all weight",
                frame=pd.DataFrame(
                    lines, columns=["column", "the column itself", "columns that give it away"]
                ),
                x="column",
                y=("the column itself", "columns that give it away"),
                unit=Unit.SHARE,
            ),
        ),
    )


def _proxies(check: SensitiveWeight, subject: Subject, column: str) -> list[str]:
    """Features that are not sensitive and give a column away, the most telling first."""
    schema = subject.table.schema
    names = [one for one in schema.feature_names if one not in schema.sensitive_names]
    if not names:
        return []
    codes = {one.name for one in schema.features if one.kind is not Kind.NUMERIC}
    drawn = subject.explained.drawn(check.rows)
    features = binned(subject.frame[names].iloc[drawn], codes)
    groups = subject.memberships[column].iloc[drawn]
    alone = proxies(features, groups, subject.rng(f"{check.rule} {column}")).alone
    return [str(one) for one in alone["feature"][alone["low"] >= check.min_auc]]


def _finding(
    check: SensitiveWeight,
    column: str,
    seen: bool,
    telling: list[str],
    alone: Estimate,
    both: Estimate,
    columns: int,
) -> Finding:
    even = (int(seen) + len(telling)) / columns
    own = f"{column} carries {percent(alone.value)} of all weight"
    if not seen:
        own = f"The model is not given {column}"
    given = ", ".join(telling) or "no column"
    away = f"{given} give{'s' if len(telling) < 2 else ''} it away"
    if telling:
        away += f", and together they carry {percent(both.value)}"
    return finding(
        f"{own}; {away}. Were all {columns} columns alike, that would be {percent(even)}.",
        both,
        metric="weight of a sensitive column and what gives it away",
        status=at_most(both, check.max_share),
        ceiling=True,
        limit=check.max_share,
        null=even,
        where={"column": column, "give it away": given},
        remedy="Ask of each column that gives the sensitive one away whether the task needs "
        "it, and look at the gaps between groups with and without it.",
        rows_needed=lambda: settled_at(both, check.max_share),
    )
