"""One training, from a table's rows to a network and its card."""

import json
import logging
import math
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from auditkit.data.encoders import Coding, encoder_from_dict, encoder_to_dict
from auditkit.data.tables import Table
from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.base import ARCHITECTURES, parameters
from auditkit.models.card import Card, DataSource, Training
from auditkit.models.distributed import local_device, world
from auditkit.models.preparation import Prepared, prepare
from auditkit.models.progress import AGAIN, Progress, require_same
from auditkit.models.recipe import Engine, Recipe
from auditkit.models.trainer import Diverged, Fitted, Trainer
from auditkit.models.work import PAUSE, Work
from auditkit.runtime import Runtime
from auditkit.versions import versions

Trained = tuple[nn.Module, Card]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that is chosen for a training but its rows; metric names the score that counts.

    Without a metric it is the first of the task's scores.
    """

    architecture: str
    options: Any
    recipe: Recipe
    coding: Coding
    engine: Engine
    metric: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the choices that must be the same to resume a training."""
        return {
            "architecture": self.architecture,
            **{f"--set {name}": value for name, value in asdict(self.options).items()},
            **{
                name: value
                for name, value in asdict(self.recipe).items()
                # A training begun before there were snapshots goes on: it keeps none.
                if name != "snapshots" or value
            },
            **asdict(self.coding),
        }


def train(
    plan: Plan,
    table: Table,
    *,
    source: DataSource,
    runtime: Runtime,
    folder: Path | None = None,
    resumed: Progress | None = None,
    pause: float = PAUSE,
) -> Trained:
    """A trained network in eval mode on the CPU, and its card, from training rows alone.

    Progress is kept in `folder`, every `pause` seconds at an epoch's end; with `resumed` the
    training goes on from there. The same table, plan, seed and machine give the same network.
    Raises UsageError for what does not fit together, DataError for rows that cannot be read,
    Diverged (with the `trained` network and card of the best epoch, if any) for a loss that is
    no number.
    """
    device = local_device(runtime.resolved_device())
    choices = {
        **plan.to_dict(),
        "data": source.sha256,
        "columns": json.loads(json.dumps(table.schema.to_dict())),
        "seed": runtime.seed,
        "rows": len(table.frame),
    }
    if resumed is not None:
        require_same(resumed.facts.get("choices", {}), choices)
    ready = prepare(
        plan.architecture,
        table,
        recipe=plan.recipe,
        coding=plan.coding,
        engine=plan.engine,
        runtime=runtime,
        device=device,
        options=plan.options,
        encoder=_encoder_of(resumed),
    )
    at = world(device)
    with energy_of(plan.engine) as energy:
        with runtime.seeded("train"):
            model = ARCHITECTURES[plan.architecture].build(ready.encoder, ready.head, plan.options)
        last = plan.engine.channels_last  # a network of images is built so, for whoever asks it
        layout = torch.channels_last if last else torch.contiguous_format
        model = model.to(device).to(memory_format=layout)  # type: ignore[call-overload]
        work = Work(
            fitting=ready.fitting,
            validation=ready.validation,
            phases=ready.phases,
            recipe=plan.recipe,
            engine=plan.engine,
            runtime=runtime,
            device=device,
            at=at,
            folder=folder,
            choices=choices,
            kept={"encoder": encoder_to_dict(ready.encoder)},
            pause=pause,
        )
        try:
            fitted = _fitted(model, work, resumed)
        except Diverged as error:
            if error.fitted is not None:
                card = _card(plan, ready, work, error.fitted, table, source, model, energy)
                error.trained = (model.cpu().eval(), card)
            raise
    card = _card(plan, ready, work, fitted, table, source, model, energy)
    return model.cpu().eval(), card


def _fitted(model: nn.Module, work: Work, resumed: Progress | None) -> Fitted:
    try:
        return Trainer(model, work).fit(resumed)
    except (LookupError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        if resumed is None or isinstance(error, torch.OutOfMemoryError):
            raise
        raise ModelError(
            f"the progress that was kept does not fit this training ({error!r:.120}): {AGAIN}"
        ) from error


def _encoder_of(resumed: Progress | None) -> Any:
    if resumed is None:
        return None
    try:
        return encoder_from_dict(resumed.facts["encoder"])
    except (KeyError, DataError) as error:
        raise ModelError(f"the progress that was kept is damaged ({error}): {AGAIN}") from error


def _card(
    plan: Plan,
    ready: Prepared,
    work: Work,
    fitted: Fitted,
    table: Table,
    source: DataSource,
    model: nn.Module,
    energy: list[float],
) -> Card:
    return Card(
        architecture=plan.architecture,
        options=asdict(plan.options),
        head=ready.head,
        schema=table.schema,
        encoder=ready.encoder,
        data=source,
        training=Training(
            recipe={**asdict(plan.recipe), **asdict(plan.coding), **asdict(plan.engine)},
            seed=work.runtime.seed,
            device=work.device,
            hardware=hardware(work.device),
            train_rows=len(ready.fitting),
            validation_rows=len(ready.validation),
            parameters=parameters(model),
            best_epoch=fitted.best,
            seconds=fitted.seconds,
            history=fitted.history,
            operations=fitted.operations,
            energy=energy[0] if energy else math.nan,
            processes=work.at.size,
        ),
        versions=versions(),
        snapshots={
            epoch: {name: one.cpu() for name, one in weights.items()}
            for epoch, weights in fitted.snapshots.items()
        },
    )


@contextmanager
def energy_of(engine: Engine) -> Iterator[list[float]]:
    """Kilowatt-hours that codecarbon estimates for this block, in the list when it ends.

    Empty where it was not asked. Nothing is sent anywhere. Raises UsageError without codecarbon.
    """
    found: list[float] = []
    if not engine.energy:
        yield found
        return
    try:
        from codecarbon import OfflineEmissionsTracker
    except ImportError:
        raise UsageError("energy=true needs codecarbon: pip install 'auditkit[energy]'") from None
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)  # log_level comes a line too late
    with warnings.catch_warnings():
        # From 3.0 on it has other names for these two, which 2.4 does not know.
        warnings.filterwarnings("ignore", message=".*save_to_.*")
        tracker = OfflineEmissionsTracker(
            country_iso_code=engine.country,
            save_to_file=False,
            save_to_api=False,
            log_level="critical",
        )
    tracker.start()
    try:
        yield found
    finally:
        tracker.stop()
        # None where it could not watch, as beside another of its kind in some versions.
        data = getattr(tracker, "final_emissions_data", None)
        found.append(math.nan if data is None else float(data.energy_consumed))


def hardware(device: str) -> str:
    """What computes, in words: the GPU's name, or the CPU's with its threads."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} thread{'' if threads == 1 else 's'} on {_processor()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
