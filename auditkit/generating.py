"""Made images as files: a generator's checkpoint and a seed to a folder of marked PNGs.

There is no way to leave the mark out: whoever wants bare pixels asks the model in a notebook.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditkit import __version__
from auditkit.data.schema import Task
from auditkit.detection.marks.manifests import Signature, algorithm_of, required_library, signed
from auditkit.detection.marks.writing import Provenance, contact_sheet, marked_png
from auditkit.errors import ModelError, UsageError, suggestion
from auditkit.models.files import Checkpoint, load
from auditkit.models.gan import GAN
from auditkit.models.sealed import CARD, ensure_ours, unsealed, write_folder
from auditkit.ranges import ranged, require_ranges
from auditkit.runtime import Runtime, track

KIND = "made images"  # what the folder's card calls it
GRID = "grid.png"
MOST_IN_GRID = 400
TOOL = f"auditkit {__version__}"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be made.

    label is the class that a conditional generator is told, else they are drawn evenly; psi
    shortens the latent vectors, which makes images more alike and often more like the data.
    """

    images: int = ranged(64, 1, 10_000)
    label: str | None = None
    psi: float = ranged(1.0, 0.01, 1.0)

    def __post_init__(self) -> None:
        require_ranges(self, "what is to be made")


def generate(
    model: Path | str,
    out: Path | str,
    order: Order,
    runtime: Runtime,
    *,
    signature: Signature | None = None,
) -> Path:
    """Write the images, a grid of them and a card into a folder, whole or not at all.

    The same checkpoint, order and seed give the same bytes, unless they are signed. Raises
    ModelError or UsageError for a model that makes no images, and for a folder of other things.
    """
    folder, place = Path(model), Path(out)
    checkpoint = load(folder)
    network = _generator(checkpoint, folder.absolute().name)
    names = [f"image-{i:05d}.png" for i in range(order.images)]
    _require_free(place)
    if signature is not None:
        required_library()
        algorithm_of(signature.key)
    network.to(runtime.resolved_device())
    levels = checkpoint.card.schema.target.levels
    pixels, drawn = drawn_images(network, order, runtime, levels)
    name = folder.absolute().name
    made = _made(order, runtime.seed, None if drawn is None else [levels[i] for i in drawn])
    files = marked_files(pixels, name, checkpoint.sha256, made)
    grid = _grid(pixels, name, checkpoint.sha256, runtime.seed)
    contents = dict(zip([*names, GRID], [*files, grid], strict=True))
    if signature is not None:
        signing = track(contents.items(), "signing", len(contents))
        contents = {file: signed(one, signature, file, name) for file, one in signing}
    write_folder(place, contents, _card(checkpoint, name, order, runtime, contents))
    return place


def signature_of(certificate: Path | None, key: Path | None) -> Signature | None:
    """What to sign with; None where nothing is given. Raises UsageError where half of it is."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise UsageError("signing takes both: give --certificate CERT.pem and --key KEY.pem")
    try:
        return Signature(certificates=certificate.read_bytes(), key=key.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}; check it") from error


def drawn_images(
    network: GAN, order: Order, runtime: Runtime, levels: Sequence[str] = ()
) -> tuple[NDArray[np.uint8], Tensor | None]:
    """Images (n, C, H, W) and the class that each was told, by the seed alone.

    At psi 1 and without a label they are what `GAN.sample` gives. Raises UsageError for a label
    that the generator cannot be told.
    """
    told = _told(network, order.label, levels)
    generator = torch.Generator()
    generator.manual_seed(runtime.seed)
    latent = order.psi * torch.randn(order.images, network.options.latent, generator=generator)
    drawn = None
    if network.classes:
        drawn = torch.randint(network.classes, (order.images,), generator=generator)
        drawn = drawn if told is None else torch.full_like(drawn, told)
    return network.pictures(latent, drawn).numpy(), drawn


def marked_files(
    pixels: NDArray[np.uint8], name: str, checksum: str, made: Sequence[str]
) -> list[bytes]:
    """Images (n, C, H, W) as PNGs that name their generator; made says how each came about."""
    return [
        marked_png(one, Provenance(generator=name, checksum=checksum, tool=TOOL, made=how))
        for one, how in track(zip(pixels, made, strict=True), "writing", len(pixels))
    ]


def _generator(checkpoint: Checkpoint, name: str) -> GAN:
    card = checkpoint.card
    if not isinstance(checkpoint.model, GAN):
        makes = "texts" if card.task in (Task.LANGUAGE, Task.TRANSDUCTION) else "no images"
        raise UsageError(
            f"{name} ({card.architecture}) makes {makes}, and only images are written; give a "
            "checkpoint of `auditkit train gan`"
        )
    return checkpoint.model


def _told(network: GAN, label: str | None, levels: Sequence[str]) -> int | None:
    if label is None:
        return None
    if not network.classes:
        raise UsageError(
            f"this generator is told no class, so it cannot be asked for {label!r}: leave out "
            "--class, or train one with `--set conditional=true`"
        )
    if label not in levels:
        raise UsageError(f"there is no class {label!r}; {suggestion(label, levels)}")
    return list(levels).index(label)


def _made(order: Order, seed: int, labels: Sequence[str] | None) -> list[str]:
    """How each image came about, so that it can be made again."""
    short = "" if order.psi == 1 else f", psi {order.psi:g}"
    classes = [f", told {one}" for one in labels] if labels else [""] * order.images
    return [
        f"image {i} of {order.images} with seed {seed}{short}{told}"
        for i, told in enumerate(classes)
    ]


def _grid(pixels: NDArray[np.uint8], name: str, checksum: str, seed: int) -> bytes:
    shown = pixels[:MOST_IN_GRID]
    made = f"the first {len(shown)} images with seed {seed}"
    origin = Provenance(generator=name, checksum=checksum, tool=TOOL, made=made)
    return marked_png(contact_sheet(shown), origin)


def _card(
    checkpoint: Checkpoint,
    name: str,
    order: Order,
    runtime: Runtime,
    contents: Mapping[str, bytes],
) -> dict[str, Any]:
    return {
        "kind": KIND,
        "tool": TOOL,
        "generator": name,
        "generator_card_sha256": checkpoint.sha256,
        "seed": runtime.seed,
        "psi": order.psi,
        "class": order.label,
        "files": {file: sha256(one).hexdigest() for file, one in contents.items()},
    }


def _require_free(place: Path) -> None:
    """Raise UsageError where the folder holds what an earlier `generate` did not write there."""
    present = {one.name for one in place.iterdir()} if place.is_dir() else set()
    strange = sorted(present - _earlier(place))
    if strange:
        raise UsageError(
            f"{place} holds {strange[0]!r}, which `auditkit generate` did not write: give an empty "
            "or a new folder with --out"
        )
    ensure_ours(place, present)


def _earlier(place: Path) -> set[str]:
    """The names of what an earlier run wrote there, as the card beside them says."""
    try:
        card = unsealed((place / CARD).read_bytes(), place / CARD)
    except (ModelError, OSError):
        return set()
    files = card.get("files")
    return {CARD, *files} if card.get("kind") == KIND and isinstance(files, dict) else set()
