"""The few figures that say how well a model does its task, each with its interval."""

from collections.abc import Mapping

from auditkit.data.schema import Task
from auditkit.models.predictor import Language
from auditkit.statistics import classification, multiclass, regression, texts
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject

# Whether more is better, and the value that cannot be beaten.
IDEALS: Mapping[str, tuple[bool, float]] = {
    "accuracy": (True, 1.0),
    "AUC": (True, 1.0),
    "R2": (True, 1.0),
    "mean absolute error": (False, 0.0),
    "bits a character": (False, 0.0),
    "error rate": (False, 0.0),
    "distance over floor": (False, 1.0),
}


def scores(subject: Subject) -> dict[str, Estimate]:
    """By name, the first the one that counts; empty for a generator without a judge."""
    match subject.task:
        case Task.DECISION:
            return {
                "accuracy": classification.accuracy(subject.labels, subject.predictions),
                "AUC": classification.auc(subject.labels, subject.scores),
            }
        case Task.CLASSES:
            said = subject.probabilities.argmax(axis=1)
            counts = multiclass.confusion(subject.classes, said, subject.probabilities.shape[1])
            return {"accuracy": multiclass.accuracy(counts)}
        case Task.NUMBER:
            return {
                "R2": regression.r_squared(subject.truth, subject.values),
                "mean absolute error": regression.mean_absolute_error(
                    subject.truth, subject.values
                ),
            }
        case Task.LANGUAGE:
            said = subject.answers(Language)
            return {"bits a character": texts.bits_per_character(said.bits, said.characters)}
        case Task.TRANSDUCTION:
            return {"error rate": texts.error_rate(subject.edits)}
        case _:
            return {}
