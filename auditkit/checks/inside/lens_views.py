"""What a network would write after each layer, and what its heads find again, as pictures."""

import pandas as pd

from auditkit.probing.lens.answers import Lens
from auditkit.probing.lens.attention_heads import LOOKS, Repetition
from auditkit.probing.lens.grids import LensGrid
from auditkit.probing.lens.tuned import TunedLens
from auditkit.results import Lines, Table, TokenScores, Unit, View

NAMES = {"logit": "logit lens", "tuned": "tuned lens"}
SHOWN_PLACES = 10  # of an example


def lens_views(found: Lens | TunedLens) -> tuple[View, ...]:
    """How much of the answer is settled after each layer, and what the next token costs there."""
    lenses = (found.plain, found.tuned) if isinstance(found, TunedLens) else (found,)
    first = lenses[0]
    each = {
        quantity: pd.DataFrame(
            {
                "layers passed": range(len(first.layers)),
                **{
                    NAMES[lens.kind]: [getattr(one, quantity).value for one in lens.layers]
                    for lens in lenses
                },
                control: chance,
            }
        ).round(4)
        for quantity, control, chance in (
            ("settled", "always the commonest", first.guess),
            ("bits", "by frequency alone", first.spread),
        )
    }
    names = tuple(NAMES[lens.kind] for lens in lenses)
    return (
        Lines(
            title="Answers that are settled after each layer",
            frame=each["settled"],
            x="layers passed",
            y=(*names, "always the commonest"),
            unit=Unit.SHARE,
            text="The share of tokens whose first choice is the last layer's from here on.",
        ),
        Lines(
            title="What the next token costs after each layer",
            frame=each["bits"],
            x="layers passed",
            y=(*names, "by frequency alone"),
            text="Bits per token; fewer is better.",
        ),
    )


def grid_views(found: LensGrid) -> tuple[View, ...]:
    """What each layer would write at each place of one text, the surer the darker."""
    frame = found.frame[found.frame["position"] < SHOWN_PLACES]
    places = frame["place"]
    text = frame[places == 0].assign(token=lambda rows: rows["follows"], probability=0.0)
    shown = pd.concat([frame, text], ignore_index=True)
    last = int(places.max())
    names = ["before any", *(f"after {i} of {last}" for i in range(1, last + 1)), "the text"]
    where = [*places, *[last + 1] * len(text)]
    return (
        TokenScores(
            title="One text as each layer would go on with it, place by place",
            frame=pd.DataFrame(
                {
                    "layer": [names[i] for i in where],
                    "token": [f" {one.strip() or '␣'} " for one in shown["token"]],
                    "probability": shown["probability"].round(3),
                }
            ),
            item="layer",
            token="token",
            score="probability",
            shared=True,
            text="Each line holds the first choices for the same places; the last line is what "
            "stands in the text.",
        ),
    )


def repetition_views(found: Repetition, most: int = 5) -> tuple[View, ...]:
    """The heads that look most at what stood there before, and all of them as a map."""
    frame = found.frame[found.frame["score"].isin(LOOKS)]
    names = frame["layer"].str.split(".").str[-2] + ", head " + frame["head"].astype(str)
    wide = frame.assign(where=frame["layer"] + " " + names).pivot(
        index=["layer", "head"], columns="score", values="value"
    )
    best = wide[["duplicate", "induction", "further"]].max(axis=1).nlargest(most).index
    table = wide.loc[best, list(LOOKS)].reset_index()
    return (
        Table(
            title="Heads that look at what stood there before",
            frame=table.rename(
                columns={
                    "previous": "token before",
                    "duplicate": "same token",
                    "induction": "what followed it",
                    "further": "one further",
                }
            ).round(3),
            shares=("token before", "same token", "what followed it", "one further"),
            text=f"Random tokens, and the same again. Looking at all alike gives "
            f"{100 * found.chance:.1f} % of each.",
        ),
    )
