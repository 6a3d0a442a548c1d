"""Shares of classes of made images, and what becomes of a class that a generator is told."""

from auditkit.bias.amplification.generated import GeneratedAmplification
from auditkit.results import Intervals, Section, Table, Unit
from auditkit.statistics.quantification import CorrectedShares, ToldAndSeen

TEXT = (
    "{judge} says of each made image which class it sees. How it errs was counted on real images "
    "of known classes and taken back, which supposes that it errs on made images of a class as on "
    "real ones; an image that is only half one can mislead it more. The training images are "
    "counted as they are."
)
TOLD = (
    "The generator is told which class to make, and classes were dealt evenly: how often each is "
    "made is then a choice and says nothing of the generator. Asked is whether {judge} sees what "
    "was told, beside how often it is right of real images."
)


def changes_section(found: GeneratedAmplification, shares: CorrectedShares, judge: str) -> Section:
    """Each class's change from training to made images, and the shares behind it."""
    frame = found.classes
    table = frame[["class", "trained"]].assign(seen=shares.seen, corrected=frame["made"])
    table.columns = ["class", "training images", "made, as seen", "made, corrected"]
    return Section(
        title="Classes of made images beside the training images",
        text=TEXT.format(judge=judge),
        views=(
            Intervals(
                title="What each class gains or loses",
                frame=frame[["class", "change", "low", "high"]],
                label="class",
                value="change",
                low="low",
                high="high",
                unit=Unit.POINTS,
                reference=0.0,
                reference_label="as in the data",
                text="Share of the made images less that of the training images; the intervals "
                "hold for all classes at once.",
            ),
            Table(
                title="Shares of classes",
                frame=table,
                shares=tuple(table.columns[1:]),
                text="As the judge sees them, and once its errors are taken back.",
            ),
        ),
    )


def told_section(found: ToldAndSeen, judge: str) -> Section:
    """What is seen of each class that was told."""
    frame = found.classes
    table = frame[["class", "made", "seen", "real", "instead"]]
    return Section(
        title="The class that is told and the class that is seen",
        text=TOLD.format(judge=judge),
        views=(
            Intervals(
                title="How much less often made images are seen as told than real ones as they are",
                frame=frame[["class", "difference", "low", "high"]],
                label="class",
                value="difference",
                low="low",
                high="high",
                unit=Unit.POINTS,
                reference=0.0,
                reference_label="as real images",
                text="The intervals hold for all classes at once.",
            ),
            Table(
                title="Told and seen",
                frame=table.set_axis(
                    ["class", "images made", "seen as told", "real ones", "else mostly"], axis=1
                ),
                shares=("seen as told", "real ones"),
            ),
        ),
    )
