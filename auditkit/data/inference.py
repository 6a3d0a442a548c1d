"""Works out a schema from the rows themselves and from what the user says of the columns."""

from collections.abc import Sequence

import pandas as pd

from auditkit.data.memberships import MOST_GROUPS, sensitive_column
from auditkit.data.schema import Column, Kind, Schema, require_column
from auditkit.data.values import Coded, canonical, coded, in_order, is_number
from auditkit.errors import DataError, UsageError, suggestion

# A target whose favoured value is plain without being told: 1, or true.
OBVIOUS = {frozenset({"0", "1"}): "1", frozenset({"false", "true"}): "true"}


def infer_schema(
    frame: pd.DataFrame,
    *,
    target: str,
    sensitive: Sequence[str] = (),
    positive: str | None = None,
    features: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    where: str = "the data",
    require_features: bool = True,
) -> Schema:
    """The schema of a table of a binary decision.

    features default to every column but target, sensitive and exclude, in file order. positive
    is the favoured target value and may be left out where the target is 0/1 or true/false; a
    target of more values is read as positive against the rest, once positive is given. Numeric
    sensitive columns with more than ten values are cut at their quartiles. With
    require_features=False there may be none left. Raises DataError
    where a column is missing, empty or constant, has too many groups, or the target is not
    known in every row; UsageError where positive or features cannot be meant.
    """
    for name in (target, *sensitive, *exclude, *(features or ())):
        require_column(frame, name, where)
    names = features if features is not None else _others(frame, target, sensitive, exclude)
    if require_features and not names:
        raise DataError(f"no feature is left in {where} beside target and sensitive columns")
    return Schema(
        target=_target(frame[target], where),
        positive=_positive(frame[target], positive, where),
        features=tuple(_feature(frame[name]) for name in _usable(names, target)),
        sensitive=sensitive_columns(frame, sensitive, target=target, where=where),
    )


def sensitive_columns(
    frame: pd.DataFrame, names: Sequence[str], *, target: str, where: str
) -> tuple[Column, ...]:
    """How each named column becomes groups, each column once.

    Raises DataError where one is absent, empty or has too many levels, UsageError for the target.
    """
    for name in names:
        require_column(frame, name, where)
    return tuple(_sensitive(frame[name], target, where) for name in dict.fromkeys(names))


def require_known(target: pd.Series, levels: Coded, where: str) -> None:
    """Raise DataError, naming count and first row, unless the target is known in every row."""
    missing = levels.codes < 0
    if missing.any():
        raise DataError(
            f"target {str(target.name)!r} is missing in {int(missing.sum())} of {len(target)} rows "
            f"of {where}, first in row {int(missing.argmax()) + 1}: drop these rows or fill them in"
        )


def _others(
    frame: pd.DataFrame, target: str, sensitive: Sequence[str], exclude: Sequence[str]
) -> list[str]:
    taken = {target, *sensitive, *exclude}
    return [str(name) for name in frame.columns if name not in taken]


def _usable(names: Sequence[str], target: str) -> Sequence[str]:
    if target in names:
        raise UsageError(f"target {target!r} is among the features: leave it out of them")
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise UsageError(f"feature {twice!r} is named twice: name each once")
    return names


def _target(values: pd.Series, where: str) -> Column:
    levels = coded(values)
    require_known(values, levels, where)
    if len(levels.names) == 1:
        raise DataError(
            f"target {str(values.name)!r} has the one value {levels.names[0]!r} in {where}: "
            "there is nothing to predict"
        )
    return Column(name=str(values.name), kind=Kind.CATEGORICAL, levels=in_order(levels.names))


def _positive(values: pd.Series, positive: str | None, where: str) -> str:
    names = coded(values).names
    if positive is None:
        by_case = {name.casefold(): name for name in names}
        obvious = OBVIOUS.get(frozenset(by_case))
        if obvious is None:
            known = suggestion("", in_order(names))
            raise UsageError(
                f"which value of target {str(values.name)!r} is the positive one? {known}: "
                "name it with --positive"
            )
        return by_case[obvious]
    wanted = spelled_as(positive, values)
    if wanted not in names:
        known = suggestion(wanted, in_order(names))
        raise UsageError(f"target {str(values.name)!r} in {where} is never {positive!r}; {known}")
    return wanted


def spelled_as(value: str, column: pd.Series) -> str:
    """A value typed by a user, as the column spells it: "1.0" is "1" in a column of numbers."""
    if is_number(column):
        try:
            return canonical(float(value))
        except ValueError:
            return canonical(value)
    return canonical(value)


def _feature(values: pd.Series) -> Column:
    kind = Kind.NUMERIC if is_number(values) else Kind.CATEGORICAL
    return Column(name=str(values.name), kind=kind)


def _sensitive(values: pd.Series, target: str, where: str) -> Column:
    name = str(values.name)
    if name == target:
        raise UsageError(f"column {name!r} cannot be both target and sensitive")
    column = sensitive_column(values)
    if not (column.bands or column.levels):
        raise DataError(f"sensitive column {name!r} is empty in all {len(values)} rows of {where}")
    if len(column.levels) > MOST_GROUPS:
        raise DataError(
            f"sensitive column {name!r} has {len(column.levels)} levels in {where}, more than "
            f"{MOST_GROUPS}: put them into fewer groups, or bands if they are numbers"
        )
    return column
