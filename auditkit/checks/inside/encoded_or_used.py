"""Is a sensitive column encoded in the layers, and do the decisions use it?"""

from collections.abc import Iterator

from auditkit.checks.base import at_most, finding
from auditkit.checks.inside.sweep_views import lines_of, table_of
from auditkit.checks.inside.usage_views import changed_of, verdicts_of
from auditkit.checks.layers import EncodedOrUsed
from auditkit.probing.usage.measured import encoded_or_used_many
from auditkit.probing.usage.results import Usage
from auditkit.probing.usage.verdicts import LIMITS, Verdict
from auditkit.results import Finding, Section, Status, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

ASKED = (
    "Two questions, layer by layer. Encoded: how well do linear probes read the column, among "
    "rows with the same target? Used: how many answers change when what the layer knows of the "
    "column beyond the target is erased there, beside erasing directions drawn at random? Erasing "
    "the column plainly takes what it shares with the target as well, and stands beside as that."
)


def run(check: EncodedOrUsed, subject: Subject) -> Iterator[Finding | Section]:
    """A finding for each sensitive column, and curves over the layers."""
    usages = _usages(check, subject)
    for usage in usages.values():
        yield _finding(check, usage)
    yield Section(title="How this was asked", text=f"{ASKED} {LIMITS}")
    for name, usage in usages.items():
        yield Section(
            title=f"{_begun(name)}: {usage.verdict}",
            views=(
                lines_of(subject.represented.swept(name)),
                changed_of(usage),
                table_of(subject.represented.swept(name)),
                verdicts_of(usage),
            ),
        )


def _usages(check: EncodedOrUsed, subject: Subject) -> dict[str, Usage]:
    found = subject.represented
    truth = found.truth
    names = found.sensitive
    return encoded_or_used_many(
        found.opened.module,
        found.batches,
        [found.asked[one].labels for one in names],
        truth,
        layers=found.layers,
        places={one: found.asked[one].places for one in names},
        readings={
            one: {layer: probed.reading for layer, probed in found.swept(one).layers.items()}
            for one in names
        },
        draws=check.draws,
        runtime=subject.runtime,
    )


def _judged(check: EncodedOrUsed, usage: Usage) -> Status:
    """Only what is used can be used too much: erasing what is not there changes answers as well."""
    if check.max_changed is None:
        return Status.MEASURED
    match usage.verdict:
        case Verdict.USED:
            return at_most(usage.telling.given.changed, check.max_changed)
        case Verdict.INSUFFICIENT:
            return Status.INSUFFICIENT
        case _:
            return Status.PASSED


def _finding(check: EncodedOrUsed, usage: Usage) -> Finding:
    telling = usage.telling
    changed = telling.given.changed
    return finding(
        f"{_begun(usage.sentence)}.",
        changed,
        metric="answers changed when a sensitive column is erased from a layer",
        unit=Unit.NUMBER if usage.numbers else Unit.SHARE,
        status=_judged(check, usage),
        ceiling=True,
        p_value=None if usage.verdict is Verdict.USED else 1.0,
        limit=check.max_changed,
        null=telling.random.value,
        where={
            "column": usage.attribute,
            "layer": telling.layer,
            "verdict": usage.verdict.value,
        },
        remedy="Look at which columns lead the network to the sensitive one, train without them "
        "or with the attribute erased, and compare the gaps between groups.",
        rows_needed=lambda: settled_at(changed, check.max_changed),
    )


def _begun(text: str) -> str:
    """A name or a sentence as it begins a line."""
    return f"{text[0].upper()}{text[1:]}"
