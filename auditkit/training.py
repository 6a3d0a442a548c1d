"""From a data set's name and a preset to a checkpoint on disk, judged on rows it never saw."""

import math
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from auditkit.arguments import pairs
from auditkit.config import built
from auditkit.data.encoders import Coding
from auditkit.data.schema import Task
from auditkit.data.tables import Table, hold_out, split
from auditkit.errors import ConfigError, UsageError, suggestion
from auditkit.loading import (
    is_file,
    judge_beside,
    judge_place,
    table_from_catalogue,
    table_from_file,
)
from auditkit.models.base import ARCHITECTURES
from auditkit.models.card import (
    Card,
    Comparison,
    CurvePoint,
    DataSource,
    LearningCurve,
    Variant,
)
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.distributed import is_first
from auditkit.models.files import ensure_savable, load, save
from auditkit.models.preparation import task_of
from auditkit.models.presets import NONE, preset_of
from auditkit.models.progress import PROGRESS, read_progress
from auditkit.models.recipe import Engine, Recipe
from auditkit.models.train import Plan, train
from auditkit.models.trainer import Diverged
from auditkit.models.work import PAUSE
from auditkit.results import Finding
from auditkit.runtime import Runtime, track
from auditkit.scores import SCORES, scores
from auditkit.subject import Subject

FRACTIONS = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
LONGER = 4  # times the epochs, at most, that a part of the rows gets to make up for its size


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What to train on: a file or a catalogue name, and for a file what its columns mean."""

    name: str
    target: str | None = None
    positive: str | None = None
    sensitive: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def table(self) -> Table:
        """The rows. Raises UsageError where more or less is said than is needed."""
        if is_file(self.name):
            return table_from_file(
                self.name, self.target, self.positive, self.sensitive, self.features
            )
        if self.target or self.positive or self.features:
            raise UsageError(f"{self.name} is in the catalogue: it has its own target and features")
        return table_from_catalogue(self.name, self.sensitive)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Plans that differ in one choice alone, by its value as text."""

    option: str
    plans: Mapping[str, Plan]


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpointed:
    """A training that ended: its card, and its scores on the test rows, by name."""

    card: Card
    scores: Mapping[str, Finding]
    test_rows: int


def plan_of(
    architecture: str,
    data: str,
    preset: str,
    given: Mapping[str, Any] = NONE,
) -> Plan:
    """The choices of a preset with others in their place: any field of network, recipe or coding.

    Raises UsageError for an architecture or a preset there is not, ConfigError for a field.
    """
    family = ARCHITECTURES[architecture]
    chosen = preset_of(architecture, data, preset)
    kinds: dict[str, type[Any]] = {
        "options": family.Options,
        "recipe": Recipe,
        "coding": Coding,
        "engine": Engine,
    }
    owner = {one.name: part for part, kind in kinds.items() for one in reversed(fields(kind))}
    owner |= {one.name: "options" for one in fields(family.Options)}
    own: dict[str, dict[str, Any]] = {part: {} for part in kinds}
    for key, value in given.items():
        name = key.replace("-", "_")
        if name not in owner:
            raise ConfigError(f"unknown --set {key!r} of {architecture}; {suggestion(name, owner)}")
        own[owner[name]][name] = value
    before = {
        "options": dict(chosen.options),
        "recipe": asdict(chosen.recipe),
        "coding": asdict(chosen.coding),
        "engine": asdict(chosen.engine),
    }
    made = {
        part: built(kind, f"--set of {architecture}", {**before[part], **own[part]})
        for part, kind in kinds.items()
    }
    return Plan(architecture=architecture, metric=chosen.metric, **made)


def compared_plans(
    architecture: str, data: str, preset: str, given: Mapping[str, Any], asked: str | None
) -> Compared | None:
    """The plans that `activation=relu,tanh` asks for, None where nothing is asked.

    Raises UsageError where it names no choice or fewer than two values, ConfigError for wrong ones.
    """
    if asked is None:
        return None
    option, _, listed = asked.partition("=")
    values = [one for one in listed.split(",") if one]
    if len(values) < 2:
        raise UsageError(
            f"--compare {asked!r} is not of the form name=value,value, such as "
            "activation=relu,sigmoid,tanh,gelu"
        )
    plans = {
        value: plan_of(architecture, data, preset, {**given, **pairs([f"{option}={value}"])})
        for value in values
    }
    return Compared(option=option, plans=plans)


