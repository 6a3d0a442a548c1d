"""Does a model tie outcomes to groups more tightly than its data do? From counts alone."""

from auditkit.bias.amplification.generated import (
    GeneratedAmplification,
    TrainedAgain,
    generated_amplification,
    over_trainings,
)
from auditkit.bias.amplification.joints import Joint, joint
from auditkit.bias.amplification.measures import (
    Amplification,
    amplification,
    attribute_to_task,
    beside_training,
    mals,
    task_to_attribute,
)
from auditkit.bias.amplification.multi_attribute import MultiAmplification, multi_attribute
from auditkit.bias.amplification.seeds import over_seeds

__all__ = [
    "Amplification",
    "GeneratedAmplification",
    "Joint",
    "MultiAmplification",
    "TrainedAgain",
    "amplification",
    "attribute_to_task",
    "beside_training",
    "generated_amplification",
    "joint",
    "mals",
    "multi_attribute",
    "over_seeds",
    "over_trainings",
    "task_to_attribute",
]
