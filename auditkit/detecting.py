"""Asks a detector about image files: one row a file, in constant memory, whatever is among them.

Folders are walked by name, their files first; links to folders are not followed. A file that
cannot be opened has a row that says why, and the others go on. A file of a folder that is no image,
by its bytes and by its name, has a row too, which no answer counts.
"""

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.data.pictures import CLOSED, open_picture, quiet, suffixes
from auditkit.detection.calibration import ALPHA, Answer, Calibration, answers
from auditkit.detection.files import Detector
from auditkit.detection.members.table import MEMBERS, VOTING
from auditkit.detection.panel import read_patches
from auditkit.detection.patches import SMALLEST, patches
from auditkit.errors import DataError, UsageError
from auditkit.runtime import Runtime, track

UNREADABLE = "unreadable"  # an image that could not be opened
PASSED_OVER = "passed over"  # a file of a folder that is no image
AT_ONCE = 64  # images a pass of the panel
MOST_THREADS = 4


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is said of one file.

    answer is one of `Answer`, UNREADABLE or PASSED_OVER; probability is that of a fake where fakes
    are as many as reals, p_value the share of real calibration images that are at least as
    suspicious: None where nothing was measured. why says in words what the answer rests on, or why
    there is none. members are their scores in standard deviations of real images.
    """

    file: str
    answer: str
    why: str
    probability: float | None = None
    p_value: float | None = None
    size: tuple[int, int] | None = None  # width and height
    members: Mapping[str, float] = field(default_factory=dict)


@dataclass(kw_only=True)
class Tally:
    """How many rows there were of each answer, and a file that was passed over."""

    counts: Counter[str] = field(default_factory=Counter)
    passed: str = ""

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, without those of files that are no images."""
        for row in rows:
            self.counts[row.answer] += 1
            if row.answer == PASSED_OVER:
                self.passed = self.passed or row.file
            else:
                yield row

    @property
    def opened(self) -> int:
        """How many images could be opened."""
        return sum(self.counts[one] for one in Answer)

    @property
    def verdict(self) -> str:
        """FAKE of one or more; else UNREADABLE of all, ABSTAIN of some, or REAL of all."""
        if self.counts[Answer.FAKE]:
            return Answer.FAKE
        if not self.opened:
            return UNREADABLE
        return Answer.REAL if self.counts[Answer.REAL] == self.shown else Answer.ABSTAIN

    @property
    def shown(self) -> int:
        """How many rows there are but for what was passed over."""
        return self.counts.total() - self.counts[PASSED_OVER]


def detect(
    paths: Sequence[Path], detector: Detector, runtime: Runtime, *, alpha: float = ALPHA
) -> Iterator[Row]:
    """One row for each file that is named or lies below a named folder, in order.

    Raises UsageError where alpha is finer than the calibration can tell, or there is no file.
    """
    require_alpha(alpha, detector.calibration, "photographs or persons")
    total = sum(1 for _ in _places(paths))
    if not total:
        named = ", ".join(repr(str(one)) for one in paths[:3]) or "nothing"
        raise UsageError(f"there is no file in {named}; give images or folders of images")
    return _rows(track(_places(paths), "images", total), detector, runtime, alpha)


def require_alpha(alpha: float, law: Calibration, originals: str) -> None:
    """Raise UsageError for a share that is finer than a calibration can tell, or none."""
    fewest = min(one.originals for one in law.kinds.values())
    finest = 1 / (fewest + 1)
    if not finest <= alpha < 1:
        raise UsageError(
            f"alpha {alpha:g} cannot be kept: calibrated on {fewest:,} {originals} of a kind, the "
            f"detector tells shares from {finest:.2g} to 1"
        )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A file to open; `asked` where the user named it himself, trouble where it cannot be."""

    path: Path
    asked: bool = False
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Look:
    """What is kept of a picture: its patches, not its pixels."""

    cut: NDArray[np.float32]
    sides: tuple[int, int]  # height and width
    notes: tuple[str, ...]


def _places(paths: Sequence[Path]) -> Iterator[_Place]:
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - False, and no error, for a name that cannot be
            yield from _below(path)
        else:
            yield _Place(path=path, asked=True)


def _below(folder: Path) -> Iterator[_Place]:
    """Files below a folder; of names one folder's are in memory at a time, and waiting folders."""
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        try:
            with os.scandir(at) as entries:
                found = sorted((one.is_dir(follow_symlinks=False), one.name) for one in entries)
        except OSError as error:
            trouble = f"a folder that cannot be read: {(error.strerror or str(error)).lower()}"
            yield _Place(path=at, asked=True, trouble=trouble)
            continue
        yield from (_Place(path=at / name) for is_folder, name in found if not is_folder)
        waiting += [at / name for is_folder, name in reversed(found) if is_folder]


