"""What the attention of a transformer shows, and how far that is from what decides."""

from collections.abc import Iterator, Mapping

import pandas as pd

from auditkit.attribution.attention import attends
from auditkit.attribution.base import METHODS, Family
from auditkit.attribution.heads import habits, marks_of
from auditkit.attribution.judging.examination import Examination
from auditkit.attribution.judging.verdicts import Verdict
from auditkit.attribution.question import at_rest
from auditkit.checks.base import finding, words
from auditkit.checks.network import Attention
from auditkit.errors import NotApplicable
from auditkit.models.explainable import Explainable
from auditkit.models.explainable.texts import sizes_of
from auditkit.results import Finding, Heatmap, Section, Table, Unit
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject

CONTROL = "random"
LOOKS_AT = {
    "first": "first token",
    "before": "token before",
    "itself": "itself",
    "marks": "punctuation",
    "evenness": "evenness",
}
SAID = {
    "attention": "the last layer's weights",
    "attention_rollout": "weights followed back through all layers",
    "attention_gradient": "weights times their gradient",
}
IS = (
    "Attention says from which tokens a layer fetched, not what decided: what was fetched may be "
    "passed over, and very different weights can give the same answer."
)


def run(check: Attention, subject: Subject) -> Iterator[Finding | Section]:
    """A finding of agreement, a table of it, and a map of the heads."""
    rows = subject.explained.of(subject.explained.rows)
    if rows.medium != "text" or not attends(rows.module):
        raise NotApplicable("the model is no transformer that reads texts: it has no attention")
    found = subject.explained.examination
    judge = _asks(found)
    lines = {name: _pair(found.pairs, name, judge) for name in _beside(found, judge)}
    yield _nearest(lines, judge)
    yield Section(
        title="Does attention point at what decides?",
        text=f"{IS} Each row's words are ranked by attention and by what happens to the answer "
        f"when they are taken out ({words(judge)}): 1 is the same order, 0 none in common.",
        views=(_table(found, judge, lines),),
    )
    yield _heads(rows)


def _asks(found: Examination) -> str:
    """The method by perturbation that did best on this model."""
    order = [*found.verdicts(Verdict.TRUSTED), *found.verdicts(Verdict.WEAK), *found.attributions]
    names = [one for one in order if METHODS[one].family is Family.PERTURBATION]
    if not names:
        raise NotApplicable("no method that takes words out could be asked: nothing to compare")
    return names[0]


def _beside(found: Examination, judge: str) -> Iterator[str]:
    """The readings of attention, the best of the other methods, and chance."""
    for name in found.attributions:
        if METHODS[name].family is Family.ATTENTION:
            yield name
    order = [*found.verdicts(Verdict.TRUSTED), *found.verdicts(Verdict.WEAK)]
    others = (one for one in order if METHODS[one].family is not Family.ATTENTION and one != judge)
    yield from [*others][:1]
    yield CONTROL


def _nearest(lines: Mapping[str, Estimate], judge: str) -> Finding:
    """The reading of attention that agrees best."""
    read = [name for name in lines if METHODS[name].family is Family.ATTENTION]
    best = max(read, key=lambda name: (lines[name].defined, lines[name].value))
    estimate, null = lines[best], lines[CONTROL].value
    return finding(
        f"Of {len(read)} readings of attention, {SAID.get(best, words(best))} come nearest to what "
        f"happens when words are taken out ({words(judge)}): a rank correlation of "
        f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f}), by chance {null:.2f}; "
        "attention says from where was fetched, not what decided.",
        estimate,
        metric=f"agreement of {words(best)} with {words(judge)}",
        unit=Unit.NUMBER,
        null=null,
        where={"method": best},
    )


def _pair(pairs: pd.DataFrame, one: str, other: str) -> Estimate:
    both = pairs["method"].isin([one, other]) & pairs["other"].isin([one, other])
    line = pairs[both].iloc[0]
    return Estimate(
        value=float(line["rank correlation"]),
        low=max(float(line["low"]), -1.0),
        high=min(float(line["high"]), 1.0),
        n=int(line["rows"]),
        method="Spearman's correlation over a row's words; Student's t over rows",
        reason="" if line["rows"] else "in no row does one of the two vary",
    )


def _table(found: Examination, judge: str, lines: Mapping[str, Estimate]) -> Table:
    frame = pd.DataFrame(
        {
            "method": [words(name) for name in lines],
            "what it is": [_is(name) for name in lines],
            "agreement": [one.value for one in lines.values()],
            "from": [one.low for one in lines.values()],
            "to": [one.high for one in lines.values()],
            "on this model": [
                "" if name == CONTROL else found.verdict(name).value for name in lines
            ],
        }
    )
    return Table(title=f"Agreement with {words(judge)}", frame=frame, verdicts=("on this model",))


def _is(name: str) -> str:
    if METHODS[name].family in (Family.ATTENTION, Family.CONTROL):
        return METHODS[name].summary
    return "the best of the other methods on this model"


def _heads(rows: Explainable) -> Section:
    with at_rest(rows.module):
        frame = habits(rows.question(), sizes_of(rows.inputs), marks_of(rows.players))
    shown = [name for name in LOOKS_AT if frame[name].notna().any()]
    views = []
    for kind, part in frame.groupby("looks", sort=False):
        names = [
            f"layer {layer}, head {head}" if head else "all alike"
            for layer, head in zip(part["layer"], part["head"], strict=True)
        ]
        long = part[shown].set_axis([LOOKS_AT[name] for name in shown], axis=1)
        long = long.assign(head=names).melt("head", var_name="looks at", value_name="share")
        views.append(
            Heatmap(
                title=f"Shares of each head's attention: {kind}",
                frame=long[long["share"].notna()],
                x="looks at",
                y="head",
                value="share",
                unit=Unit.SHARE,
            )
        )
    return Section(
        title="What does each head look at?",
        text="Mean shares over the tokens that look. The last line is a head that looks at all "
        "tokens alike, which has an evenness of 100 %; a head that looks at one alone has 0 %. A "
        "head that looks at the token before, or at punctuation, in every text alike says little "
        "about any one answer.",
        views=tuple(views),
    )
