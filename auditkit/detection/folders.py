"""A user's own images as a corpus: real/ and fake/ below one folder, told apart by where they lie.

    real/                 real images; a folder below it is a source: real/passports/0001.jpg
    fake/                 made ones; a folder below it is a generator: fake/stylegan/0001.png
    labels.csv            if there is one: a column `file`, and what else is known of each

labels.csv may name an image's `original` (the person or photograph behind it, else its file's name
without the ending), its `source` and its `part`; other columns are groups to compare.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.data.pictures import CLOSED, open_picture, suffixes
from auditkit.data.reading import read_table
from auditkit.data.schema import require_column
from auditkit.detection.corpus import (
    FAKE,
    GENERATOR,
    IMAGE,
    LABEL,
    NOBODY,
    ORIGINAL,
    PART,
    REAL,
    SOURCE,
    Part,
    corpus_of,
)
from auditkit.detection.reals import parts_of
from auditkit.errors import DataError, UsageError
from auditkit.runtime import Runtime, track

Pixels = NDArray[np.uint8]

LABELS = "labels.csv"
FILE = "file"
UNNAMED = "unnamed"  # a generator or a source whose images lie in no folder of their own
LARGEST = 256  # pixels on a side: of a larger image the middle is kept, unscaled
GRID = 8  # pixels: the middle begins where a square of JPEG does, so that its traces stay in place
MOST = 50_000  # images of a corpus: it is held in memory
UNUSED = "unused"  # instead of a part: for audits of the whole folder alone
NOTES = "notes"  # of the frame's attrs: sentences on what could not be done


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file, and what its place says: path below the corpus, label, generator and source."""

    path: str
    label: str
    generator: str
    source: str | None

    @property
    def original(self) -> str:
        """The file's name without its ending: real and made versions of one image share it."""
        return PurePosixPath(self.path).stem


def read_corpus(folder: Path, runtime: Runtime) -> pd.DataFrame:
    """The images of a folder as a corpus, with a part for each; sentences in `attrs["notes"]`.

    Parts are drawn by original, and generators held out: with three or more one is for calibration
    alone and one for tests alone, with two one is for both. Images of more than 256 pixels on a
    side are cut to their middle. Raises DataError where a class is missing or an image cannot be
    opened, UsageError where there is no such folder.
    """
    found = _sourced(_files(folder))
    told = _told(folder, [one.path for one in found])
    columns: dict[str, list[str]] = {
        LABEL: [one.label for one in found],
        GENERATOR: [one.generator for one in found],
        SOURCE: [one.source or UNNAMED for one in found],
        ORIGINAL: [one.original for one in found],
    }
    for name in (SOURCE, ORIGINAL, PART):
        if name in told:
            columns[name] = _filled(told.pop(name), columns.get(name), f"{folder}/{LABELS}")
    notes = _unsourced(found, columns[SOURCE])
    if PART in columns:
        _require_apart(columns, f"{folder}/{LABELS}")
    else:
        columns[PART], more = _parts(columns, runtime)
        notes += more
    corpus = corpus_of(_opened(folder, found), **columns)
    for name in told.columns:
        corpus[name] = told[name].to_numpy()
    corpus.attrs[NOTES] = notes
    return corpus


def _files(folder: Path) -> list[Found]:
    """Every image file below real/ and fake/, in the order of their paths."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; give one with {REAL}/ and {FAKE}/ in it")
    endings = suffixes() | CLOSED  # what cannot be opened is refused and not left out
    found: list[Found] = []
    for label in (REAL, FAKE):
        before = len(found)
        for path in _below(folder / label):
            if path.suffix.lower() in endings:
                found.append(_placed(path.relative_to(folder), label))
        if len(found) == before:
            raise DataError(
                f"{folder} has no image in {label}/: put real images into {REAL}/ and made ones "
                f"into {FAKE}/, each generator's in a folder of its own"
            )
    if len(found) > MOST:
        raise DataError(
            f"{folder} holds {len(found):,} images, which do not fit into memory: give {MOST:,} at "
            "most, drawn at random"
        )
    return found


def _below(folder: Path) -> Iterator[Path]:
    """Plain files in a fixed order; hidden ones and links to folders are passed over."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        yield from (Path(place) / one for one in sorted(names) if not one.startswith("."))


def _placed(path: Path, label: str) -> Found:
    """What a file's place says; of a fake's second folder whether it is a source is seen later."""
    folders = (*path.parts[1:-1], None, None)
    first = folders[0] or UNNAMED
    if label == REAL:
        return Found(path=path.as_posix(), label=label, generator=NOBODY, source=first)
    return Found(path=path.as_posix(), label=label, generator=first, source=folders[1])


def _sourced(found: Sequence[Found]) -> list[Found]:
    """The source of each fake: its second folder, else that of the real image of its name.

    Where real images have one source, it is that of all fakes.
    """
    sources = {one.source for one in found if one.label == REAL}
    behind = {one.original: one.source for one in found if one.label == REAL}
    only = next(iter(sources)) if len(sources) == 1 else None
    return [
        one
        if one.label == REAL or one.source in sources
        else replace(one, source=behind.get(one.original, only))
        for one in found
    ]


def _unsourced(found: Sequence[Found], told: Sequence[str]) -> list[str]:
    unknown = sum(
        one.source is None and source == UNNAMED for one, source in zip(found, told, strict=True)
    )
    if not unknown:
        return []
    return [
        f"Of {unknown} made images it is not known which set of real ones they are like: put them "
        f"into {FAKE}/GENERATOR/SOURCE/, or name the {SOURCE} in {LABELS}."
    ]


