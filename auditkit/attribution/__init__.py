"""What a model looks at, and whether the picture of it can be believed.

Tensors in, plain values out: nothing here knows of reports. `attribute` asks a method of the
table METHODS; `auditkit.attribution.judging` asks whether its answer holds on this very model.
"""

from auditkit.attribution.base import METHODS, Attributions, Family, Method, attribute
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import Players

__all__ = ["METHODS", "Attributions", "Baseline", "Family", "Method", "Players", "attribute"]
