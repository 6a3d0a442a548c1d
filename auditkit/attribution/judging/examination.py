"""Every method asked about the same rows, and every answer put to the test on this very model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor, nn

from auditkit.attribution.base import METHODS, Attributions, Family, asked, refusal, served
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.judging.agreement import agreement
from auditkit.attribution.judging.bench import bench_of
from auditkit.attribution.judging.deletion import Curves, curves_of
from auditkit.attribution.judging.trials import agreeing, tests_of
from auditkit.attribution.judging.verdicts import TESTS, Judged, Verdict, worst
from auditkit.attribution.question import Question, at_rest
from auditkit.errors import AuditkitError
from auditkit.runtime import track


@dataclass(frozen=True, kw_only=True, eq=False)
class Examination:
    """Methods and controls on the examined rows, and what each test says of each.

    attributions and curves are by method; judged has the tests in the order in which they
    weigh; refused maps a method to why this model cannot be asked so; exists (B, P) bool says
    which players a row has.
    """

    attributions: Mapping[str, Attributions]
    curves: Mapping[str, Curves]
    judged: tuple[Judged, ...]
    refused: Mapping[str, str]
    pairs: pd.DataFrame
    exists: Tensor

    def of(self, method: str) -> tuple[Judged, ...]:
        """The tests of one method, the weightiest first."""
        return tuple(one for one in self.judged if one.method == method)

    def verdict(self, method: str) -> Verdict:
        """The worst of its tests'; none where its order could not be tested and nothing failed."""
        found = self._decides(method)
        return Verdict.UNTESTED if found is None else found.verdict

    def sentence(self, method: str) -> str:
        """Why, in one sentence."""
        found = self._decides(method)
        return "" if found is None else found.sentence

    def _decides(self, method: str) -> Judged | None:
        found = worst(self.of(method))
        order = next((one for one in self.of(method) if one.test == "order"), None)
        if found is None or order is None:
            return None
        bare = order.verdict is Verdict.UNTESTED and found.verdict is not Verdict.FAILED
        return order if bare else found

    @property
    def trusted(self) -> tuple[str, ...]:
        """The trusted methods, the one that follows the answer best first."""
        return self.verdicts(Verdict.TRUSTED)

    def verdicts(self, verdict: Verdict) -> tuple[str, ...]:
        """The methods of one verdict, the one that follows the answer best first; no controls."""
        names = [
            one
            for one in self.attributions
            if self.verdict(one) is verdict and METHODS[one].family is not Family.CONTROL
        ]
        return tuple(sorted(names, key=self._order))

    @property
    def best(self) -> str:
        """The method to lead with: the best trusted one, else the best weak one; "" for none."""
        names = (*self.verdicts(Verdict.TRUSTED), *self.verdicts(Verdict.WEAK))
        return names[0] if names else ""

    def table(self) -> pd.DataFrame:
        """A line for each method, the best first: verdict, why, family, each test's number.

        A test that no method could be put to has no column. passes are rows sent forward and back
        for each explained row.
        """
        lines = []
        for name in sorted(self.attributions, key=lambda one: (self._grade(one), self._order(one))):
            numbers = {one.test: one.estimate.value for one in self.of(name)}
            lines.append(
                {
                    "method": name,
                    "verdict": self.verdict(name).value,
                    "sentence": self.sentence(name),
                    "family": METHODS[name].family.value,
                    **{test: numbers.get(test, np.nan) for test in TESTS},
                    "passes": self.passes(name),
                }
            )
        held = {one.test for one in self.judged}
        tests = [one for one in TESTS if one in held]
        columns = ["method", "verdict", "sentence", "family", *tests, "passes"]
        return pd.DataFrame(lines, columns=columns)

    def agreement(self) -> pd.DataFrame:
        """How alike two methods' explanations of a row are, controls included: a line a pair."""
        return self.pairs

    def by_row(self, method: str = "") -> pd.DataFrame:
        """How well each examined row is explained by a method, by default the best.

        quality is the mean of deletion and insertion, in parts of the span of the row's own
        answer, so that rows can be compared; NaN where nothing moves the answer.
        """
        name = method or self.best
        if not name:
            return pd.DataFrame(columns=["row", "method", "quality", "deletion", "insertion"])
        curves = self.curves[name]
        return pd.DataFrame(
            {
                "row": np.arange(len(curves.deletion)),
                "method": name,
                "quality": curves.quality.numpy(),
                "deletion": curves.deletion.numpy(),
                "insertion": curves.insertion.numpy(),
            }
        )

    def quality(self, method: str) -> float:
        """By how much the answer follows a method better than a random order, over the rows."""
        return float(self.curves[method].quality.nanmean())

    def passes(self, method: str) -> float:
        """Rows that a method sent forward and back for each explained row."""
        found = self.attributions[method]
        return (found.forward + found.backward) / len(found.answers)

    def _order(self, method: str) -> tuple[float, str]:
        """Those that follow the answer best first."""
        value = self.quality(method)
        return (np.inf if np.isnan(value) else -value, method)

    def _grade(self, method: str) -> int:
        control = METHODS[method].family is Family.CONTROL
        ladder = (Verdict.TRUSTED, Verdict.WEAK, Verdict.UNTESTED, Verdict.FAILED)
        return 10 * control + ladder.index(self.verdict(method))


