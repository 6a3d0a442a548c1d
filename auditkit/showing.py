"""What the probing room found, as pictures: `auditkit.show` in a notebook.

>>> import auditkit
>>> from auditkit import probing
>>> shown = auditkit.show(probing.sweep(activations, labels))
>>> shown                # draws itself in a notebook, without a script
>>> shown.figure         # the same as a plotly Figure
>>> shown.frame          # the numbers

The room itself draws nothing: a row of DRAWN names the function that turns a result into views.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from auditkit.errors import UsageError
from auditkit.results import Section, Table, View

VIEWS = "auditkit.checks.inside"
ROOM = "auditkit.probing"
MOST_ROWS = 200  # of a frame that is drawn as a table
SAID = {"sentence": "in short", "verdict": "verdict", "limits": "limits", "note": "note"}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a result is called, and who turns it into views: `module:function` of checks.inside.

    by is what that function is called with; by default the result itself.
    """

    title: str
    views: str
    by: Callable[[Any], Any] = lambda result: result

    def of(self, result: Any) -> tuple[View, ...]:
        """The views of a result."""
        module, function = self.views.split(":")
        found: tuple[View, ...] = getattr(import_module(f"{VIEWS}.{module}"), function)(
            self.by(result)
        )
        return found


# By the name of the type, so that nothing is imported before it is shown.
DRAWN: Mapping[str, Drawn] = {
    f"{ROOM}.probes.sweep.Sweep": Drawn(
        title="What is read from each layer", views="sweep_views:sweep_views"
    ),
    f"{ROOM}.probes.reading.Reading": Drawn(
        title="What a probe reads",
        views="readings_views:readings_views",
        by=lambda one: {one.labels.name: one},
    ),
    f"{ROOM}.usage.results.Usage": Drawn(title="Encoded or used", views="usage_views:usage_views"),
    f"{ROOM}.concepts.sensitivity.TCAV": Drawn(
        title="Whether answers follow concepts", views="concepts_views:tcav_views"
    ),
    f"{ROOM}.causes.ablation.Ablated": Drawn(
        title="What is lost without a part", views="causes_views:ablated_views"
    ),
    f"{ROOM}.causes.harm.Harm": Drawn(
        title="Whom the loss of a part hurts",
        views="causes_views:harm_views",
        by=lambda one: {"group": one},
    ),
    f"{ROOM}.causes.patching.Patched": Drawn(
        title="What patching restores", views="causes_views:patched_views"
    ),
    f"{ROOM}.causes.approximation.Approximated": Drawn(
        title="Patching, to first order", views="causes_views:approximated_views"
    ),
    f"{ROOM}.causes.steering.Steered": Drawn(
        title="Moving a layer along a direction", views="causes_views:steered_views"
    ),
    f"{ROOM}.similarity.alignment.Comparison": Drawn(
        title="How alike layers are", views="similarity_views:comparison_views"
    ),
    f"{ROOM}.similarity.measured.Similarity": Drawn(
        title="How alike two layers are", views="similarity_views:measured_views"
    ),
    f"{ROOM}.similarity.canonical.Canonical": Drawn(
        title="Directions that two layers share", views="similarity_views:canonical_views"
    ),
    f"{ROOM}.dimension.Geometry": Drawn(
        title="The shape of what layers hold", views="similarity_views:geometry_views"
    ),
    f"{ROOM}.units.doubles.Doubles": Drawn(title="Doubled units", views="units_views:pairs_views"),
    f"{ROOM}.units.selective.UnitSelectivity": Drawn(
        title="What single units tell apart", views="units_views:selectivity_views"
    ),
    f"{ROOM}.units.excitation.Exciting": Drawn(
        title="What excites units most", views="units_views:exciting_views"
    ),
    f"{ROOM}.units.gradients.GradientFlow": Drawn(
        title="What reaches each layer in training", views="units_views:flow_views"
    ),
    f"{ROOM}.lens.answers.Lens": Drawn(
        title="When answers are settled", views="lens_views:lens_views"
    ),
    f"{ROOM}.lens.tuned.TunedLens": Drawn(
        title="When answers are settled", views="lens_views:lens_views"
    ),
    f"{ROOM}.lens.grids.LensGrid": Drawn(
        title="One text, layer by layer", views="lens_views:grid_views"
    ),
    f"{ROOM}.lens.attention_heads.Repetition": Drawn(
        title="Heads that look back", views="lens_views:repetition_views"
    ),
    f"{ROOM}.latents.directions.Directions": Drawn(
        title="Directions of a latent space", views="latents_views:directions_views"
    ),
    f"{ROOM}.latents.channels.Channels": Drawn(
        title="What channels of a generator control", views="latents_views:channels_views"
    ),
}
# The same of mappings from names of layers to these.
MAPPED: Mapping[str, Drawn] = {
    f"{ROOM}.probes.reading.Reading": Drawn(
        title="What probes read", views="readings_views:readings_views"
    ),
    f"{ROOM}.units.census.UnitCount": Drawn(
        title="Dead and saturated units", views="units_views:census_views"
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """Results with their pictures. It draws itself in a notebook, and needs no script for it."""

    title: str
    facts: Mapping[str, str]
    views: tuple[View, ...]
    frame: pd.DataFrame

    @property
    def figures(self) -> tuple[Any, ...]:
        """A plotly Figure of each picture; tables have none."""
        from auditkit.report.plots import plot

        return tuple(plot(one) for one in self.views if not isinstance(one, Table))

    @cached_property
    def figure(self) -> Any:
        """A plotly Figure of the first picture. Raises UsageError where there are only tables."""
        from auditkit.report.plots import plot

        drawn = [one for one in self.views if not isinstance(one, Table)]
        if not drawn:
            raise UsageError(f"{self.title}: a table and no picture; look at its frame")
        return plot(drawn[0])

    def page(self) -> str:
        """The pictures as a file of HTML that opens offline and runs nothing."""
        from auditkit.report.fragments import document

        return document(self.title, list(self.facts.items()), self.views)

    def save(self, path: str | Path) -> Path:
        """Write the page to a file."""
        path = Path(path)
        try:
            path.write_text(self.page(), encoding="utf-8")
        except OSError as error:
            seen = (error.strerror or str(error)).lower()
            raise UsageError(f"cannot write {str(path)!r}: {seen}") from error
        return path

    def _repr_html_(self) -> str:
        from auditkit.report.fragments import fragment

        return fragment(self.title, list(self.facts.items()), self.views)

    def __repr__(self) -> str:
        drawn = sum(not isinstance(one, Table) for one in self.views)
        pictures = "1 picture" if drawn == 1 else f"{drawn} pictures"
        return (
            f"<{self.title}: {pictures}, {len(self.frame)} rows; see .frame, .figure, .save(path)>"
        )


def show(result: Any) -> Shown:
    """A result of the probing room, several of them, a frame or a view of a report, to be seen.

    Raises UsageError for anything else, with the list of what can be shown.
    """
    if isinstance(result, str | bytes | Mapping) or not isinstance(result, Sequence):
        return _one(result)
    if not result:
        raise UsageError(f"nothing to show; {_known()}")
    each = [_one(one) for one in result]
    if len(each) == 1:
        return each[0]
    titles = dict.fromkeys(one.title for one in each)
    return Shown(
        title="; ".join(titles),
        facts={},
        views=tuple(view for one in each for view in one.views),
        frame=pd.concat([one.frame for one in each], ignore_index=True),
    )


def _one(result: Any) -> Shown:
    if isinstance(result, Shown):
        return result
    if isinstance(result, get_args(View)):
        return Shown(title=result.title, facts={}, views=(result,), frame=result.frame)
    if isinstance(result, Section):
        frames = [one.frame for one in result.views] or [pd.DataFrame()]
        facts = {"": result.text} if result.text else {}
        return Shown(title=result.title, facts=facts, views=result.views, frame=frames[0])
    if isinstance(result, pd.DataFrame):
        return Shown(title="A frame", facts={}, views=(_table(result),), frame=result)
    if (row := _row(DRAWN, result)) is not None:
        views = row.of(result) or (_table(result.frame),)
        facts = {name: text for name, text in _facts(result).items() if not _says(views, text)}
        return Shown(title=row.title, facts=facts, views=views, frame=result.frame)
    frame = getattr(result, "frame", None)
    if type(result).__module__.startswith(f"{ROOM}.") and isinstance(frame, pd.DataFrame):
        title, facts = type(result).__name__, _facts(result)
        return Shown(title=title, facts=facts, views=(_table(frame),), frame=frame)
    rows = {_row(MAPPED, one) for one in result.values()} if isinstance(result, Mapping) else set()
    if len(rows) == 1 and (row := rows.pop()) is not None:
        together = _together(result)
        views = row.of(result) or (_table(together),)
        return Shown(title=row.title, facts={}, views=views, frame=together)
    raise UsageError(f"{type(result).__name__} cannot be shown; {_known()}")


def _row(table: Mapping[str, Drawn], result: Any) -> Drawn | None:
    names = [f"{one.__module__}.{one.__qualname__}" for one in type(result).__mro__]
    return next((table[name] for name in names if name in table), None)


def _together(results: Mapping[str, Any]) -> pd.DataFrame:
    """The frames of results by layer, below each other."""
    frames = [
        one.frame if hasattr(one, "frame") else pd.DataFrame([asdict(one)])
        for one in results.values()
    ]
    rows = [name for name, one in zip(results, frames, strict=True) for _ in range(len(one))]
    found: pd.DataFrame = pd.concat(frames, ignore_index=True)
    found.insert(0, "layer", rows)
    return found


def _facts(result: Any) -> dict[str, str]:
    """What a result says of itself in words; a sentence holds its verdict."""
    said = {name: getattr(result, name, None) for name in SAID}
    if isinstance(said["sentence"], str) and said["sentence"]:
        said["verdict"] = None
    return {SAID[name]: text for name, text in said.items() if isinstance(text, str) and text}


def _says(views: Sequence[View], text: str) -> bool:
    return any(text in one.text for one in views)


def _table(frame: pd.DataFrame) -> Table:
    text = f"The first {MOST_ROWS} of {len(frame):,} rows." if len(frame) > MOST_ROWS else ""
    own = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    return Table(title="The numbers", frame=own.head(MOST_ROWS), text=text)


def _known() -> str:
    names = sorted(name.rsplit(".", 1)[1] for name in DRAWN)
    return (
        f"what can be shown: {', '.join(names)}, any other result of auditkit.probing that has a "
        "frame, frames and views, and lists of these"
    )
