"""Which explanations hold on this very model, and are some people's decisions explained worse?"""

from collections.abc import Iterator

from auditkit.attribution.base import METHODS, Family
from auditkit.attribution.judging.examination import Examination
from auditkit.attribution.judging.verdicts import Verdict
from auditkit.checks.base import at_least, exactly, finding, words
from auditkit.checks.network import Explanations
from auditkit.results import Finding, Heatmap, Section, Table, Unit
from auditkit.subject import Subject


def run(check: Explanations, subject: Subject) -> Iterator[Finding | Section]:
    """One finding, the table of methods and tests, and how far the methods agree."""
    found = subject.explained.examination
    asked = [name for name in found.attributions if METHODS[name].family is not Family.CONTROL]
    trusted = exactly(len(found.trusted), n=_answers(found))
    yield finding(
        _said(found, asked),
        trusted,
        metric="methods that hold on this model",
        unit=Unit.COUNT,
        status=at_least(trusted, check.min_trusted),
        limit=check.min_trusted,
        where={"methods asked": str(len(asked)), "cannot be asked": _refused(found)},
        remedy="No picture of what this model looks at can be believed as it stands. Try "
        "a baseline of your own with `auditkit explain --baseline`, or a simpler model.",
    )
    yield Section(
        title="Which explanations can be believed?",
        text=f"Each method explained the same {trusted.n} answers of this "
        "model, and was tested on them. A method that fails is not shown again: it may "
        "describe some model, but not this one. Random numbers and the size of the inputs "
        "know nothing of the model and stand beside the methods as controls."
        f"{_spared(subject)}",
        views=(
            Table(
                title="Methods and how they did",
                frame=found.table().round(3),
                verdicts=("verdict",),
            ),
            Heatmap(
                title="How far the methods agree",
                frame=found.agreement()[["method", "other", "rank correlation"]].round(3),
                x="other",
                y="method",
                value="rank correlation",
                diverging=True,
                text="1: they rank what matters alike; 0: no more alike than by chance. "
                "That methods agree does not make them right.",
            ),
        ),
    )


def _said(found: Examination, asked: list[str]) -> str:
    verdicts = [found.verdict(name) for name in asked]
    failed = [name for name, one in zip(asked, verdicts, strict=True) if one is Verdict.FAILED]
    weak = verdicts.count(Verdict.WEAK)
    beside = f"{weak} are weak" if weak != 1 else "1 is weak"
    lost = f"{len(failed)} failed and are not shown" if failed else "none failed"
    if not found.trusted:
        return (
            f"None of {len(asked)} ways of explaining this model holds on it ({beside}, {lost}): "
            "no picture of what it looks at is shown as true."
        )
    first = ", ".join(words(one) for one in found.trusted[:3])
    return (
        f"{len(found.trusted)} of {len(asked)} ways of explaining this model hold on it "
        f"({first} first); {beside}, {lost}."
    )


def _answers(found: Examination) -> int:
    """How many answers each method explained: of a text that is written, each token is one."""
    return max((len(one.answers) for one in found.attributions.values()), default=0)


def _refused(found: Examination) -> str:
    return "; ".join(f"{name}: {why}" for name, why in found.refused.items()) or "none"


def _spared(subject: Subject) -> str:
    names = ", ".join(words(one) for one in subject.explained.left_out)
    return f" Not asked, since they cost more and say much the same: {names}." if names else ""
