"""Truncation: likeness against variety, class by class."""

from collections.abc import Iterator

from auditkit.checks.base import exactly, finding, percent
from auditkit.checks.inside.latents import making_of
from auditkit.checks.truncation import Truncated
from auditkit.data.schema import Task
from auditkit.probing.latents.truncation import Truncation, truncation
from auditkit.results import Finding, Lines, Section
from auditkit.subject import Subject

TEXT = (
    "Latent vectors were scaled by psi: 1 is as the generator was trained, and nearer to 0 its "
    "images become more typical and less various. Each line is of the same {images:,} latent "
    "vectors beside {real:,} real images, as {judge} sees them. Shares of classes are as it sees "
    "them, its errors not taken back."
)
COLOURS = 8  # lines that one picture holds


def run(check: Truncated, subject: Subject) -> Iterator[Finding | Section]:
    """A finding and a section of two pictures."""
    subject.require(Task.IMAGES)
    generated = subject.generated
    judge = generated.judge
    made = making_of(subject)
    found = truncation(made, judge, generated.seen_real[0][: check.real], images=check.images)
    yield _told(found)
    yield _section(found, judge.name)


def _told(found: Truncation) -> Finding:
    first, last = found.curve.iloc[0], found.curve.iloc[-1]
    going = [f"{name!r} (psi {psi:g})" for name, psi in found.going.items()]
    gone = (
        f"first to fall below half of its share is {', then '.join(going[:3])}"
        if going
        else "no class surely falls below half of its share"
    )
    return finding(
        f"Scaled to psi {first['psi']:g}, precision goes from {percent(last['precision'])} to "
        f"{percent(first['precision'])}, recall from {percent(last['recall'])} to "
        f"{percent(first['recall'])}, and as many classes as {last['classes']:.1f} even ones to "
        f"{first['classes']:.1f}; {gone}.",
        exactly(first["recall"], n=found.images, method="balls to the 5th neighbour"),
        metric=f"recall at psi {first['psi']:g}",
        null=float(last["recall"]),
        where={"classes below half": ", ".join(found.going) or "none"},
    )


def _section(found: Truncation, judge: str) -> Section:
    shares = found.shares.pivot(index="psi", columns="class", values="share")
    low, high = shares.iloc[0], shares.iloc[-1]
    most = (low - high).abs().sort_values(ascending=False).index[:COLOURS]
    shown = [name for name in found.shares["class"].unique() if name in set(most)]
    return Section(
        title="What truncation gives and takes",
        text=TEXT.format(images=found.images, real=found.real, judge=judge),
        views=(
            Lines(
                title="Likeness and variety by psi",
                frame=found.curve[["psi", "precision", "recall", "coverage"]].round(4),
                x="psi",
                y=("precision", "recall", "coverage"),
                text="Precision: made images among the real ones. Recall: real ones among the "
                "made. Coverage: real ones with a made one beside them.",
            ),
            Lines(
                title="Shares of classes by psi",
                frame=shares[shown].round(4).reset_index().rename_axis(None, axis=1),
                x="psi",
                y=tuple(shown),
                text=f"The {len(shown)} classes that change most. A class is said to go where it "
                "surely has less than half of its share at psi 1.",
            ),
        ),
    )
