"""What a detector said of files, line by line: a table, JSON or CSV. Nothing is printed here."""

import csv
import io
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from auditkit.detecting import PASSED_OVER, UNREADABLE, Row, Tally
from auditkit.detection.calibration import Answer
from auditkit.detection.files import Detector
from auditkit.errors import UsageError, suggestion
from auditkit.explanation_text import safe

FORMATS = ("table", "json", "csv")
COLUMNS = ("file", "answer", "probability", "p_value", "width", "height", "why")
FORMULA = ("=", "+", "-", "@")  # a spreadsheet takes a cell that begins so for a formula


def required_format(name: str) -> str:
    """The format's name. Raises UsageError for one that there is not."""
    if name not in FORMATS:
        raise UsageError(f"no format {name!r}; {suggestion(name, FORMATS)}")
    return name


def lines(rows: Iterable[Row], how: str) -> Iterator[str]:
    """Line by line as rows come: a table, JSON (an object a line) or CSV, both with a head."""
    match how:
        case "json":
            yield from map(_json, rows)
        case "csv":
            yield ",".join(COLUMNS)
            yield from map(_csv, rows)
        case _:
            yield f"{'answer':<10} {'fake':>6} {'p-value':>7} {'size':>11}  file: why"
            yield from map(_line, rows)


def written(rows: Iterable[Row], path: Path, how: str) -> Path:
    """The path, to which all lines were written, whole or not at all.

    Raises UsageError where it cannot be written.
    """
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            for line in lines(rows, how):
                file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        seen = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot write {str(path)!r}: {seen}; give another --out") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def summary(tally: Tally, detector: Detector, alpha: float) -> Iterator[str]:
    """How many of each answer, what "fake" promises and what not, and the detector's limits."""
    counts = tally.counts
    said = [f"{counts[one]:,} {one}" for one in (Answer.FAKE, Answer.REAL)]
    said += [f"{counts[Answer.ABSTAIN]:,} without an answer", f"{counts[UNREADABLE]:,} unreadable"]
    passed = counts[PASSED_OVER]
    more = f"; passed over, no images: {passed:,}, such as {tally.passed}" if passed else ""
    yield f"{', '.join(said)}{more}"
    if not tally.opened:
        yield "no image could be opened"
        return
    kinds = detector.calibration.promised
    known = ", ".join(f"{name} ({one.originals:,})" for name, one in kinds.items())
    yield (
        f'"fake" is said of at most {100 * alpha:g} % of real images like those it was calibrated '
        f"on, photographs or persons of {known}; of others nothing is promised"
    )
    yield "probabilities count as many fakes as reals: where fakes are rare, more calls are wrong"
    for limit in detector.facts.get("limits", ()):
        yield f"limit: {limit}"


def _line(row: Row) -> str:
    size = "" if row.size is None else f"{row.size[0]}x{row.size[1]}"
    p_value = "" if row.p_value is None else f"{row.p_value:.3f}"
    what = safe(f"{row.file}: {row.why}")
    return f"{row.answer:<10} {_probability(row.probability):>6} {p_value:>7} {size:>11}  {what}"


def _probability(value: float | None) -> str:
    """Never 0 or 1: no detector is that sure."""
    if value is None:
        return ""
    return "<0.01" if value < 0.005 else ">0.99" if value >= 0.995 else f"{value:.2f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _json(row: Row) -> str:
    """One object; letters beyond ASCII, and bytes that are no letters, are escaped."""
    width, height = row.size or (None, None)
    numbers = (_rounded(row.probability), _rounded(row.p_value))
    cells = (row.file, row.answer, *numbers, width, height, row.why)
    members = {name: _rounded(one) for name, one in row.members.items()}
    body = dict(zip(COLUMNS, cells, strict=True)) | {"members": members}
    return json.dumps(body, allow_nan=False)


def _csv(row: Row) -> str:
    width, height = row.size or ("", "")
    numbers = map(_rounded, (row.probability, row.p_value))
    line = io.StringIO()
    cells = (_cell(row.file), row.answer, *numbers, width, height, _cell(row.why))
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _cell(text: str) -> str:
    """Text on one line that no spreadsheet takes for a formula."""
    text = safe(text)
    return f"'{text}" if text.startswith(FORMULA) else text
