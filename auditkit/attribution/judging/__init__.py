"""Whether explanations can be believed: every method put to the test on the model it explains.

`examine(question)` asks each method about the same rows and gives an `Examination`: a verdict and
one sentence for each, a table of method by test, what follows for each row.
"""

from auditkit.attribution.judging.examination import Examination, examine
from auditkit.attribution.judging.verdicts import TESTS, Judged, Verdict

__all__ = ["TESTS", "Examination", "Judged", "Verdict", "examine"]
