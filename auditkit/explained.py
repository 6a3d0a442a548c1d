"""A sample of the audited rows as explanations ask of them, and how each method did there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from auditkit.attribution.base import METHODS, Attributions, asked, served
from auditkit.attribution.judging.examination import Examination, examine
from auditkit.attribution.judging.quality import quality
from auditkit.attribution.judging.verdicts import Verdict
from auditkit.attribution.question import at_rest
from auditkit.data.schema import Medium
from auditkit.errors import NotApplicable
from auditkit.models.explainable import Explainable, explainable
from auditkit.models.predictor import Predictor
from auditkit.runtime import Runtime

# Rows on which methods are judged: enough that a method which is better than chance is seen to
# be, few enough that a dozen of them take seconds.
JUDGED_ON: Mapping[Medium, int] = {
    Medium.TABLE: 64,
    Medium.IMAGE: 32,
    Medium.SEQUENCE: 24,
    Medium.TEXT: 12,
}
# What asks a model thousands of times for a row is asked less, or left out where another method
# gives the same: of many players `shapley` is `kernel_shap`, and `shapley_sampling` near to it.
FEWER: Mapping[str, Mapping[str, object]] = {
    "integrated_gradients": {"most": 96},
    "expected_gradients": {"samples": 32},
}
LEFT_OUT: Mapping[Medium, tuple[str, ...]] = {
    Medium.TABLE: (),
    Medium.IMAGE: ("shapley", "shapley_sampling"),
    Medium.SEQUENCE: ("shapley", "shapley_sampling"),
    Medium.TEXT: ("shapley", "shapley_sampling", "lime"),
}
AS_GOOD = 0.02  # of an answer's range: of methods as close as this the cheapest is shown
# Rows over which it is asked what weighs how much.
WEIGHED_ON: Mapping[Medium, int] = {
    Medium.TABLE: 256,
    Medium.IMAGE: 128,
    Medium.SEQUENCE: 96,
    Medium.TEXT: 48,
}
# Of large images and long texts fewer rows, told by how many go through the model at once: a
# pass keeps as much of a row as it takes time. So no examination takes an hour.
PART_JUDGED, FEWEST_JUDGED = 5, 8  # a fifth of a pass, but no fewer rows than that
FEWEST_WEIGHED = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """What can be said of why a model answers as it does.

    frame are the audited rows, reference rows it was trained on (None where not known), medium
    what it reads.
    """

    predictor: Predictor
    frame: pd.DataFrame
    reference: pd.DataFrame | None
    medium: Medium
    runtime: Runtime

    @cached_property
    def rows(self) -> np.ndarray:
        """Places of the rows on which methods are judged, drawn at random, (m,)."""
        bound = max(FEWEST_JUDGED, self.at_once // PART_JUDGED)
        return self.drawn(min(JUDGED_ON[self.medium], bound))

    @cached_property
    def examination(self) -> Examination:
        """How each method did on the drawn rows. Raises NotApplicable where none can be asked."""
        subject = self._thinned(self.of(self.rows), WEIGHED_ON[self.medium])
        with at_rest(subject.module):
            question = subject.question()
            return examine(
                question,
                methods=[one for one in served(question) if one not in self.left_out],
                options=self.options(subject),
                rng=self.runtime.rng("examination"),
            )

    @property
    def left_out(self) -> tuple[str, ...]:
        """Methods that are not asked here, since others cost less and say the same."""
        return LEFT_OUT[self.medium]

    def options(self, rows: Explainable) -> Mapping[str, Mapping[str, object]]:
        """Methods' options, by name, where theirs would take a report too long.

        Of long texts a fit to coalitions needs eight a word, or it cannot say how sure it is.
        """
        if self.medium is Medium.TABLE:
            return {}
        most = max(512, 8 * rows.players.most)
        return {**FEWER, "kernel_shap": {"evaluations": most}, "lime": {"evaluations": most}}

    @cached_property
    def best(self) -> str:
        """The method by which it is shown what the model looks at.

        A trusted one, or a weak one where none is; of these one whose numbers add up, or at least
        have a sign, the one that did best, or as well for less. Raises NotApplicable where
        every method failed.
        """
        found = self.examination
        for verdict in (Verdict.TRUSTED, Verdict.WEAK):
            names = found.verdicts(verdict)
            adding = [name for name in names if METHODS[name].complete]
            signed = [name for name in names if METHODS[name].signed]
            if names:
                return self._cheapest(adding or signed or list(names))
        raise NotApplicable(
            "every way of explaining this model failed on it, so that nothing is shown as what it "
            "looks at: see 'Explanations put to the test'"
        )

    def _cheapest(self, names: Sequence[str]) -> str:
        """Of methods, the best first, the one that costs least and is about as good as the best."""
        found = self.examination
        least = found.quality(names[0]) - AS_GOOD
        near = [name for name in names if found.quality(name) >= least]
        return min(near, key=found.passes)

    @property
    def worth(self) -> str:
        """What the best method is worth on this model, as a sentence of the page."""
        found = self.examination
        if found.verdict(self.best) is Verdict.TRUSTED:
            return "It held on this model."
        return f"On this model it is weak: {found.sentence(self.best)}."

    @property
    def overall_rows(self) -> np.ndarray:
        """Places of the rows over which it is asked what weighs how much, (m,)."""
        return self.drawn(min(WEIGHED_ON[self.medium], max(FEWEST_WEIGHED, self.at_once)))

    @cached_property
    def at_once(self) -> int:
        """Rows that go through the model and back at once within the run's memory."""
        some = self.of(self.drawn(2))
        with at_rest(some.module):
            return some.question().at_once

    @cached_property
    def overall(self) -> tuple[Explainable, Attributions]:
        """Rows drawn at random, and what the best method says of them.

        Raises NotApplicable where every method failed.
        """
        rows = self._thinned(self.of(self.overall_rows), WEIGHED_ON[self.medium])
        return rows, self.asked(self.best, rows)

    @cached_property
    def quality(self) -> np.ndarray:
        """How well each of the rows of `overall` is explained, (m,); NaN where nothing moves it."""
        rows, found = self.overall
        generator = torch.Generator().manual_seed(
            int(self.runtime.rng("quality of explanations").integers(2**62))
        )
        with at_rest(rows.module):
            return quality(rows.question(), found, generator)

    def drawn(self, most: int) -> np.ndarray:
        """At most `most` places among the audited rows, rising; the same for the same number."""
        n = len(self.frame)
        if n <= most:
            return np.arange(n)
        return np.sort(self.runtime.rng(f"explained {most}").choice(n, most, replace=False))

    def of(self, rows: np.ndarray) -> Explainable:
        """Some of the audited rows, as an explanation needs them."""
        return explainable(
            self.predictor,
            self.frame.iloc[rows],
            reference=self.reference,
            runtime=self.runtime,
        )

    @staticmethod
    def _thinned(rows: Explainable, most: int) -> Explainable:
        """At most `most` of explained rows, evenly apart: of a text each token is one."""
        n = len(rows.rows)
        return rows if n <= most else rows.at([i * n // most for i in range(most)])

    def asked(self, method: str, rows: Explainable) -> Attributions:
        """What a method says of rows."""
        with at_rest(rows.module):
            return asked(method, rows.question(), **self.options(rows).get(method, {}))
