"""The machine-readable marks in a picture's file, and what each of them is worth.

A mark says what somebody wrote, and nobody need have been honest; no mark says nothing at all,
since one re-save loses it. Only a manifest of C2PA is signed.

IPTC 2022, "Digital Source Type"; C2PA 2025, "Technical Specification 2.2".
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image

from auditkit.detection.marks.containers import MOST, Carried, Part, mime_of, parts
from auditkit.detection.marks.manifests import Manifest, manifest_of

# The terms of IPTC's vocabulary for what an algorithm made, in whole or in part.
MADE = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "compositeSynthetic",
        "algorithmicMedia",
    }
)
TERM = re.compile(rb"digitalsourcetype/([A-Za-z]{1,64})", re.IGNORECASE)
# Keywords under which image generators in use write what they were asked for.
SETTINGS = frozenset(
    {
        "parameters",
        "prompt",
        "workflow",
        "dream",
        "sd-metadata",
        "invokeai_metadata",
        "invokeai_graph",
        "generation_data",
        "fooocus_scheme",
    }
)
SOFTWARE, MAKE, MODEL, COMMENT, EXIF_PART = 0x0131, 0x010F, 0x0110, 0x9286, 0x8769  # EXIF's tags
LONGEST = 120  # characters of a stranger's text that are repeated
LOOKED_AT = 1 << 14  # characters and bytes of it that are looked at: it may hold millions
UNSIGNED = "not signed: anybody can write or remove it"


class Kind(StrEnum):
    """Which mark it is."""

    MANIFEST = "C2PA manifest"
    SOURCE = "digital source type (XMP)"
    SETTINGS = "a generator's settings"
    SOFTWARE = "name of a program or camera"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One mark. made: it declares a generator's work (True), other work (False), or says neither.

    says repeats it, checked tells how far it can be believed; holds is False where a signature
    was checked and is not the file's.
    """

    kind: Kind
    says: str
    made: bool | None
    checked: str = UNSIGNED
    holds: bool = True


def marks_of(content: bytes) -> tuple[Mark, ...]:
    """The marks in a file's bytes: PNG, JPEG and WebP in full, others as far as a search goes."""
    carried = parts(content)
    found = [mark for part in carried for mark in _marks(part)]
    if any(part.kind is Carried.MANIFEST for part in carried):
        found.insert(0, _signed(manifest_of(content, mime_of(content))))
    return tuple(found)


def declares_made(marks: Sequence[Mark]) -> bool:
    """Whether some mark, whose signature does not fail, says that a generator made the picture."""
    return any(one.made is True and one.holds for one in marks)


def _marks(part: Part) -> list[Mark]:
    match part.kind:
        case Carried.XMP:
            return _of_xmp(part.body)
        case Carried.EXIF:
            return _of_exif(part.body)
        case Carried.TEXT:
            return _of_text(part.name, part.body[:LOOKED_AT].decode("utf-8", "replace"))
        case Carried.MANIFEST:
            return []


def _of_xmp(body: bytes) -> list[Mark]:
    # A search and no parser: a stranger's XML can be made to unfold for ever.
    terms = sorted({one.decode() for one in TERM.findall(body[:MOST])})
    return [Mark(kind=Kind.SOURCE, says=one, made=one in MADE) for one in terms]


def _of_text(name: str, text: str) -> list[Mark]:
    if name.casefold() in SETTINGS:
        return [Mark(kind=Kind.SETTINGS, says=f"{name}: {_short(text)}", made=True)]
    if name.casefold() in ("software", "creator tool"):
        return [Mark(kind=Kind.SOFTWARE, says=_short(text), made=None)]
    return []


def _of_exif(body: bytes) -> list[Mark]:
    found = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.load(body)
            known = dict(found) | found.get_ifd(EXIF_PART)
    except Exception:  # a stranger's bytes: Pillow raises whatever it runs into
        return []
    named = [_short(_words(known[tag])) for tag in (SOFTWARE, MAKE, MODEL) if tag in known]
    comment = _words(known.get(COMMENT, ""))
    marks = [Mark(kind=Kind.SOFTWARE, says=" ".join(named), made=None)] if any(named) else []
    # Where a PNG has the keyword "parameters", a JPEG of the same programs has this comment.
    if "Steps: " in comment and "Sampler: " in comment:
        marks.append(Mark(kind=Kind.SETTINGS, says=_short(comment), made=True))
    return marks


def _signed(manifest: Manifest) -> Mark:
    made = None if not manifest.sources else bool(MADE & set(manifest.sources))
    sources = ", ".join(manifest.sources)
    says = f"{sources or 'no source type'}, signed as {manifest.signer}" if manifest.signer else ""
    return Mark(
        kind=Kind.MANIFEST,
        says=_short(says) or "a manifest is there",
        made=made,
        checked=manifest.checked,
        holds=manifest.holds,
    )


def _words(value: object) -> str:
    """A tag's value as text: comments come as bytes with eight that name their letters."""
    if not isinstance(value, bytes):
        return str(value)
    wide = value.startswith(b"UNICODE\0")
    return value[8:].decode("utf-16-be" if wide and value[8:9] == b"\0" else "utf-8", "replace")


def _short(text: str) -> str:
    seen = text[:LOOKED_AT]
    line = " ".join("".join(c if c.isprintable() else " " for c in seen).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