def examine(
    question: Question,
    *,
    methods: Sequence[str] | None = None,
    rng: np.random.Generator | None = None,
    baselines: Sequence[Baseline] = (),
    untrained: Callable[[], nn.Module] | None = None,
    relabelled: nn.Module | None = None,
    truth: Tensor | None = None,
    options: Mapping[str, Mapping[str, object]] | None = None,
) -> Examination:
    """Ask methods (all that can serve the model) about the question's rows, and judge each.

    baselines are others than the question's own, over which an explanation should hold.
    untrained makes a network of the same kind that was never trained; without it the later half
    of the model's own layers is drawn anew. relabelled is one trained on shuffled labels. truth
    (B, P) or (P,) bool says which players are known to matter. options are a method's own, by
    name. Controls are always asked. The same question and rng give the same examination.
    """
    names = list(methods) if methods is not None else list(served(question))
    controls = [one for one, row in METHODS.items() if row.family is Family.CONTROL]
    names = list(dict.fromkeys([*names, *controls]))
    found: dict[str, Attributions] = {}
    curves: dict[str, Curves] = {}
    judged: list[Judged] = []
    refused: dict[str, str] = {}
    with at_rest(question.model):
        bench = bench_of(
            question,
            rng or question.runtime.rng("examination"),
            baselines=tuple(baselines),
            untrained=untrained,
            relabelled=relabelled,
            truth=truth,
        )
        for name in track(names, "explanations judged", len(names)):
            chosen = dict((options or {}).get(name, {}))
            answer = _asked(name, question, chosen, refused)
            if answer is None:
                continue
            found[name] = answer
            scores, draws = bench.oriented(answer), bench.generator(name)
            curves[name] = curves_of(bench.removal, scores, bench.chance, draws)
            judged += tests_of(bench, answer, curves[name], chosen)
        sizes = {name: one.of(question.players).abs() for name, one in found.items()}
        pairs = agreement(sizes, bench.exists)
        judged += agreeing(bench, pairs, sizes)
    return Examination(
        attributions=found,
        curves=curves,
        judged=tuple(judged),
        refused=refused,
        pairs=pairs,
        exists=bench.exists,
    )


def _asked(
    name: str, question: Question, options: dict[str, object], refused: dict[str, str]
) -> Attributions | None:
    """A method's answer; None, and the reason in `refused`, where this model cannot serve it."""
    reason = refusal(METHODS[name], question)
    if reason:
        refused[name] = reason
        return None
    try:
        return asked(name, question, **options)
    except AuditkitError as error:
        refused[name] = str(error)
        return None
