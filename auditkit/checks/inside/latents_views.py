"""What a generator's latent space and channels control, as pictures."""

import pandas as pd

from auditkit.probing.latents.channels import Channels
from auditkit.probing.latents.directions import Directions
from auditkit.results import Heatmap, Lines, Table, View

CURVES = 6  # attributes whose curve is drawn
MAPPED = 12  # attributes in the map


def directions_views(found: Directions) -> tuple[View, ...]:
    """A map of what moves along with what, and how the best read attributes rise."""
    order = sorted(found.directions, key=lambda one: -one.read.value)
    shown = [one.attribute for one in order[:CURVES]]
    mapped = [one.attribute for one in order[:MAPPED]]
    map_of = found.entanglement.loc[mapped, mapped].round(1)
    long = map_of.rename_axis("moved along").reset_index()
    curves = found.curves.pivot(index="dose", columns="attribute", values="change")
    return (
        Heatmap(
            title="What else moves along each direction",
            frame=long.melt("moved along", var_name="attribute", value_name="rise"),
            x="attribute",
            y="moved along",
            value="rise",
            diverging=True,
            text="The rise of each attribute, in its standard deviations, from -2 to +2 along the "
            f"direction of the attribute on the left; the {len(mapped)} that are read best.",
        ),
        Lines(
            title="The attributes that are read best, along their own directions",
            frame=curves[shown].round(3).reset_index().rename_axis(None, axis=1),
            x="dose",
            y=tuple(shown),
            text="Mean change in standard deviations of the attribute, on fresh latent vectors. A "
            "random direction changes them by at most "
            f"{max(one.random for one in found.directions):.1f} from end to end.",
        ),
        directions_table(found),
    )


def directions_table(found: Directions) -> Table:
    """How well each attribute is read, and what its direction does."""
    frame = found.frame
    return Table(
        title="A direction for each attribute",
        frame=pd.DataFrame(
            {
                "attribute": frame["attribute"],
                "read": frame["read"].round(2),
                "from": frame["read low"].round(2),
                "to": frame["read high"].round(2),
                "shuffled": frame["shuffled"].round(2),
                "rise": frame["effect"].round(2),
                "at random, at most": frame["random"].round(2),
            }
        ),
        text="Read: the share of the differences that a line through the latent space tells of "
        "images it was not fitted on (R squared); shuffled, the same once attributes are dealt out "
        "among the images.",
    )


def channels_views(found: Channels, most: int = 6) -> tuple[View, ...]:
    """The channels that move an attribute most surely."""
    frame = found.frame.sort_values("p_value", kind="stable").head(most)
    return (
        Table(
            title="Channels that move an attribute by themselves",
            frame=pd.DataFrame(
                {
                    "attribute": frame["attribute"],
                    "channel": frame["layer"] + ", " + frame["channel"].astype(str),
                    "rise": frame["pushed"].round(2),
                    "from": frame["pushed low"].round(2),
                    "to": frame["pushed high"].round(2),
                    "mixtures": frame["random"].round(2),
                    "adjusted p": frame["p_value"].round(3),
                    "taken out": frame["ablated"].round(2),
                }
            ),
            text="The rise from two standard deviations of a channel below to two above, on fresh "
            "latent vectors; mixtures, what as large a push of others mixed at random does; taken "
            "out, the change once it gives 0. Channels count from 0.",
        ),
    )
