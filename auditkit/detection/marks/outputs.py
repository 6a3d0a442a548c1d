"""A user's folder of published pictures, as bytes."""

import os
import stat
from pathlib import Path

from auditkit.errors import DataError, UsageError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
LARGEST = 100_000_000  # bytes of a file that is read


def files_in(folder: Path, most: int) -> list[bytes]:
    """The PNG, JPEG and WebP files of a folder and those below it, sorted, at most so many.

    Links are not followed. Raises UsageError where there is no such folder, DataError where it
    holds none of them.
    """
    if not folder.is_dir():
        raise UsageError(f"no folder {str(folder)!r}: check outputs in [checks.provenance]")
    found: list[bytes] = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(place) / name for name in sorted(names)):
            if len(found) == most:
                return found
            if path.suffix.lower() in ENDINGS and _readable(path):
                found.append(path.read_bytes())
    if not found:
        raise DataError(
            f"{str(folder)!r} holds no PNG, JPEG or WebP that can be read: give the folder of what "
            "the generator publishes"
        )
    return found


def _readable(path: Path) -> bool:
    """A file of its own and of moderate size: no link, and nothing that a read waits for."""
    about = path.lstat()
    return stat.S_ISREG(about.st_mode) and about.st_size <= LARGEST and os.access(path, os.R_OK)
