"""Somebody else's network: a factory in the user's own code, weights from a safetensors file.

The factory is imported and called because the user names it. Nothing in the weights' file is
executed.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from auditkit.data.schema import Task, require_column
from auditkit.data.values import is_number, numbers
from auditkit.errors import DataError, ModelError, UsageError, suggestion
from auditkit.models.base import batches, parameters
from auditkit.models.predictor import Ability, Decisions
from auditkit.runtime import Runtime

Preprocess = Callable[[pd.DataFrame], Any]
# The user's own code may raise anything at all, and a script may call sys.exit when imported:
# that must never end an audit with the exit code of success.
USERS_FAULT = (Exception, SystemExit)


@dataclass(frozen=True, kw_only=True)
class ForeignModel:
    """A torch module over the features as one float tensor, or over what `preprocess` makes.

    Its output is one logit or probability a row, (n,) or (n, 1), or two logits or
    probabilities, (n, 2), the second for the positive outcome.
    """

    module: nn.Module
    name: str
    weights_sha256: str
    features: tuple[str, ...]
    preprocess: Preprocess | None
    preprocess_name: str
    runtime: Runtime

    @property
    def abilities(self) -> frozenset[Ability]:
        """Everything: it is a torch module."""
        return frozenset(Ability)

    @property
    def task(self) -> Task:
        """A decision: nothing else can be handed over in this way yet."""
        return Task.DECISION

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the report says of it."""
        how = self.preprocess_name or "numeric columns as they are, float32"
        return {
            "name": self.name,
            "kind": f"torch module {type(self.module).__name__}, from the user's own code",
            "parameters": parameters(self.module),
            "weights sha256": self.weights_sha256,
            "inputs": how,
        }

    @torch.no_grad()
    def outputs(self, frame: pd.DataFrame) -> Decisions:
        """Probability of the positive outcome of each row."""
        device = self.runtime.resolved_device()
        module = self.module.to(device).eval()
        parts = []
        for batch in batches(self.inputs(frame), self.runtime.batch_size):
            try:
                answer = module(*(one.to(device) for one in batch))
            except USERS_FAULT as error:
                shapes = ", ".join(str(tuple(one.shape)) for one in batch)
                reason = " ".join(str(error).split())[:160]
                raise ModelError(
                    f"{self.name} does not take inputs of shape {shapes} ({reason}): choose columns"
                    " with --features, or give --preprocess module:function"
                ) from error
            parts.append(_one_column(answer, len(batch[0]), self.name))
        return _probabilities(torch.cat(parts))

    def inputs(self, frame: pd.DataFrame) -> tuple[Tensor, ...]:
        """The rows as the module takes them, on the CPU. Raises ModelError or DataError."""
        if self.preprocess is None:
            return (_numeric(frame, self.features),)
        try:
            made = self.preprocess(frame)
        except USERS_FAULT as error:
            raise ModelError(
                f"--preprocess raised {type(error).__name__}: {' '.join(str(error).split())[:160]}"
            ) from error
        inputs = tuple(made) if isinstance(made, tuple | list) else (made,)
        if not inputs:
            raise ModelError("--preprocess gave no tensor; give one, or a tuple of several")
        for one in inputs:
            if not isinstance(one, Tensor) or one.ndim == 0 or len(one) != len(frame):
                seen = tuple(one.shape) if isinstance(one, Tensor) else type(one).__name__
                raise ModelError(
                    f"--preprocess must give a tensor, or a tuple of tensors, of {len(frame)} rows;"
                    f" it gave {seen}"
                )
        return inputs


def load_foreign(
    factory: str,
    weights: Path | None,
    *,
    features: tuple[str, ...],
    preprocess: str | None,
    runtime: Runtime,
) -> ForeignModel:
    """The module that `package.module:factory` makes, with weights from a safetensors file.

    Raises UsageError for a name that cannot be imported, ModelError for weights that cannot be
    read or do not fit.
    """
    module = _called(factory)
    content = _weights(weights) if weights else b""
    if weights:
        _fill(module, content, weights)
    return ForeignModel(
        module=module.eval(),
        name=factory,
        weights_sha256=sha256(content).hexdigest() if weights else "",
        features=features,
        preprocess=_imported(preprocess, "--preprocess") if preprocess else None,
        preprocess_name=preprocess or "",
        runtime=runtime,
    )


