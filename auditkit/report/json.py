"""The report as JSON: the only source of truth, from which every other format is drawn.

    {"format", "schema_version", "title", "verdict", "model", "data", "environment", "config",
     "results": [...], "not_tested": [...], "timings": {"facts", "checks"}}

Undefined and infinite numbers are null; a finding's `reason` says why. Whatever differs between
two runs of one audit stands in `timings`: the same report gives the same bytes. The schema is
published as docs/report.schema.json.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pandas as pd

from auditkit.errors import DataError
from auditkit.report.frames import frame_from_dict, frame_to_dict, plain_number, plain_text
from auditkit.results import AuditReport, Finding, View

FORMAT = "auditkit report"
SCHEMA_VERSION = 1
VIEWS: Mapping[str, type] = {view.__name__.lower(): view for view in get_args(View)}


def to_dict(report: AuditReport) -> dict[str, Any]:
    """The report as plain values: text, whole numbers, finite floats, lists, dicts and None."""
    body = _plain_fields(report)
    checks = [{"rule": one["rule"], "seconds": one.pop("seconds")} for one in body["results"]]
    timings = {"facts": body.pop("timings"), "checks": checks}
    head = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "title": body.pop("title")}
    return {**head, "verdict": report.verdict.value, **body, "timings": timings}


def dumps(report: AuditReport) -> str:
    """The report as JSON text, ending in a newline; the same report gives the same text."""
    return json.dumps(to_dict(report), allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def loads(text: str) -> AuditReport:
    """The report that `dumps` wrote. Infinities come back as NaN, sequences of facts as lists.

    Raises DataError where the text is no auditkit report or is of a newer schema than ours.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"this is not an auditkit report: it is not JSON ({error})") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise DataError(
            f'this is not an auditkit report: its first entry must be "format": {FORMAT!r};'
            " give a report.json or report.html that auditkit wrote"
        )
    _require_version(raw.get("schema_version"))
    return _report(raw)


def _require_version(version: object) -> None:
    if not isinstance(version, int) or version < 1:
        raise DataError(f"the report's schema_version is {version!r}, not a whole number from 1")
    if version > SCHEMA_VERSION:
        raise DataError(
            f"the report is of schema version {version} and this auditkit reads up to"
            f" {SCHEMA_VERSION}: install a newer auditkit"
        )


def _report(raw: Mapping[str, Any]) -> AuditReport:
    try:
        checks = raw["timings"]["checks"]
        results = [
            {**result, "seconds": check["seconds"]}
            for result, check in zip(raw["results"], checks, strict=True)
        ]
        body = {**raw, "results": results, "timings": raw["timings"]["facts"]}
        report: AuditReport = _restore(AuditReport, body)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the report is damaged: {error!r}; write it anew") from error
    return report


def _plain(value: Any) -> Any:
    """Any value of a report as plain JSON."""
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(value.value)
        case str():
            return plain_text(value)
        case int():
            return int(value)
        case float():
            return plain_number(value)
        case pd.DataFrame():
            return frame_to_dict(value)
        case Mapping():
            return {plain_text(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case set() | frozenset():
            return sorted((_plain(one) for one in value), key=str)
    if is_dataclass(value):
        return _plain_fields(value)
    return _plain(value.item()) if hasattr(value, "item") else plain_text(value)


def _plain_fields(value: Any) -> dict[str, Any]:
    kind: Any = type(value)
    plain = {"type": kind.__name__.lower()} if kind in VIEWS.values() else {}
    for name, hint in _hints(kind).items():
        field = getattr(value, name)
        plain[name] = plain_number(field) if hint is float else _plain(field)
    if isinstance(value, Finding) and math.isinf(value.value) and not value.reason:
        plain["reason"] = "the value is infinite"
    return plain


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}


def _restore(hint: Any, raw: Any) -> Any:
    """The value of type `hint` that `_plain` wrote as `raw`. Raises TypeError or ValueError."""
    if hint is float:
        return math.nan if raw is None else float(raw)
    if hint is pd.DataFrame:
        return frame_from_dict(raw)
    if hint == View:
        return _restore(VIEWS[raw["type"]], raw)
    if is_dataclass(hint):
        return _restore_fields(hint, raw)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(raw)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return None if raw is None else _restore(_without_none(inner), raw)
    if origin is tuple:
        return _restore_tuple(inner, raw)
    expected = Mapping if origin is not None else hint
    if not isinstance(raw, expected) or (hint is int and isinstance(raw, bool)):
        raise TypeError(f"{raw!r} where {getattr(expected, '__name__', expected)} was expected")
    return raw


def _restore_fields(kind: Any, raw: Any) -> Any:
    if not isinstance(raw, Mapping):
        raise TypeError(f"{raw!r} where {kind.__name__} was expected")
    hints = _hints(kind)
    return kind(**{name: _restore(hints[name], raw[name]) for name in hints if name in raw})


def _restore_tuple(inner: tuple[Any, ...], raw: Any) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise TypeError(f"{raw!r} where a list was expected")
    if inner[-1] is Ellipsis:
        return tuple(_restore(inner[0], one) for one in raw)
    return tuple(_restore(hint, one) for hint, one in zip(inner, raw, strict=True))


def _without_none(inner: tuple[Any, ...]) -> Any:
    return next(one for one in inner if one is not NoneType)
