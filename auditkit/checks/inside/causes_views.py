"""What is lost without a layer or a unit as pictures, and whom it hurts; patching and steering."""

from collections.abc import Mapping

import pandas as pd

from auditkit.probing.causes.ablation import Ablated
from auditkit.probing.causes.approximation import Approximated
from auditkit.probing.causes.harm import Harm
from auditkit.probing.causes.patching import Patched
from auditkit.probing.causes.steering import Steered
from auditkit.results import Heatmap, Intervals, Lines, Table, Unit, View

MOST_LINES = 10  # of a table, the largest first
MOST_PIECES = 16  # of a picture


def ablated_views(*found: Ablated) -> tuple[View, ...]:
    """The change of the loss without each piece, the largest first.

    Of several, the last is drawn alone: a unit is too little to be seen beside a whole layer.
    """
    table, lines = (
        frame.sort_values("loss", ascending=False, kind="stable").head(MOST_LINES)
        for frame in (pd.concat([one.frame for one in found]), found[-1].frame)
    )
    shares = found[0].unit == "share"
    return (
        Intervals(
            title="By how much the loss rises without it",
            frame=pd.DataFrame(
                {
                    "without": _names(lines),
                    "change": lines["loss"],
                    "low": lines["loss low"],
                    "high": lines["loss high"],
                }
            ).round(6),
            label="without",
            value="change",
            low="low",
            high="high",
            unit=Unit.NUMBER,
            reference=0.0,
            reference_label="no change",
        ),
        Table(
            title="What is lost",
            frame=pd.DataFrame(
                {
                    "without": _names(table),
                    "loss": table["loss"].round(4),
                    "errors": table["wrong"].round(4),
                    "from": table["wrong low"].round(4),
                    "to": table["wrong high"].round(4),
                    "adjusted p": table["adjusted"].round(3),
                }
            ),
            shares=("errors", "from", "to") if shares else (),
            text=f"Beside a loss of {found[0].before[0]:.3g} and errors of "
            f"{100 * found[0].before[1]:.1f} % of the whole network."
            if shares
            else f"Beside a loss of {found[0].before[0]:.3g} of the whole network.",
        ),
    )


def harm_views(found: Mapping[str, Harm], unit: str = "share") -> tuple[View, ...]:
    """For each column of groups, the pieces whose absence parts the groups' errors most."""
    lines = []
    for column, harm in found.items():
        order = harm.frame["apart"].abs().sort_values(ascending=False, kind="stable").index
        some = harm.frame.loc[order].head(max(3, MOST_LINES // len(found)))
        lines.append(some.assign(group=f"{column} " + some["group"]))
    frame = pd.concat(lines, ignore_index=True)
    shares = unit == "share"
    return (
        Table(
            title="The largest differences between groups",
            frame=pd.DataFrame(
                {
                    "without": _names(frame),
                    "group": frame["group"],
                    "its errors": frame["change"].round(4),
                    "more than others": frame["apart"].round(4),
                    "by chance below": frame["chance"].round(4),
                    "adjusted p": frame["adjusted"].round(3),
                }
            ),
            shares=("its errors", "more than others", "by chance below") if shares else (),
        ),
    )


def patched_views(found: Patched) -> tuple[View, ...]:
    """What each piece restores, by layer where a layer has several."""
    frame = found.frame
    if frame["piece"].nunique() > 1 and frame["layer"].nunique() > 1:
        return (
            Heatmap(
                title="Share of the difference that each piece restores",
                frame=frame[["layer", "piece", "effect"]].round(3),
                x="piece",
                y="layer",
                value="effect",
                diverging=True,
            ),
        )
    named = frame.assign(name=_names(frame))
    return (
        Intervals(
            title="Share of the difference that each piece restores",
            frame=named[["name", "effect", "low", "high"]].round(3),
            label="name",
            value="effect",
            low="low",
            high="high",
            unit=Unit.NUMBER,
            reference=1.0,
            reference_label="all",
        ),
    )


def approximated_views(found: Approximated) -> tuple[View, ...]:
    """The pieces that were patched in truth, beside what was said of them to first order."""
    both = found.frame.dropna(subset=["true effect"])
    order = both["effect"].abs().sort_values(ascending=False, kind="stable").index
    lines = both.loc[order].head(MOST_PIECES)
    return (
        Table(
            title="To first order, and in truth",
            frame=pd.DataFrame(
                {
                    "piece": _names(lines),
                    "to first order": lines["effect"].round(3),
                    "in truth": lines["true effect"].round(3),
                }
            ),
            text=f"Of {found.checked} pieces patched in truth the rank correlation is "
            f"{found.correlation:.2f} and the largest difference {found.worst:.3g}.",
        ),
    )


def steered_views(found: Steered) -> tuple[View, ...]:
    """Mean answers by strength, and between which they lie along random directions."""
    names = {"random low": "random, lower", "random high": "random, upper"}
    return (
        Lines(
            title="The answer by how far the layer is moved",
            frame=found.frame[["strength", "answer", *names]].rename(columns=names).round(4),
            x="strength",
            y=("answer", *names.values()),
            text=f"The answer moves by {found.slope.value:.3g} ({found.slope.low:.3g} to "
            f"{found.slope.high:.3g}) a unit of strength; along {len(found.random)} random "
            f"directions of the same length as much or more in {100 * found.p:.0f} %.",
        ),
    )


def _names(frame: pd.DataFrame) -> pd.Series:
    whole, layer = frame["piece"] == "all", frame["layer"].str.removesuffix(":heads")
    return layer.where(whole, layer + ", " + frame["piece"])