def _called(factory: str) -> nn.Module:
    make = _imported(factory, "--model")
    try:
        module = make()
    except USERS_FAULT as error:
        raise ModelError(
            f"{factory}() raised {type(error).__name__}: {error}; a factory takes no argument and "
            "gives a torch module"
        ) from error
    if not isinstance(module, nn.Module):
        raise ModelError(f"{factory}() gave {type(module).__name__}, not a torch.nn.Module")
    return module


def _imported(name: str, option: str) -> Callable[..., Any]:
    place, _, function = name.partition(":")
    if not place or not function:
        raise UsageError(f"{option} {name!r} is not of the form package.module:function")
    try:
        with _working_folder_importable():
            module = importlib.import_module(place)
    except USERS_FAULT as error:
        raise UsageError(
            f"{option}: cannot import {place!r} ({type(error).__name__}: {error}); run auditkit "
            "where the module can be imported"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        own = [name for name, one in vars(module).items() if _is_own(one, module)]
        raise UsageError(
            f"{option}: no function {function!r} in {place}; {suggestion(function, own)}"
        )
    return found  # type: ignore[no-any-return]


def _is_own(one: Any, module: Any) -> bool:
    return callable(one) and getattr(one, "__module__", None) == module.__name__


@contextmanager
def _working_folder_importable() -> Any:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _weights(path: Path) -> bytes:
    if path.suffix != ".safetensors":
        raise ModelError(
            f"{path} is not a .safetensors file, and other formats can run code when read: "
            "convert it with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
        )
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"no file {path}: check the path after --weights") from None
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error


def _fill(module: nn.Module, content: bytes, path: Path) -> None:
    try:
        module.load_state_dict(load_tensors(content))
    except SafetensorError as error:
        raise ModelError(f"{path} is cut off or not safetensors: {error}") from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path} does not fit the module: {reason}") from error


def _numeric(frame: pd.DataFrame, features: tuple[str, ...]) -> Tensor:
    for name in features:
        require_column(frame, name, "the data")
        if not is_number(frame[name]):
            raise DataError(
                f"column {name!r} holds text, and this model takes numbers: leave it out with "
                "--features, or turn rows into tensors with --preprocess module:function"
            )
    values = np.column_stack([numbers(frame[name]) for name in features]).astype(np.float32)
    if np.isnan(values).any():
        name = features[int(np.isnan(values).any(axis=0).argmax())]
        raise DataError(
            f"column {name!r} has missing values, and this model takes numbers: fill them in, or "
            "turn rows into tensors with --preprocess module:function"
        )
    return torch.from_numpy(values)


def _one_column(answer: Any, rows: int, name: str) -> Tensor:
    """A column of logits or probabilities from whatever the module gave, (rows,) on the CPU."""
    if not isinstance(answer, Tensor) or answer.ndim == 0 or len(answer) != rows:
        seen = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise ModelError(f"{name} gave {seen} for {rows} rows; it must give one answer a row")
    if answer.layout != torch.strided or answer.is_complex():
        raise ModelError(f"{name} gave a sparse or complex tensor; it must give plain numbers")
    column: Tensor = answer.detach().double().cpu()
    if not bool(torch.isfinite(column).all()):
        raise ModelError(f"{name} gave NaN or infinity: check its weights and its inputs")
    if column.ndim == 2 and column.shape[1] == 2:
        sums = column.sum(dim=1)
        done = bool((column >= 0).all() and (sums - 1).abs().max() < 1e-4)
        return column[:, 1] if done else torch.sigmoid(column[:, 1] - column[:, 0])
    if column.ndim == 2 and column.shape[1] == 1:
        return column[:, 0]
    if column.ndim == 1:
        return column
    raise ModelError(
        f"{name} gave {tuple(column.shape)} for {rows} rows; binary decisions have shape (n,), "
        "(n, 1) or (n, 2)"
    )


def _probabilities(answers: Tensor) -> Decisions:
    """Answers that all lie between 0 and 1 are probabilities; anything else is logits."""
    if bool(((answers >= 0) & (answers <= 1)).all()):
        return Decisions(scores=answers.numpy(), reading="all between 0 and 1: probabilities")
    return Decisions(scores=torch.sigmoid(answers).numpy(), reading="logits, through a sigmoid")
