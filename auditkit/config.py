"""The choices of one audit: from audit.toml, from the command line, checked once."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from auditkit.errors import ConfigError, suggestion
from auditkit.ranges import SHARE, ranged, require_ranges

TABLES = ("checks", "runtime", "bands", "release")
WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


@dataclass(frozen=True, kw_only=True)
class Release:
    """What a human declares of a generating model: shown as it was written, verified by nobody."""

    intended_use: str = ""
    foreseeable_misuse: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """What to audit, on which rows and with which limits.

    model is a checkpoint folder or `package.module:factory`; data a file or a catalogue name.
    bands gives the inner edges that cut a numeric sensitive column or control into groups;
    groups are also compared within the strata of controls; rows of one cluster (a person, a
    document) belong together. immutable columns, beside the sensitive ones, are what nobody can
    change about themselves.
    checks maps a check's name to its limits; a check with `skip = "reason"` is not run.
    threshold turns scores into decisions; judge is the
    checkpoint of a classifier that looks at a generator's images.
    """

    model: str | None = None
    weights: str | None = None
    preprocess: str | None = None
    predictions: str | None = None
    judge: str | None = None
    data: str | None = None
    target: str | None = None
    positive: str | None = None
    prediction: str | None = None
    score: str | None = None
    sensitive: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    bands: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    cluster: str | None = None
    features: tuple[str, ...] = ()
    threshold: float = ranged(0.5, *SHARE)
    title: str | None = None
    out: str | None = None
    device: str = "auto"
    seed: int = 0
    batch_size: int = 4096
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        require_ranges(self, "the configuration")

    def overridden(self, **given: Any) -> Self:
        """The same, with every option that was given on the command line in place of the file's."""
        said = {
            name: value
            for name, value in given.items()
            if value is not None and value != () and value != {}
        }
        return replace(self, **said)


def read_config(path: Path | str) -> AuditConfig:
    """The configuration in a TOML file. Raises ConfigError for anything it does not know."""
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"no file {path}: check the path after --config") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}; check the path") from error
    runtime = _table(raw, "runtime", path)
    keys = {key: value for key, value in raw.items() if key not in TABLES}
    checks = _table(raw, "checks", path)
    for name in checks:
        _table(checks, name, path)
    at_runtime = ("device", "seed", "batch_size")
    known = [one.name for one in fields(AuditConfig) if one.name not in (*TABLES, *at_runtime)]
    values = _known(keys, [*known, *TABLES], AuditConfig, str(path))
    values |= _known(runtime, at_runtime, AuditConfig, f"[runtime] in {path}")
    bands = _edges(_table(raw, "bands", path), f"[bands] in {path}")
    return AuditConfig(**values, bands=bands, checks=_with_release(checks, raw, path))


def _with_release(
    checks: Mapping[str, Any], raw: Mapping[str, Any], path: Path
) -> Mapping[str, Any]:
    """The checks' tables, that of `release` with what [release] declares."""
    where = f"[release] in {path}"
    said = _known(
        _table(raw, "release", path), [one.name for one in fields(Release)], Release, where
    )
    for name, value in said.items():
        texts = [value] if isinstance(value, str) else value
        if not texts or not all(one.strip() for one in texts):
            raise ConfigError(f"{name!r} in {where} is empty: write it, or leave it out")
    own = checks.get("release", {})
    twice = sorted(said.keys() & own.keys())
    if twice:
        raise ConfigError(f"{twice[0]!r} stands in {where} and in [checks.release]: leave one out")
    declared = {name: list(one) if isinstance(one, tuple) else one for name, one in said.items()}
    return {**checks, "release": {**declared, **own}} if declared else checks


def bands_of(given: Sequence[str]) -> Mapping[str, tuple[float, ...]]:
    """The inner edges that `age=25,45` declares, by column. Raises ConfigError for others."""
    found: dict[str, Any] = {}
    for one in given:
        name, _, listed = one.rpartition("=")
        if not name:
            raise ConfigError(f"--bands {one!r} is not of the form column=edge,edge: age=25,45")
        try:
            found[name] = [float(edge) for edge in listed.split(",")]
        except ValueError:
            raise ConfigError(f"--bands {one!r} has an edge that is no number") from None
    return _edges(found, "--bands")


def _edges(raw: Mapping[str, Any], where: str) -> Mapping[str, tuple[float, ...]]:
    """Inner edges by column, each list rising. Raises ConfigError for anything else."""
    for name, edges in raw.items():
        numbers = isinstance(edges, list) and all(type(one) in (int, float) for one in edges)
        if not numbers or not edges or not all(math.isfinite(one) for one in edges):
            raise ConfigError(f"{name!r} in {where} is {edges!r}; give a list of edges: [25, 45]")
        if any(low >= high for low, high in pairwise(edges)):
            raise ConfigError(f"{name!r} in {where} is {edges!r}; give edges that rise: [25, 45]")
    return MappingProxyType({name: tuple(map(float, edges)) for name, edges in raw.items()})


def built(check: type[Any], name: str, limits: Mapping[str, Any]) -> Any:
    """A dataclass (a check, a network's sizes) with these values; name says where they stand.

    Raises ConfigError for a field it does not have or a value of another type.
    """
    known = [one.name for one in fields(check)]
    made = check(**_known(limits, known, check, name))
    require_ranges(made, name)
    return made


def _table(raw: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    table = raw.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{name!r} in {path} is a table: write [{name}] on a line of its own")
    return table


def _known(raw: Mapping[str, Any], names: Any, owner: type[Any], where: str) -> dict[str, Any]:
    """Values by field name, each of its field's type. A dash in a key is an underscore."""
    hints, values = get_type_hints(owner), {}
    for key, value in raw.items():
        name = key.replace("-", "_")
        if name not in names:
            raise ConfigError(f"unknown key {key!r} in {where}; {suggestion(key, names)}")
        if name in values:
            raise ConfigError(f"{key!r} in {where} is set twice: with a dash and an underscore")
        values[name] = _typed(value, hints[name], f"{key!r} in {where}")
    return values


def _typed(value: Any, hint: Any, what: str) -> Any:
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise ConfigError(f"{what} is {value!r}; {suggestion(str(value), get_args(hint))}")
    kinds = [one for one in get_args(hint) if one is not NoneType] or [hint]
    kind = kinds[0] if get_origin(hint) is UnionType else hint
    if get_origin(kind) is tuple:
        several = [value] if isinstance(value, str) else value
        if isinstance(several, list) and all(isinstance(one, str) for one in several):
            return tuple(several)
        raise ConfigError(f"{what} is {value!r}; give a list of texts")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{what} holds a NUL character: remove it")
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ConfigError(f"{what} is {value!r}; give {WORDS[kind]}")
    return value
