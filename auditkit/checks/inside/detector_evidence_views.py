"""How the evidence of a detector's bands and regions is drawn."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from auditkit.checks.inside.explanation_views import short
from auditkit.detected import Detected
from auditkit.detection.corpus import GENERATOR, IMAGE, NOBODY, SOURCE
from auditkit.detection.explaining import (
    Contrast,
    Deletion,
    Evidence,
    contrasts,
    grounds,
    pictured,
    strongest,
)
from auditkit.detection.members.table import MEMBERS
from auditkit.detection.swapping import MIDDLES, Exchange
from auditkit.results import Heatmap, ImageScores, Lines, Table, Unit, View

REAL_IMAGES = "real images"
MOST_LINES = 6


def band_views(told: Sequence[Contrast], found: Evidence, given: Exchange) -> tuple[View, ...]:
    """Curves over frequencies, the surest band of each generator, members by bands."""
    return (_curves(told), _surest(told), _members(found, given))


def _curves(told: Sequence[Contrast]) -> Lines:
    """Evidence by band, a line for each generator and one for real images."""
    names = list(dict.fromkeys(one.generator for one in told))
    most = [name for name in strongest(told) if name in names][:MOST_LINES]
    left = len(names) - len(most)
    by = {name: [one.fakes.value for one in told if one.generator == name] for name in most}
    by[REAL_IMAGES] = [one.reals.value for one in told if one.generator == names[0]]
    frame = pd.DataFrame({"cycles a pixel": MIDDLES, **by})
    return Lines(
        title="Evidence by frequency",
        frame=frame,
        x="cycles a pixel",
        y=tuple(by),
        text="The score's fall and rise, in log odds of a fake; the last band, "
        "above 0.5, is that of diagonal detail."
        + (f" {left} more generators stand in the table." if left > 0 else ""),
    )


def _surest(told: Sequence[Contrast]) -> Table:
    lines = [
        {
            "generator": one.generator,
            "surest band, cycles a pixel": one.part,
            "evidence in fakes": one.fakes.value,
            "in real images": one.reals.value,
            "difference": one.gap.value,
            "from": one.gap.low,
            "to": one.gap.high,
            "fakes": one.fakes.n,
        }
        for one in strongest(told).values()
    ]
    return Table(
        title="The surest band of each generator",
        frame=pd.DataFrame(lines),
        text="Intervals hold for all bands and generators together, over originals.",
    )


def _members(found: Evidence, given: Exchange) -> Heatmap:
    """What each member reads in the bands, of all fakes beyond real images."""
    fakes = given.rows.assign(
        **{GENERATOR: np.where(given.rows[GENERATOR] == NOBODY, NOBODY, "all")}
    )
    lines = [
        (one.part, row.title, one.gap.value)
        for place, row in enumerate(MEMBERS.values())
        for one in contrasts(found, fakes, column=1 + place)
    ]
    return Heatmap(
        title="Which member reads which band",
        frame=pd.DataFrame(lines, columns=["band", "member", "evidence"]),
        x="band",
        y="member",
        value="evidence",
        unit=Unit.NUMBER,
        diverging=True,
        text="Of all fakes together, beyond real images, in standard deviations of each member on "
        "real images. The pixels themselves are a control and have no vote.",
    )


def deletion_view(held: Deletion, parts: str) -> Lines:
    """The score as parts are replaced, by three orders."""
    return Lines(
        title=f"The score as {parts} are replaced, one after another",
        frame=held.curves,
        x="share",
        y=("weightiest first", "random order", "lightest first"),
        text="Mean score of images called fake, in log odds of a fake, by the "
        "share of parts that are a real image's. Where an explanation holds, the score falls "
        "soonest with its weightiest parts first, and latest with its lightest.",
    )


def most_told(given: Exchange, most: int) -> list[int]:
    """Places of at most so many images: of every generator in turn."""
    turn = given.rows.groupby(GENERATOR).cumcount().to_numpy()
    return [int(one) for one in np.argsort(turn, kind="stable")[:most]]


def map_view(
    given: Exchange, found: Evidence, places: Sequence[int], seen: Detected
) -> ImageScores:
    """Squares under the evidence of their regions, and what was answered."""
    frames = []
    answers = seen.answers.set_axis(seen.rows.index)
    for number, place in enumerate(places, 1):
        row = given.rows.iloc[place]
        answer = answers.loc[given.rows.index[place]]
        grey, scores = pictured(given, found, place)
        down, across = (one.ravel() for one in np.indices(grey.shape))
        said = grounds(answer, seen.detector.calibration.of(row[IMAGE].shape[1:]))
        note = f"{_name(row)}. Answer: fake. {said}."
        frames.append(
            pd.DataFrame(
                {
                    "item": f"image {number}",
                    "row": down,
                    "column": across,
                    "grey": (255 * grey).round().astype(int).ravel(),
                    "score": short(scores),
                    "note": [
                        note,
                        *[""] * (grey.size - 1),
                    ],  # the first one is read; pages stay small
                }
            )
        )
    return ImageScores(
        title="Images called fake, by what each region adds",
        frame=pd.concat(frames, ignore_index=True),
        item="item",
        row="row",
        column="column",
        score="score",
        note="note",
        text="The most suspicious square of each, in grey, as the detector sees it.",
    )


def _name(row: pd.Series) -> str:
    if row[GENERATOR] == NOBODY:
        return f"A real image of {row[SOURCE]}, called fake wrongly"
    return f"Made by {row[GENERATOR]}, of {row[SOURCE]}"
