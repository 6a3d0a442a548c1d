"""A folder of ours: files of bytes and a card that seals them. Nothing in it is executed.

The card is JSON and carries a checksum of itself; what it says of the files beside it is its
owner's. A folder is written whole or not at all.
"""

import errno
import json
import shutil
import stat
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from auditkit.errors import ModelError, UsageError

CARD = "card.json"
DETECTOR, SPEECH_DETECTOR = "detector", "speech detector"  # what their cards call themselves
AGAIN = "copy the checkpoint again or train it anew"
MOST = 1 << 28  # bytes of a card, which holds no more than a training's course


def write_folder(folder: Path, files: Mapping[str, bytes], card: Mapping[str, Any]) -> None:
    """Write files and card whole or not at all, in the place of what was there.

    Raises UsageError where the folder cannot be written.
    """
    text = sealed(card)
    staged = None
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.absolute().parent))
        staged.chmod(0o755)
        for name, content in files.items():
            (staged / name).write_bytes(content)
        (staged / CARD).write_text(text, encoding="utf-8")
        _put(staged, folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; give another --out") from error
    finally:
        if staged is not None:  # moved to its place by now, or not wanted
            shutil.rmtree(staged, ignore_errors=True)


def ensure_ours(folder: Path, ours: Collection[str], left: str = "") -> None:
    """Raise UsageError now, before the training, if `write_folder` could not write there later.

    ours are the names that may be replaced; what begins with `left` was left by a killed training.
    """
    if folder.is_dir():
        names = (one.name for one in folder.iterdir() if not (left and one.name.startswith(left)))
        strange = sorted(name for name in names if name not in ours)
        if strange:
            raise UsageError(
                f"{folder} holds {strange[0]!r}, so it is not a checkpoint to replace; "
                "give an empty or a new folder with --out"
            )
    elif folder.exists():
        raise UsageError(f"{folder} is a file; give a folder with --out")
    place = next(one for one in folder.absolute().parents if one.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".auditkit-", dir=place):
            pass
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; give another --out") from error


def unsealed(text: bytes, where: Path) -> dict[str, Any]:
    """What a card says, without its seal. Raises ModelError where it is cut off or changed."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where} is cut off or not JSON ({error}): {AGAIN}") from error
    if not isinstance(raw, dict):
        raise ModelError(f"{where} is not a card of auditkit's: {AGAIN}")
    seal = raw.pop("sha256", None)
    if seal != seal_of(raw):
        raise ModelError(f"{where} was changed after it was written: {AGAIN}")
    return raw


def plain_bytes(path: Path, most: int | None = None) -> bytes:
    """A file's content. Raises OSError where there is none, it is a pipe or device, or too large.

    A stranger's folder may hold a pipe that never says anything, or a link to what never ends.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    if most is not None and about.st_size > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return path.read_bytes()


def is_of_kind(folder: Path, kind: str) -> bool:
    """Whether a folder has a card that says so. Raises ModelError where the card is damaged."""
    card = folder / CARD
    try:
        content = plain_bytes(card, MOST)
    except OSError:  # whoever loads it says why
        return False
    return unsealed(content, card).get("kind") == kind


def sealed(card: Mapping[str, Any]) -> str:
    """A card as text, with its checksum."""
    return json.dumps({**card, "sha256": seal_of(card)}, indent=1, allow_nan=False) + "\n"


def required(content: bytes, promised: str, where: Path) -> bytes:
    """The content of a file. Raises ModelError where it is not what the card promised."""
    if sha256(content).hexdigest() != promised:
        raise ModelError(
            f"{where} is not the file that its card describes (checksum differs): {AGAIN}"
        )
    return content


def seal_of(raw: Mapping[str, Any]) -> str:
    """Checksum of a card's content, whatever its layout."""
    return sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def _put(staged: Path, folder: Path) -> None:
    """Move a finished folder to its place; the old one stays until the new one stands."""
    old = staged.with_name(staged.name + "-old")
    if folder.exists():
        folder.rename(old)
    try:
        staged.rename(folder)
    except OSError:
        with suppress(OSError):
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
