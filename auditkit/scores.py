"""The few figures that say how well a model does its task: findings of the check that asks."""

from collections.abc import Mapping
from dataclasses import dataclass

from auditkit.checks.base import CHECKS, Check
from auditkit.data.schema import Task
from auditkit.errors import NotApplicable
from auditkit.results import Finding
from auditkit.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Score:
    """A figure: whether more is better, and the value that cannot be beaten."""

    higher: bool
    ideal: float


SCORES: Mapping[str, Score] = {
    "accuracy": Score(higher=True, ideal=1.0),
    "AUC": Score(higher=True, ideal=1.0),
    "R²": Score(higher=True, ideal=1.0),
    "mean absolute error": Score(higher=False, ideal=0.0),
    "bits a character": Score(higher=False, ideal=0.0),
    "error rate": Score(higher=False, ideal=0.0),
    "whole texts right": Score(higher=True, ideal=1.0),
    "Fréchet distance over its floor": Score(higher=False, ideal=1.0),
    "smallest class share": Score(higher=True, ideal=1.0),
    "largest class share": Score(higher=False, ideal=0.0),
    "memorisation": Score(higher=True, ideal=0.0),
}


def scores(subject: Subject) -> dict[str, Finding]:
    """Findings by metric, the first the one that counts.

    Empty where the check that asks does not apply: for a generator without a judge.
    """
    try:
        found = {
            one.metric: one
            for one in _asking(subject.task).run(subject)
            if isinstance(one, Finding)
        }
    except NotApplicable:
        return {}
    return {name: found[name] for name in SCORES if name in found and found[name].interval}


def _asking(task: Task) -> Check:
    match task:
        case Task.DECISION:
            return CHECKS["performance"]()
        case Task.CLASSES:
            return CHECKS["class-performance"]()
        case Task.NUMBER:
            return CHECKS["number-performance"]()
        case Task.LANGUAGE:
            return CHECKS["language"]()
        case Task.TRANSDUCTION:
            # The trivial answer it is compared with takes longest, and is not asked for here.
            return CHECKS["transduction"](compared=10)  # type: ignore[call-arg]
        case _:
            return CHECKS["generation"]()
