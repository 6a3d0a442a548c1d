"""A checkpoint is a folder: `model.safetensors` and `card.json`. Nothing in it is executed.

The card carries the checksum of the weights and one of itself, so that a file that is missing,
cut off or changed is found before it is used. Where a training was asked to keep the weights of
several epochs, they lie in `snapshots.safetensors`, held to the card in the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.base import ARCHITECTURES
from auditkit.models.card import Card
from auditkit.models.progress import PROGRESS
from auditkit.models.sealed import CARD, ensure_ours, plain_bytes, required, unsealed, write_folder

WEIGHTS = "model.safetensors"
SNAPSHOTS = "snapshots.safetensors"
OURS = (WEIGHTS, CARD, SNAPSHOTS, PROGRESS)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A network in eval mode on the CPU, its card, and the checksum of the card's file."""

    model: nn.Module
    card: Card
    sha256: str


def save(folder: Path | str, model: nn.Module, card: Card) -> Path:
    """Write a checkpoint whole or not at all; gives the folder.

    Replaces an earlier checkpoint. Raises UsageError where the folder holds anything else or
    cannot be written.
    """
    folder = Path(folder)
    ensure_savable(folder)
    weights = save_tensors({name: one.contiguous() for name, one in model.state_dict().items()})
    earlier = _packed(card.snapshots)
    described = replace(
        card,
        weights_sha256=sha256(weights).hexdigest(),
        snapshots_sha256=sha256(earlier).hexdigest() if earlier else "",
    )
    files = {WEIGHTS: weights, **({SNAPSHOTS: earlier} if earlier else {})}
    write_folder(folder, files, described.to_dict())
    return folder


def ensure_savable(folder: Path) -> None:
    """Raise UsageError now, before the training, if `save` could not write there later."""
    # A training killed while it wrote its progress leaves a part of it beside the whole one.
    ensure_ours(folder, OURS, left=f".{PROGRESS}-")


def load(folder: Path | str) -> Checkpoint:
    """The checkpoint in a folder. Raises ModelError where it is missing, cut off or changed."""
    folder = Path(folder)
    text, card = _card(folder)
    weights = required(_read(folder, WEIGHTS), card.weights_sha256, folder / WEIGHTS)
    try:
        tensors = load_tensors(weights)
        # A stranger's card may ask for terabytes: what it asks for is compared before it is made.
        with torch.device("meta"):
            _built(card).load_state_dict({name: one.to("meta") for name, one in tensors.items()})
        model = _built(card)
        model.load_state_dict(tensors)
        card = replace(card, snapshots=_snapshots(folder, card, tensors))
    except (SafetensorError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"the weights in {folder} do not fit the card: {reason}") from error
    return Checkpoint(model=model.eval(), card=card, sha256=sha256(text).hexdigest())


def _card(folder: Path) -> tuple[bytes, Card]:
    if not folder.is_dir():
        raise ModelError(f"no checkpoint folder {folder}; make one with `auditkit train`")
    text = _read(folder, CARD)
    raw = unsealed(text, folder / CARD)
    try:
        return text, Card.from_dict(raw)
    except (DataError, ModelError) as error:
        raise ModelError(f"{folder / CARD}: {error}") from error


def _packed(snapshots: Mapping[int, Mapping[str, Tensor]]) -> bytes:
    """Weights of several epochs as one file's bytes; none where there are none."""
    named = {
        f"{epoch}.{name}": one.contiguous()
        for epoch, weights in snapshots.items()
        for name, one in weights.items()
    }
    return save_tensors(named) if named else b""


def _snapshots(
    folder: Path, card: Card, like: Mapping[str, Tensor]
) -> dict[int, dict[str, Tensor]]:
    """The weights of earlier epochs, each of the names and shapes of the kept ones.

    Raises ModelError where the file is missing or changed, ValueError where it does not fit.
    """
    if not card.snapshots_sha256:
        return {}
    content = required(_read(folder, SNAPSHOTS), card.snapshots_sha256, folder / SNAPSHOTS)
    found: dict[int, dict[str, Tensor]] = {}
    for named, one in load_tensors(content).items():
        epoch, _, name = named.partition(".")
        found.setdefault(int(epoch), {})[name] = one
    shapes = {name: one.shape for name, one in like.items()}
    for number, weights in found.items():
        fits = {name: one.shape for name, one in weights.items()} == shapes
        if not fits or not 1 <= number <= len(card.training.history):
            raise ValueError(f"what is kept of epoch {number} is not of this network")
    return dict(sorted(found.items()))


def _built(card: Card) -> nn.Module:
    try:
        family = ARCHITECTURES[card.architecture]
        return family.build(card.encoder, card.head, family.Options(**card.options))
    except (TypeError, ValueError, RuntimeError, UsageError) as error:
        raise ModelError(f"the card's options are not {card.architecture}'s: {error}") from error


def _read(folder: Path, name: str) -> bytes:
    try:
        return plain_bytes(folder / name)
    except FileNotFoundError:
        if (folder / PROGRESS).is_file():
            raise ModelError(
                f"{folder} holds an unfinished training: go on with it by `auditkit train "
                f"... --out {folder} --resume`"
            ) from None
        raise ModelError(
            f"{folder} lacks {name}: a checkpoint is a folder with {CARD} and {WEIGHTS}, "
            "as `auditkit train` writes it"
        ) from None
    except OSError as error:
        raise ModelError(f"cannot read {folder / name}: {error.strerror}") from error