def _rows(
    places: Iterator[_Place], detector: Detector, runtime: Runtime, alpha: float
) -> Iterator[Row]:
    with ThreadPoolExecutor(min(MOST_THREADS, _cores())) as pool:
        while batch := list(islice(places, AT_ONCE)):
            with quiet:  # held here until the last thread is done, and not by each on its own
                looks = list(pool.map(_look, batch))
            yield from _answered(batch, looks, detector, runtime, alpha)


def _cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _look(place: _Place) -> _Look | DataError:
    if place.trouble:
        return DataError(place.trouble)
    try:
        picture = open_picture(place.path, "it")
    except DataError as error:
        return error
    sides = (picture.height, picture.width)
    return _Look(cut=patches(picture.pixels), sides=sides, notes=picture.notes)


def _answered(
    batch: Sequence[_Place],
    looks: Sequence[_Look | DataError],
    detector: Detector,
    runtime: Runtime,
    alpha: float,
) -> Iterator[Row]:
    seen = [one for one in looks if isinstance(one, _Look)]
    lines: Iterator[Mapping[Any, Any]] = iter(())
    if seen:
        cut, sides = [one.cut for one in seen], [one.sides for one in seen]
        readings = read_patches(detector.panel, cut, sides, runtime)
        lines = iter(answers(readings, detector.calibration, alpha=alpha).to_dict("records"))
    for place, look in zip(batch, looks, strict=True):
        if isinstance(look, _Look):
            edges = detector.calibration.of(look.sides).edges
            yield _said(place, look, next(lines), edges)
        else:
            yield _refused(place, look)


def _refused(place: _Place, reason: DataError) -> Row:
    """A row without an answer; a file of a folder that has no image's name is passed over."""
    wanted = place.asked or place.path.suffix.lower() in suffixes() | CLOSED
    return Row(file=str(place.path), answer=UNREADABLE if wanted else PASSED_OVER, why=str(reason))


def _said(place: _Place, look: _Look, line: Mapping[Any, Any], edges: Sequence[float]) -> Row:
    measured = min(look.sides) >= SMALLEST  # else its numbers mean nothing
    members = {name: float(line[name]) for name in MEMBERS} if measured else {}
    parts = [line["reason"]] if line["reason"] else []
    if measured:
        parts.append(_speaking(members, dict(zip(MEMBERS, edges, strict=True))))
    if measured and not line["reason"]:
        parts.append(f"at most {_percent(line['p_value'])} of known real images look so suspicious")
    return Row(
        file=str(place.path),
        answer=str(line["answer"]),
        why="; ".join((*parts, *look.notes)),
        probability=float(line["probability"]) if measured else None,
        p_value=float(line["p_value"]) if measured else None,
        size=(look.sides[1], look.sides[0]),
        members=members,
    )


def _speaking(members: Mapping[str, float], edges: Mapping[str, float]) -> str:
    """How many members find it suspicious, and which of them is furthest from real images."""
    loud = [name for name in VOTING if members[name] > edges[name]]
    if not loud:
        return f"none of {len(VOTING)} members finds it suspicious"
    first = max(loud, key=lambda name: members[name])
    return (
        f"{len(loud)} of {len(VOTING)} members {'finds' if len(loud) == 1 else 'find'} it "
        "suspicious, most of all "
        f"{MEMBERS[first].title}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{math.floor(100 * share + 0.5)} %"
