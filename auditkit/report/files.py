"""Writes a report's files, each whole or not at all."""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from auditkit.errors import UsageError
from auditkit.report.html import render
from auditkit.report.json import dumps
from auditkit.results import AuditReport

# One row for each output format: the suffix of the file and what writes its text.
FORMATS: Mapping[str, Callable[[AuditReport], str]] = {".json": dumps, ".html": render}


def write_report(report: AuditReport, folder: Path | str) -> Path:
    """Write `report.json`, `report.html` and every other row of FORMATS; gives the page's path.

    The folder is made if need be. Each file is written beside its place and then moved there, so
    that a run that is killed leaves the old file or the new one. Raises UsageError where the
    folder cannot be written.
    """
    folder = Path(folder)
    texts = {f"report{suffix}": write(report) for suffix, write in FORMATS.items()}
    try:
        _require_no_folder_in_the_way(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _replace_all(folder, texts)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from error
    return folder / "report.html"


def ensure_writable(folder: Path | str) -> None:
    """Raise UsageError now, before the long work, if `write_report` could not write there later.

    Leaves nothing behind: neither the folder nor a file in it.
    """
    folder = Path(folder)
    try:
        place = next(one for one in (folder, *folder.absolute().parents) if _exists(one))
        probe = place / _temporary("probe")
        probe.touch(exist_ok=False)
        probe.unlink()
        _require_no_folder_in_the_way(folder)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from error


def _replace_all(folder: Path, texts: Mapping[str, str]) -> None:
    """Write every text beside its place first, and only then move them all."""
    staged: dict[Path, Path] = {}
    try:
        for name, text in texts.items():
            temporary = folder / _temporary(name)
            staged[temporary] = folder / name
            with temporary.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for temporary, target in staged.items():
            temporary.replace(target)
    finally:
        for temporary in staged:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _require_no_folder_in_the_way(folder: Path) -> None:
    blocked = [name for name in map("report{}".format, FORMATS) if (folder / name).is_dir()]
    if blocked:
        raise IsADirectoryError(f"{blocked[0]} is a folder there")


def _temporary(name: str) -> str:
    return f".{name}.{secrets.token_hex(4)}.tmp"


def _exists(path: Path) -> bool:
    """Like Path.exists, but a name that is too long raises instead of being called absent."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _unwritable(folder: Path, error: Exception) -> UsageError:
    seen = getattr(error, "strerror", None) or str(error)
    return UsageError(
        f"cannot write the report to {str(folder)!r}: {seen.lower()};"
        " give another folder, with --out DIR"
    )
