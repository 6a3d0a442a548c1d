"""The audited rows that are told in full: by explanations, and by what the training taught."""

from auditkit.attribution.rows import Chosen, decided, near, preferred, telling_rows
from auditkit.data.schema import Task
from auditkit.models.predictor import Ability
from auditkit.subject import Subject


def telling(subject: Subject) -> tuple[Chosen, ...]:
    """A typical row, a borderline one and the worst mistake; () where no answer is surer."""
    match subject.task:
        case Task.DECISION if subject.can(Ability.SCORES):
            sure, right = decided(subject.scores, subject.threshold), subject.right
        case Task.CLASSES:
            sure, right = preferred(subject.probabilities), subject.right
        case Task.NUMBER:
            sure, right = near(subject.values, subject.truth)
        case _:
            return ()
    return telling_rows(sure, right, borderline=subject.task is not Task.NUMBER)
