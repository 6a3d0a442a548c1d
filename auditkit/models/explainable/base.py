"""A model and rows as an explanation needs them: what is asked, by which players, against what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from auditkit.attribution.answering import by_row
from auditkit.attribution.base import question_of
from auditkit.attribution.baselines import Baseline, Given
from auditkit.attribution.players import Players
from auditkit.attribution.question import Question, at_rest
from auditkit.data.schema import Schema, Task
from auditkit.errors import NotApplicable, UsageError, suggestion
from auditkit.ranges import ranged, require_ranges
from auditkit.runtime import Runtime

Wanted = str | int | Sequence[str | int] | None


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """How finely rows are cut into players, and how many training rows serve as a baseline.

    cells bounds the patches of an image, spans those of time in a sequence. superpixels cuts
    along the edges that an image has, not along a grid. channels makes a sequence's players its
    channels, not its time. context bounds the tokens before the one that a language model is
    asked about.
    """

    cells: int = ranged(49, 1, 4_096)
    spans: int = ranged(16, 1, 4_096)
    samples: int = ranged(16, 1, 4_096)
    context: int = ranged(32, 1, 4_096)
    superpixels: bool = False
    channels: bool = False

    def __post_init__(self) -> None:
        require_ranges(self, "how rows are cut")


@dataclass(frozen=True, kw_only=True, eq=False)
class Explainable:
    """B explained rows of a model.

    inputs and targets are as `question_of` takes them. asks says in words which number is
    explained of each row; cells the value of each of its players. The first baseline is the
    default. medium is "table", "image", "text", "sequence" or "latent"; unit is the word for one
    player. rows (B,) are the places in the frame: where a text is written, each of its tokens is
    explained, and a place occurs several times.
    """

    module: nn.Module
    inputs: tuple[Tensor, ...]
    targets: Tensor | None
    asks: tuple[str, ...]
    players: Players
    baselines: Mapping[str, Baseline]
    cells: tuple[tuple[str, ...], ...]
    medium: str
    unit: str
    rows: tuple[int, ...]
    runtime: Runtime

    def question(self, baseline: Given = None) -> Question:
        """The question, against the default baseline or another. Ask with the module `at_rest`."""
        return question_of(
            self.module,
            self.inputs,
            self.targets,
            baselines=baseline,
            known=self.baselines,
            players=self.players,
            runtime=self.runtime,
        )

    def at(self, rows: Sequence[int]) -> "Explainable":
        """The same of some of its rows, by their places among the B."""
        here = torch.as_tensor(rows, dtype=torch.int64)
        moved = here.to(self.inputs[0].device)
        return replace(
            self,
            inputs=tuple(one[moved] for one in self.inputs),
            targets=None if self.targets is None else self.targets[moved],
            asks=tuple(self.asks[i] for i in rows),
            players=self.players.at(here),
            baselines={name: one.at(here) for name, one in self.baselines.items()},
            cells=tuple(self.cells[i] for i in rows),
            rows=tuple(self.rows[i] for i in rows),
        )


@torch.no_grad()
def answered(module: nn.Module, inputs: tuple[Tensor, ...], size: int) -> Tensor:
    """What a module at rest answers to rows, `size` at a time."""
    with at_rest(module):
        # Copies, since some models write in what they are given.
        given = (
            tuple(one[start : start + size].clone() for one in inputs)
            for start in range(0, len(inputs[0]), size)
        )
        return torch.cat([by_row(module(*part), len(part[0])) for part in given])


def asked_of(
    schema: Schema, task: Task, wanted: Wanted, answers: Tensor
) -> tuple[Tensor | None, tuple[str, ...]]:
    """Which number of answers (B,) or (B, K) is explained, (B, 1) or None, and that in words.

    By default the positive outcome, the class that the model chose, or the number. Raises
    UsageError for a class that does not exist.
    """
    name, rows = schema.target.name, len(answers)
    match task:
        case Task.DECISION:
            _require_positive(schema, wanted)
            return None, (f"log-odds of {name} {schema.positive}",) * rows
        case Task.CLASSES:
            chosen = classes_of(schema.target.levels, wanted, answers)
            words = tuple(f"logit of {schema.target.levels[int(one)]}" for one in chosen)
            return chosen[:, None], words
        case Task.NUMBER:
            if wanted is not None:
                raise UsageError(f"no class {wanted!r}: the model gives a number, {name}")
            return None, (name,) * rows
        case _:
            raise NotApplicable("the model gives no answer of one number a row")


def classes_of(levels: Sequence[str], wanted: Wanted, answers: Tensor) -> Tensor:
    """The place of each row's class (B,): those named, or by default the largest answer."""
    if wanted is None:
        return answers.argmax(dim=1)
    if isinstance(wanted, str | int):
        wanted = [wanted] * len(answers)
    if len(wanted) != len(answers):
        raise UsageError(f"{len(wanted)} classes for {len(answers)} rows: name one, or one a row")
    places = [_place(levels, one) for one in wanted]
    return torch.tensor(places, dtype=torch.int64, device=answers.device)


def _place(levels: Sequence[str], wanted: str | int) -> int:
    if isinstance(wanted, str):
        if wanted not in levels:
            raise UsageError(f"no class {wanted!r}; {suggestion(wanted, levels)}")
        return list(levels).index(wanted)
    if not 0 <= wanted < len(levels):
        raise UsageError(
            f"no class {wanted}: the model knows {len(levels)}, 0 to {len(levels) - 1}"
        )
    return wanted


def _require_positive(schema: Schema, wanted: Wanted) -> None:
    if wanted is None or wanted == schema.positive:
        return
    if wanted in schema.target.levels:
        raise UsageError(
            f"the model gives one number, the log-odds of {schema.positive!r}: for {wanted!r} turn "
            "its sign"
        )
    raise UsageError(
        f"no outcome {wanted!r}; {suggestion(str(wanted), schema.target.levels)}; the model gives "
        f"the log-odds of {schema.positive!r}"
    )
