"""One text as each layer would go on with it, place by place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from auditkit.attribution.question import at_rest
from auditkit.probing.lens.answers import Translate, streams_of
from auditkit.probing.lens.exits import Exits, exits_of
from auditkit.probing.lens.passages import Passages
from auditkit.probing.telling import in_short


@dataclass(frozen=True, kw_only=True, eq=False)
class LensGrid:
    """A line of frame for each layer and place of a text: place of the layer, its name, position.

    token is the layer's first choice as it is spelled, probability what the layer gives it, final
    whether it is the last layer's choice too, follows what stands in the text.
    """

    __repr__ = in_short

    frame: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """The first choices: a line a layer, a column a position."""
        return self.frame.pivot(index="layer", columns="position", values="token").loc[
            list(dict.fromkeys(self.frame["layer"]))
        ]


def lens_grid(
    model: nn.Module,
    passages: Passages,
    row: int = 0,
    *,
    spell: Callable[[int], str] = str,
    translators: Mapping[str, Translate] | None = None,
    exits: Exits | None = None,
) -> LensGrid:
    """What each layer would write next at each place of one passage, and how sure it would be.

    spell turns a token into letters. With translators of a tuned lens, layers are translated.
    """
    found = exits or exits_of(model)
    one = passages.at(np.array([row]))
    places = np.flatnonzero((one.following[0] >= 0).cpu().numpy())
    lines = []
    with at_rest(model), torch.no_grad():
        streams, output = streams_of(model, found, one, next(model.parameters()).device)
        final = output[0].argmax(dim=-1).cpu().numpy()
        for place, name in enumerate(found.layers):
            translate = (translators or {}).get(name)
            stream = translate(streams[name]) if translate else streams[name]
            sure, choice = found.logits(stream)[0].float().softmax(dim=-1).max(dim=-1)
            lines += [
                (
                    place,
                    name,
                    int(at),
                    spell(int(choice[at])),
                    float(sure[at]),
                    bool(choice[at] == final[at]),
                    spell(int(one.following[0, at])),
                )
                for at in places
            ]
    columns = ["place", "layer", "position", "token", "probability", "final", "follows"]
    return LensGrid(frame=pd.DataFrame(lines, columns=columns))
