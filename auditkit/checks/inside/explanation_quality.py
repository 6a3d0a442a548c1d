"""Are some people's answers explained worse than others'?"""

from collections.abc import Iterator

import numpy as np

from auditkit.bias.outputs.number_errors import number_errors
from auditkit.bias.outputs.number_gaps import error_gap
from auditkit.checks.base import words
from auditkit.checks.contrasts import gap_finding, picture
from auditkit.checks.network import ExplanationQuality
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Section, Unit
from auditkit.subject import Subject


def run(check: ExplanationQuality, subject: Subject) -> Iterator[Finding | Section]:
    """A finding and a picture for each sensitive column."""
    columns = subject.sensitive
    rows, found = subject.explained.overall
    if len(set(rows.rows)) < len(rows.rows):
        raise NotApplicable("each token is explained by itself, and no row as a whole")
    quality = subject.explained.quality
    known = np.isfinite(quality)
    if not known.any():
        raise NotApplicable("nothing that is taken out of a row moves its answer")
    places = subject.explained.overall_rows[known]
    views = []
    for column in columns:
        groups = subject.memberships[column].iloc[places].reset_index(drop=True)
        errors = number_errors(np.zeros(len(places)), quality[known], groups)
        gap = error_gap(
            errors,
            "signed_error",
            rng=subject.rng(f"{check.rule} {column}"),
            draws=check.draws,
            min_group_size=check.min_group_size,
        )
        yield gap_finding(
            gap,
            column=column,
            what="quality of explanations",
            metric="gap in the quality of explanations",
            unit=Unit.NUMBER,
            limit=check.max_difference,
            written=_written,
            apart=_written,
            remedy="Explain the answers of the group served worse by another method, or tell "
            "the people concerned that they are less sure.",
        )
        if gap.estimate.defined:
            title = f"Quality of explanations by {column}"
            views.append(picture(gap, title=title, what="quality", unit=Unit.NUMBER))
    yield Section(
        title="Are all answers explained equally well?",
        text=f"How closely answers follow {words(found.method)}: what it puts first is taken "
        "out, or put in, and the answer must move sooner than in a random order (0). In parts "
        "of the range over which the row's answer moves.",
        views=tuple(views),
    )


def _written(value: float) -> str:
    return f"{value:.3f}"
