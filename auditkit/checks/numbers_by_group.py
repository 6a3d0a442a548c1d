"""Are the model's numbers off equally far in each group, and are they spread alike?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import pandas as pd

from auditkit.bias.contrast import Contrast
from auditkit.bias.outputs.distributions import DistributionGap, distribution_gap
from auditkit.bias.outputs.number_errors import (
    MEASURES,
    NumberErrors,
    error_estimates,
    means_by_group,
    number_errors,
)
from auditkit.bias.outputs.number_gaps import error_gap
from auditkit.bias.suppression import may_be_shown, nameless, not_shown
from auditkit.checks.base import CHECKS, GROUP, finding, percent, points, reasons
from auditkit.checks.contrasts import chance, gap_finding, picture
from auditkit.data.schema import Task
from auditkit.ranges import ranged
from auditkit.results import Finding, Section, Table, Topic, Unit, View
from auditkit.subject import Subject


@CHECKS.register("number-equality")
@dataclass(frozen=True, kw_only=True)
class NumberEquality:
    """Is the model off equally far in each group, and does it say the same numbers of each?

    Nothing is judged unless you set max_difference: the largest gap of the mean absolute error,
    as a share of that of all rows. No custom says how far two groups' errors may differ, and a
    group whose true numbers vary more is harder to get right. Rows of one person (or speaker, or
    document) are drawn together wherever the data say whose they are.
    """

    rule: ClassVar[str] = "AK213"
    title: ClassVar[str] = "Numbers by group"
    topic: ClassVar[Topic] = Topic.HARM

    max_difference: float | None = ranged(None, 0)
    min_group_size: int = ranged(10, 2)
    draws: int = ranged(1000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Findings for absolute, squared and signed errors and for what is said, by column."""
        subject.require(Task.NUMBER)
        target = subject.table.schema.target.name
        views: list[View] = []
        for column in subject.sensitive:
            errors = _errors(subject, column)
            gaps = {one: self._gap(subject, errors, column, one) for one in MEASURES}
            for measure, gap in gaps.items():
                yield self._finding(gap, errors, column, measure, target)
            yield self._spread(subject, errors, column, target)
            yield self._shares(subject, errors, column)
            views += _views(errors, gaps, column, self.min_group_size)
        yield _section(tuple(views), target, subject.table.apart)

    def _gap(self, subject: Subject, errors: NumberErrors, column: str, measure: str) -> Contrast:
        return error_gap(
            errors,
            measure,
            rng=subject.rng(f"{self.rule} {column} {measure}"),
            draws=self.draws,
            min_group_size=self.min_group_size,
        )

    def _finding(
        self, gap: Contrast, errors: NumberErrors, column: str, measure: str, target: str
    ) -> Finding:
        everybody = errors.mean_absolute
        limit = None
        if measure == "mean_absolute_error" and self.max_difference is not None:
            limit = self.max_difference * everybody
        where = _measured_by(gap.estimate.value, errors, target)
        if measure == "mean_absolute_error" and everybody:
            where["of the error of all rows"] = percent(gap.estimate.value / everybody)
        return gap_finding(
            gap,
            column=column,
            what=MEASURES[measure],
            metric=f"{MEASURES[measure]} difference",
            unit=Unit.NUMBER,
            limit=limit,
            remedy="Gather more rows and better features for the group that the model is further "
            "off for, and until then give its numbers with their error beside them.",
            written=_number,
            apart=_number,
            where=where if gap.estimate.defined else {},
            nameless=nameless(_sizes(errors), self.min_group_size),
        )

    def _distance(
        self, subject: Subject, errors: NumberErrors, column: str, of: str, distance: str
    ) -> DistributionGap:
        return distribution_gap(
            errors,
            of,
            distance,
            rng=subject.rng(f"{self.rule} {column} {of} {distance}"),
            min_group_size=self.min_group_size,
        )

    def _spread(self, subject: Subject, errors: NumberErrors, column: str, target: str) -> Finding:
        said = self._distance(subject, errors, column, "said", "wasserstein")
        message, where = "", {"column": column}
        if said.estimate.defined:
            true = self._distance(subject, errors, column, "truth", "wasserstein").pairs
            same = (true["first"] == said.first) & (true["second"] == said.second)
            message = (
                f"By {column}, the numbers said of {said.first} and of {said.second} lie "
                f"{_number(said.estimate.value)} apart on average, their true ones "
                f"{_number(float(true['value'][same].iloc[0]))}; chance alone would give "
                f"{_number(said.null.mean)} for what is said."
            )
            where |= _pair(said, _number) | _measured_by(said.estimate.value, errors, target)
        return finding(
            message,
            said.estimate,
            metric="Wasserstein distance of what is said",
            unit=Unit.NUMBER,
            null=said.null.mean,
            where=where | _left_out(said),
        )

    def _shares(self, subject: Subject, errors: NumberErrors, column: str) -> Finding:
        widest = self._distance(subject, errors, column, "said", "kolmogorov_smirnov")
        message, where = "", {"column": column}
        if widest.estimate.defined:
            message = (
                f"By {column}, the share of rows told less than some number differs by up to "
                f"{points(widest.estimate.value)} between {widest.first} and {widest.second}; "
                f"chance alone would give {points(widest.null.mean)}."
            )
            where |= _pair(widest, points)
        return finding(
            message,
            widest.estimate,
            metric="Kolmogorov-Smirnov distance of what is said",
            unit=Unit.POINTS,
            null=widest.null.mean,
            where=where | _left_out(widest),
        )


