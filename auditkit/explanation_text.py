"""An explanation as text for a terminal, as JSON and as CSV. Nothing is printed here."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
import pandas as pd

from auditkit.errors import UsageError, suggestion
from auditkit.explanation import Explanation
from auditkit.report.images import where
from auditkit.report.numerals import write
from auditkit.report.tokens import level, strongest, visible

FORMATS = ("text", "json", "csv")
BAR = 20  # letters on each side of nothing
MOST_BARS = 24
WIDE, TALL = 56, 28  # letters of a block picture
SHADES = " ░▒▓█"
STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")  # letters that would steer the terminal
# Backgrounds of 256 colours, orange for and blue against, with black on the pale ones.
FOR = ("", "48;5;230;30", "48;5;223;30", "48;5;216;30", "48;5;208;30", "48;5;166;97")
AGAINST = ("", "48;5;195;30", "48;5;153;30", "48;5;117;30", "48;5;39;30", "48;5;25;97")


def as_json(explanation: Explanation) -> str:
    """Facts, and a record for each line of the frame; undefined numbers are null."""
    frame = explanation.frame
    records = [
        {name: _plain(value) for name, value in zip(frame.columns, line, strict=True)}
        for line in frame.itertuples(index=False)
    ]
    facts = {name: text for name, text in explanation.facts.items() if text}
    body = {
        "title": explanation.title,
        "row": explanation.row,
        "method": explanation.method,
        "baseline": explanation.baseline,
        "answers": [_plain(one) for one in explanation.found.answers.tolist()],
        "reference": [_plain(one) for one in explanation.found.reference.tolist()],
        "facts": facts,
        "attributions": records,
    }
    return json.dumps(body, allow_nan=False, ensure_ascii=False, indent=1)


def as_csv(explanation: Explanation) -> str:
    """The frame, with a line of names above."""
    return explanation.frame.to_csv(index=False).rstrip("\n")


def as_text(explanation: Explanation, *, colour: bool = False) -> Iterator[str]:
    """Line by line: the facts, and a picture made of letters."""
    yield safe(explanation.title)
    for name, text in explanation.facts.items():
        if text:
            yield f"  {name:<14} {safe(text)}"
    frame = explanation.frame
    for i, ask in enumerate(explanation.rows.asks):
        yield ""
        if len(explanation.rows.asks) > 1:
            yield safe(f"{ask}: {write(float(explanation.found.answers[i]))}")
        part = frame[frame["explained"] == ask] if "explained" in frame else frame
        yield from _picture(explanation.rows.medium, part, colour)


def written(explanation: Explanation, path: Path, how: str = "text") -> Path:
    """The path, to which pictures were drawn as HTML, or JSON or CSV was written.

    Raises UsageError where that fails.
    """
    body = {"json": as_json, "csv": as_csv}.get(how, Explanation.page)(explanation)
    try:
        path.write_text(f"{body}\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        seen = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(f"cannot write {str(path)!r}: {seen}; give another file") from error
    return path


def ensure_place(path: Path) -> None:
    """Raise UsageError now, before the long work, where no file can be written later."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        seen = "it is a folder" if path.is_dir() else "its folder does not exist"
        raise UsageError(f"cannot write {str(path)!r}: {seen}; give another file")
    if path.exists() and not path.is_file():  # a finished file takes its name's place: /dev/null's
        raise UsageError(f"cannot write {str(path)!r}: it is a pipe or device; give another file")


def required_format(name: str) -> str:
    """The format's name. Raises UsageError for one that there is not."""
    if name not in FORMATS:
        raise UsageError(f"no format {name!r}; {suggestion(name, FORMATS)}")
    return name


def safe(text: str) -> str:
    """Text of the data's, whose controls are spelled out."""
    return "".join(repr(one)[1:-1] if category(one) in STEERING else one for one in text)


def _picture(medium: str, frame: pd.DataFrame, colour: bool) -> Iterator[str]:
    scores = frame["attribution"].to_numpy(dtype=float)
    match medium:
        case "image":
            laid = _laid(frame, "row", "column")
            yield from _blocks(laid)
            yield where(laid)
        case "sequence":
            laid = _laid(frame, "channel", "step")
            yield from _blocks(laid)
            yield f"across: step 1 to {laid.shape[1]}; down: channel 1 to {laid.shape[0]}"
        case "text":
            words = [safe(visible(one)) for one in frame["word"]]
            yield _line(words, scores, colour)
            yield strongest(words, scores.tolist())
            yield from _bars(words, scores, frame["standard_error"])
        case _:
            yield from _bars(_named(frame), scores, frame["standard_error"])


def _named(frame: pd.DataFrame) -> list[str]:
    first = frame.columns[1] if frame.columns[0] == "explained" else frame.columns[0]
    pairs = zip(frame[first].tolist(), frame["value"].tolist(), strict=True)
    return [safe(f"{name} = {value}" if value != "" else str(name)) for name, value in pairs]


def _bars(names: Sequence[str], scores: np.ndarray, errors: "pd.Series[float]") -> Iterator[str]:
    """The strongest first, each with its bar on the side of its sign."""
    if not np.any(scores):
        yield "No part carries any weight."
        return
    order = sorted(range(len(scores)), key=lambda i: -abs(scores[i]))
    width = min(32, max(len(names[i]) for i in order[:MOST_BARS]))
    most = abs(scores[order[0]])
    for i in order[:MOST_BARS]:
        length = round(BAR * abs(scores[i]) / most)
        left, right = ("▒" * length, "") if scores[i] < 0 else ("", "█" * length)
        name = names[i] if len(names[i]) <= width else f"{names[i][: width - 1]}…"
        number = write(float(scores[i]))
        error = f" ± {write(float(errors.iloc[i]))}" if errors.iloc[i] > 0 else ""
        yield f"{name:<{width}} {left:>{BAR}}|{right:<{BAR}} {number:>8}{error}".rstrip()
    if rest := order[MOST_BARS:]:
        yield f"and {len(rest)} weaker ones, together {write(float(sum(scores[rest])))}"


def _line(words: Sequence[str], scores: np.ndarray, colour: bool) -> str:
    """The words in their order, coloured where the terminal can."""
    if not colour:
        return " ".join(words)
    most = float(np.abs(scores).max(initial=0.0))
    return " ".join(
        _coloured(word, level(float(one), most)) for word, one in zip(words, scores, strict=True)
    )


def _coloured(word: str, grade: str) -> str:
    if grade in ("z", "u"):
        return word
    code = (FOR if grade[0] == "p" else AGAINST)[int(grade[1])]
    return f"\x1b[{code}m{word}\x1b[0m"


def _laid(frame: pd.DataFrame, down: str, across: str) -> np.ndarray:
    return frame.pivot(index=down, columns=across, values="attribution").to_numpy(dtype=float)


def _blocks(laid: np.ndarray) -> Iterator[str]:
    """Weight by size as shades, at most WIDE letters wide: a letter is twice as high as wide."""
    size = np.abs(np.nan_to_num(laid))
    height, width = size.shape
    step = max(1, math.ceil(width / WIDE))
    rise = max(1, math.ceil(height / TALL)) if height <= TALL // 2 else max(2, 2 * step)
    pooled = np.add.reduceat(
        np.add.reduceat(size, range(0, height, rise), axis=0), range(0, width, step), axis=1
    )
    most = pooled.max() or 1.0
    edge = "+" + "-" * pooled.shape[1] + "+"
    yield edge
    for row in np.rint((len(SHADES) - 1) * pooled / most).astype(int):
        yield f"|{''.join(SHADES[one] for one in row)}|"
    yield edge


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
