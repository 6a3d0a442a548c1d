"""An unfinished training, kept so that a killed one goes on: tensors and JSON in one file.

The file is safetensors with the rest as JSON in its header: reading it runs nothing. It is
written beside its place and moved there whole.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from auditkit.errors import ModelError, UsageError

PROGRESS = "progress.safetensors"
AGAIN = "leave out --resume to train from the beginning"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """tensors by name, and facts: plain values for JSON."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def write_progress(folder: Path, progress: Progress) -> None:
    """Keep the state of a training in its folder. Raises UsageError where it cannot be written."""
    content = save_tensors(
        {name: one.contiguous() for name, one in progress.tensors.items()},
        metadata={"auditkit": json.dumps(progress.facts, allow_nan=False)},
    )
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{PROGRESS}-", dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(folder / PROGRESS)
    except OSError as error:
        raise UsageError(
            f"cannot keep the training's progress in {folder}: {error.strerror}; make room or give "
            "another --out"
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read_progress(folder: Path) -> Progress | None:
    """The state that was kept, or None where there is none.

    Raises ModelError for a file that is not one of ours.
    """
    path = folder / PROGRESS
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["auditkit"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ModelError(f"{path} is damaged or not auditkit's ({reason}): {AGAIN}") from error
    if not isinstance(facts, dict):
        raise ModelError(f"{path} is not auditkit's: {AGAIN}")
    return Progress(tensors=tensors, facts=facts)


def require_same(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise UsageError for the first choice in which a training to resume differs."""
    for name, value in wanted.items():
        if kept.get(name) != value:
            raise UsageError(
                f"this training was begun with {name} {kept.get(name)!r} and is now to go on with "
                f"{value!r}: give the same, or {AGAIN}"
            )
