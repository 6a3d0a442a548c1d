"""Does what a generator makes say so to a machine, and what is left of that after a re-save?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from auditkit.checks.base import at_least, finding, percent
from auditkit.checks.released import Provenance
from auditkit.detection.marks.outputs import files_in
from auditkit.detection.marks.reading import marks_of
from auditkit.detection.marks.survival import Survival, marked, survival
from auditkit.generating import marked_files
from auditkit.models.predictor import Images
from auditkit.results import Finding, Intervals, Section, Table
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject

TEXT = (
    "A mark is metadata that a program can read: a manifest of C2PA, IPTC's digital source type in "
    "XMP, or a generator's settings. But for a signed manifest anybody can write one or take it "
    "out, and where it is missing nothing follows: a picture without a mark may be made, and one "
    "with it real. No invisible watermark is looked for: none that is maintained fits pictures as "
    "small as these generators make (docs/generated-content.md)."
)
PLAIN = "saved as JPEG 75"


def run(check: Provenance, subject: Subject) -> Iterator[Finding | Section]:
    """A finding of marked files, one of the marks left by a plain re-save, a picture of all."""
    files, whose = _files(check, subject)
    share = marked(files)
    yield finding(
        f"{percent(share.value)} of {share.n} files {whose} carry a machine-readable mark that a "
        "generator made them.",
        share,
        metric="files that carry a mark",
        status=at_least(share, check.min_marked),
        limit=check.min_marked,
        remedy="Write what leaves the generator with `auditkit generate`, or keep the metadata in "
        "whatever saves it.",
    )
    kept = survival(files)
    plain = next(one.kept for one in kept if one.way.title == PLAIN)
    if plain.defined:
        yield _left(plain)
    yield Section(
        title="Does what it makes say so?",
        text=TEXT,
        views=_views(files, kept if plain.defined else ()),
    )


def _files(check: Provenance, subject: Subject) -> tuple[Sequence[bytes], str]:
    if check.outputs is not None:
        return files_in(Path(check.outputs), check.images), "in the folder of outputs"
    pixels = subject.answers(Images).pixels[: check.images]
    facts = subject.predictor.facts
    made = [f"image {i} of an audit with seed {subject.runtime.seed}" for i in range(len(pixels))]
    checksum = str(facts.get("card sha256", "unknown"))
    return (
        marked_files(pixels, str(facts["name"]), checksum, made),
        "as `auditkit generate` writes them",
    )


def _left(plain: Estimate) -> Finding:
    return finding(
        f"{percent(plain.value)} of the marks are left once a program opens the picture and saves "
        "it as JPEG without passing on its metadata; one that passes them on can keep them.",
        plain,
        metric="marks left after a plain re-save",
    )


def _views(files: Sequence[bytes], kept: Sequence[Survival]) -> tuple[Intervals | Table, ...]:
    seen = Counter((mark.kind.value, mark.checked) for one in files for mark in marks_of(one))
    table = Table(
        title="Marks that were read",
        frame=pd.DataFrame(
            [(kind, count, checked) for (kind, checked), count in sorted(seen.items())],
            columns=["mark", "files", "what it is worth"],
        ),
    )
    left = Intervals(
        title="Marks that are left",
        frame=pd.DataFrame(
            [(one.way.title, one.kept.value, one.kept.low, one.kept.high) for one in kept],
            columns=["way", "share", "low", "high"],
        ),
        label="way",
        value="share",
        low="low",
        high="high",
        text="Of the files that carry one. The last two are by a program that passes on the XMP "
        "it read; what a service that publishes pictures does, ask it.",
    )
    return (*((table,) if seen else ()), *((left,) if kept else ()))
