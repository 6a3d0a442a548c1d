"""What a detector is worth: how it ranks, what it calls, when it does not answer.

Pure functions of what was said of n images, of what they are (fake) and of the photograph or person
behind each (original), by which every interval is widened. Chance is beside each figure or named.
"""

from auditkit.detection.evaluation.abstaining import RiskCoverage, certainty, risk_coverage
from auditkit.detection.evaluation.by_original import share_of
from auditkit.detection.evaluation.calling import (
    PREVALENCES,
    Answered,
    accuracy,
    answered,
    at_prevalence,
    balanced_accuracy,
    by_group,
    false_alarms,
    found_share,
    positive_predictive_value,
)
from auditkit.detection.evaluation.ranking import (
    auc,
    average_precision,
    calibration_error,
    equal_error_rate,
    tpr_at_fpr,
)

__all__ = [
    "PREVALENCES",
    "Answered",
    "RiskCoverage",
    "accuracy",
    "answered",
    "at_prevalence",
    "auc",
    "average_precision",
    "balanced_accuracy",
    "by_group",
    "calibration_error",
    "certainty",
    "equal_error_rate",
    "false_alarms",
    "found_share",
    "positive_predictive_value",
    "risk_coverage",
    "share_of",
    "tpr_at_fpr",
]