def _told(folder: Path, paths: Sequence[str]) -> pd.DataFrame:
    """What labels.csv says of each image, in the order of paths; no columns without the file."""
    place = folder / LABELS
    if not place.is_file():
        return pd.DataFrame(index=range(len(paths)))
    frame, _ = read_table(place)
    require_column(frame, FILE, str(place))
    for name in (IMAGE, LABEL, GENERATOR):
        if name in frame:
            raise DataError(
                f"{place} has a column {name!r}, which the folders tell: remove or rename it"
            )
    named = frame[FILE].astype(str).str.replace("\\", "/").str.removeprefix("./")
    known = set(paths)
    strange = [one for one in named if one not in known]
    if strange:
        raise DataError(
            f"{place} names {strange[0]!r}, which is no image there; files are named from the "
            f"folder on, such as {paths[0]!r}"
        )
    if named.duplicated().any():
        raise DataError(f"{place} names {named[named.duplicated()].iloc[0]!r} twice: keep one line")
    told = frame.drop(columns=FILE).set_index(pd.Index(named))
    return told.reindex(pd.Index(paths)).reset_index(drop=True)


def _filled(told: pd.Series, known: Sequence[str] | None, where: str) -> list[str]:
    """What a file tells, and where it tells nothing what is known. DataError for half the parts."""
    if known is not None:
        return [
            str(own) if pd.isna(one) else _named(one) for one, own in zip(told, known, strict=True)
        ]
    strange = sorted(set(told.fillna("empty").astype(str)) - set(Part))
    if strange:
        raise DataError(
            f"{PART} in {where} is {strange[0]!r} of some image; of each it is one of "
            f"{', '.join(Part)}"
        )
    return [str(one) for one in told]


def _named(told: object) -> str:
    """A name that may be a number: beside empty cells 7 is read as 7.0, and a file is called 7."""
    return str(int(told)) if isinstance(told, float) and told.is_integer() else str(told)


def _require_apart(columns: Mapping[str, Sequence[str]], where: str) -> None:
    seen: dict[str, str] = {}
    for original, part in zip(columns[ORIGINAL], columns[PART], strict=True):
        if seen.setdefault(original, part) != part:
            raise DataError(
                f"{where} has images of the {ORIGINAL} {original!r} in {seen[original]} and in "
                f"{part}: put all of one {ORIGINAL} into one part"
            )


def _parts(columns: Mapping[str, Sequence[str]], runtime: Runtime) -> tuple[list[str], list[str]]:
    """The part of each image, and a sentence on what could not be held out.

    Images go where their original does. A fake whose generator is not used there stays UNUSED: in
    another part it would bring along a photograph or person that is known by then.
    """
    rng = runtime.rng("parts of a folder")
    uses, notes = _uses(sorted(set(columns[GENERATOR]) - {NOBODY}), rng)
    makers: dict[str, set[str]] = {}
    for original, generator in zip(columns[ORIGINAL], columns[GENERATOR], strict=True):
        makers.setdefault(original, set()).add(generator)
    groups: dict[tuple[Part, ...], list[str]] = {}
    for original, made_by in sorted(makers.items()):
        alone = next(iter(made_by)) if len(made_by) == 1 else NOBODY
        groups.setdefault(uses.get(alone, tuple(Part)), []).append(original)
    drawn: dict[str, Part] = {}
    for parts, originals in groups.items():
        drawn |= parts_of(originals, parts, rng)
    return [
        drawn[original].value if drawn[original] in uses.get(generator, tuple(Part)) else UNUSED
        for original, generator in zip(columns[ORIGINAL], columns[GENERATOR], strict=True)
    ], notes


def _uses(
    generators: Sequence[str], rng: np.random.Generator
) -> tuple[dict[str, tuple[Part, ...]], list[str]]:
    """The parts that each generator's fakes are for, and a sentence where none is held out."""
    if len(generators) == 1:
        note = (
            f"All made images are of one generator, {generators[0]!r}: none can be held out, and "
            "figures say nothing of fakes by another. Put a second one's into a folder of "
            f"{FAKE}/ of its own."
        )
        return {generators[0]: tuple(Part)}, [note]
    order = [generators[place] for place in rng.permutation(len(generators))]
    if len(generators) == 2:
        held: dict[str, tuple[Part, ...]] = {order[0]: (Part.CALIBRATION, Part.TEST)}
        return held | {order[1]: (Part.TRAIN,)}, []
    held = {order[0]: (Part.CALIBRATION,), order[1]: (Part.TEST,)}
    return held | dict.fromkeys(order[2:], (Part.TRAIN,)), []


def _opened(folder: Path, found: Sequence[Found]) -> list[Pixels]:
    """The pixels of each. Raises DataError with the first that cannot be opened, and their number.

    Whatever was wrong with one is likely wrong with others: all are tried before it is said.
    """
    images, broken = [], []
    for one in track(found, f"opening {folder.name}", len(found)):
        try:
            images.append(_middle(open_picture(folder / one.path, where=one.path).pixels))
        except DataError as error:
            broken.append(str(error))
    if broken:
        raise DataError(
            f"{len(broken)} of {len(found)} images in {folder} cannot be opened: remove or mend "
            f"them; {broken[0]}"
        )
    return images


def _middle(pixels: Pixels) -> Pixels:
    tops = [max(side - LARGEST, 0) // 2 // GRID * GRID for side in pixels.shape[1:]]
    return pixels[:, tops[0] : tops[0] + LARGEST, tops[1] : tops[1] + LARGEST].copy()