def train_checkpoint(
    plan: Plan,
    data: TrainingData,
    out: Path,
    *,
    runtime: Runtime,
    resume: bool = False,
    learning_curve: bool = False,
    compared: Compared | None = None,
    judge: Path | None = None,
    pause: float = PAUSE,
) -> Checkpointed | None:
    """Train on the training part, save to `out`, judge on the test part.

    With resume it goes on where a killed training was. learning_curve and compared train again,
    on parts of the rows and with other values of a choice. Raises UsageError where `out` holds
    something else or a choice does not fit the data; Diverged, the best epoch saved, where the
    loss becomes no number.
    """
    ensure_savable(out)
    table = data.table()
    task = task_of(plan.architecture, table.schema)
    if judge is not None:
        _require_judge(judge, task, runtime)
    blind = task is Task.IMAGES and not (judge or judge_place(out, table.name))
    if blind and (learning_curve or compared is not None):
        raise UsageError(
            "a learning curve or a comparison of generators needs a judge of their images: give "
            f"--judge CHECKPOINT, such as `auditkit train cnn --data {table.name}` makes"
        )
    source = DataSource(
        name=table.name,
        sha256=table.sha256,
        catalogue=not is_file(data.name),
        test_fraction=table.test_fraction,
        split_seed=runtime.seed,
    )
    fitting, test = split(table, seed=source.split_seed, test_fraction=source.test_fraction)
    resumed = read_progress(out) if resume else None
    if resume and resumed is None:
        raise UsageError(f"nothing to resume in {out}: it has no {PROGRESS}; leave out --resume")
    if is_first() and not resume:
        (out / PROGRESS).unlink(missing_ok=True)
    judged = Judged(test=test, train=fitting, runtime=runtime, judge=judge, out=out)
    try:
        model, card = train(
            plan,
            fitting,
            source=source,
            runtime=runtime,
            folder=out,
            resumed=resumed,
            pause=pause,
        )
    except Diverged as error:
        if error.trained is not None and is_first():
            save(out, *error.trained)
            raise UsageError(f"{error}; that epoch is saved in {out}") from error
        raise
    if is_first():
        save(out, model, card)
    if learning_curve:
        card = replace(card, curve=_curve(plan, fitting, source, judged, (model, card)))
        if is_first():
            save(out, model, card)
    if compared is not None:
        card = replace(
            card, comparison=_comparison(compared, fitting, source, judged, (plan, card))
        )
        if is_first():
            save(out, model, card)
    if not is_first():
        return None
    return Checkpointed(card=card, scores=judged.scores(out), test_rows=len(test.frame))


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """How a checkpoint is judged: on which rows, by which judge if it makes images.

    The training rows tell what a majority guess is, and whether images were copied from them.
    """

    test: Table
    train: Table
    runtime: Runtime
    judge: Path | None
    out: Path

    def scores(self, folder: Path) -> dict[str, Finding]:
        """Scores of the checkpoint as it was saved, on rows it never saw."""
        checkpoint = load(folder)
        subject = Subject(
            predictor=CheckpointModel(
                checkpoint=checkpoint, runtime=self.runtime, name=folder.name
            ),
            table=self.test,
            train=self.train,
            card=checkpoint.card,
            runtime=self.runtime,
            judge=judge_beside(self.out, checkpoint.card, self.judge, self.runtime),
        )
        return scores(subject)


def _require_judge(judge: Path, task: Task, runtime: Runtime) -> None:
    """Raise UsageError or ModelError now, before the training, for what cannot be a judge."""
    if task is not Task.IMAGES:
        raise UsageError("--judge goes with a network that makes images: leave it out")
    found = CheckpointModel(checkpoint=load(judge), runtime=runtime, name=judge.absolute().name)
    found.require_judge()


def _comparison(
    compared: Compared,
    fitting: Table,
    source: DataSource,
    judged: Judged,
    own: tuple[Plan, Card],
) -> Comparison | None:
    """A training for each value of a choice, judged alike; that of the checkpoint is its own."""
    found: list[Variant] = []
    metric = ""
    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        for value, plan in track(compared.plans.items(), "comparing", len(compared.plans)):
            folder, card = judged.out, own[1]
            if plan != own[0]:
                model, card = train(plan, fitting, source=source, runtime=judged.runtime)
                folder = save(Path(scratch) / "variant", model, card)
            if not is_first():
                continue  # it trains with the others, and one process judges
            scored = judged.scores(folder)
            if not scored:
                return None
            metric, counted = _counted(plan, scored)
            low, high = counted.interval or (math.nan, math.nan)
            kept = card.training.history[card.training.best_epoch - 1]
            found.append(
                Variant(
                    value=value,
                    score=counted.value,
                    low=low,
                    high=high,
                    dead_units=kept.dead_units,
                    saturated_units=kept.saturated_units,
                    seconds=card.training.seconds,
                )
            )
    return Comparison(option=compared.option, metric=metric, variants=tuple(found))


def _curve(
    plan: Plan,
    fitting: Table,
    source: DataSource,
    judged: Judged,
    whole: tuple[Any, Card],
) -> LearningCurve | None:
    """Trainings on growing parts of the rows, the last on all of them, each judged alike."""
    points: list[CurvePoint] = []
    name = ""
    with tempfile.TemporaryDirectory(prefix="auditkit-") as scratch:
        for share in track((*FRACTIONS, 1.0), "learning curve", len(FRACTIONS) + 1):
            if share == 1.0:
                model, card = whole
            else:
                part = _part(fitting, share, judged.runtime)
                epochs = round(plan.recipe.epochs * min(1 / share, LONGER))
                recipe = replace(plan.recipe, epochs=epochs)
                model, card = train(
                    replace(plan, recipe=recipe), part, source=source, runtime=judged.runtime
                )
            folder = Path(scratch) / f"{share:g}"
            save(folder, model, card)
            if not is_first():
                continue
            found = judged.scores(folder)
            if not found:
                return None
            name, counted = _counted(plan, found)
            low, high = counted.interval or (math.nan, math.nan)
            points.append(
                CurvePoint(
                    rows=card.training.train_rows,
                    score=counted.value,
                    low=low,
                    high=high,
                    seconds=card.training.seconds,
                )
            )
    if not points:
        return None
    kind = SCORES[name]
    return LearningCurve(metric=name, higher=kind.higher, ideal=kind.ideal, points=tuple(points))


def _counted(plan: Plan, found: Mapping[str, Finding]) -> tuple[str, Finding]:
    """The score that counts, and its name: the preset's, or the first there is."""
    name = plan.metric if plan.metric in found else next(iter(found))
    return name, found[name]


def _part(fitting: Table, share: float, runtime: Runtime) -> Table:
    """A share of the training rows, of whole persons and documents where these stay together.

    Smaller shares lie within larger ones' kind, not within them: each is drawn by itself.
    """
    _, chosen = hold_out(
        fitting.frame, fitting.schema, share, runtime.rng(f"curve {share:g}"), fitting.apart
    )
    return replace(fitting, frame=fitting.frame.iloc[chosen].reset_index(drop=True))