def _errors(subject: Subject, column: str) -> NumberErrors:
    apart = subject.table.apart
    whose = subject.frame[apart] if apart in subject.frame.columns else None
    return number_errors(
        subject.truth, subject.values, subject.memberships[column], clusters=whose, unit=apart
    )


def _measured_by(value: float, errors: NumberErrors, target: str) -> dict[str, str]:
    found = {}
    if errors.deviation:
        deviations = value / errors.deviation
        found[f"in standard deviations of {target}"] = f"{deviations:.3f}"
    if errors.unit:
        found["counted by"] = errors.unit
    return found


def _pair(gap: DistributionGap, written: Callable[[float], str]) -> dict[str, str]:
    return {
        "groups": f"{gap.first} and {gap.second}",
        "chance alone, 1 in 20": written(gap.null.upper),
        "permutation p": chance(gap.null.p_value),
    }


def _left_out(gap: DistributionGap) -> dict[str, str]:
    return {"not compared": reasons(gap.left_out)} if gap.left_out else {}


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _sizes(errors: NumberErrors) -> pd.DataFrame:
    """The rows of each group as a count table."""
    rows = means_by_group(errors)["rows"].to_numpy()
    return pd.DataFrame({"tp": rows, "fp": 0, "fn": 0, "tn": 0}, index=errors.index)


def _views(
    errors: NumberErrors, gaps: dict[str, Contrast], column: str, min_group_size: int
) -> Iterator[View]:
    means = means_by_group(errors)
    rows, sizes = means["rows"].to_numpy(), _sizes(errors)
    shown = may_be_shown(sizes, min_group_size)
    hidden = not_shown(sizes, shown, min_group_size)
    names = [name for name, one in zip(errors.groups, shown, strict=True) if one]
    measure, title = "mean_absolute_error", f"Mean absolute error by {column}"
    if gaps[measure].estimate.defined:
        view = picture(gaps[measure], title=title, what=MEASURES[measure], unit=Unit.NUMBER)
        yield replace(view, frame=view.frame[view.frame[GROUP].isin(names)], text=hidden)
    frame = pd.DataFrame({GROUP: errors.groups, "rows": rows})
    if errors.unit:
        frame[f"different {errors.unit}"] = [len(one) for _, one in errors.sums(errors.errors)]
    for measure, name in MEASURES.items():
        frame[name] = error_estimates(errors, measure)["value"].to_numpy()
    for name in ("mean said", "mean true"):
        frame[name] = means[name].to_numpy()
    if shown.any():
        kept = frame[shown].reset_index(drop=True)
        yield Table(title=f"Errors by {column}", frame=kept, text=hidden)


def _section(views: tuple[View, ...], target: str, apart: str) -> Section:
    text = (
        f"An error is what the model says less what is true, in the unit of {target}. The mean "
        "absolute error is how far off the model is, whichever way; the root mean squared error "
        "counts large errors more; the mean signed error is above 0 where too much is said. A "
        "group whose true numbers vary more is harder to get right. Each interval holds for its "
        "group alone; the findings compare all groups at once, which is stricter."
    )
    if apart:
        text += f" Rows that share a {apart} are counted together: their errors are alike."
    return Section(title="Are the numbers equally far off in each group?", text=text, views=views)
