"""From a configuration to the subject of an audit: which model, on which rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.config import AuditConfig
from auditkit.data import catalogue
from auditkit.data.engines import lies_elsewhere
from auditkit.data.inference import infer_schema, sensitive_columns
from auditkit.data.schema import Column, Kind, Schema, Task, require_column
from auditkit.data.tables import Table, read_table, split
from auditkit.errors import UsageError, suggestion
from auditkit.models.card import Card, DataSource
from auditkit.models.predictions import PredictionsModel
from auditkit.models.sealed import DETECTOR, is_of_kind
from auditkit.runtime import Runtime
from auditkit.subject import Subject

if TYPE_CHECKING:
    from auditkit.models.checkpoint import CheckpointModel


SHIPPED = "detector"  # the name of the detector of made images that comes with auditkit


def load_subject(config: AuditConfig) -> Subject:
    """The model and the rows that a configuration names, ready to be checked.

    Raises UsageError where it names too little or too much, DataError or ModelError where what
    it names cannot be read.
    """
    return _held(_banded(_beside(_named(config), config), config), config)


def _named(config: AuditConfig) -> Subject:
    """The model and the rows, before anything is said of strata and clusters."""
    runtime = Runtime(device=config.device, seed=config.seed, batch_size=config.batch_size)
    if config.predictions:
        return _of_predictions(config, runtime)
    if not config.model:
        raise UsageError(
            "nothing to audit: name a checkpoint folder, --model package.module:factory or "
            "--predictions FILE"
        )
    if ":" in config.model and not Path(config.model).exists():
        return _of_factory(config, runtime)
    if _is_detector(config.model):
        return _of_detector(config, runtime)
    return _of_checkpoint(config, runtime)


def is_file(data: str) -> bool:
    """Whether a --data value means a file; a name of the catalogue never does."""
    if data in catalogue.CATALOGUE:
        return False
    return "." in Path(data).name or "/" in data or Path(data).exists()


def _of_checkpoint(config: AuditConfig, runtime: Runtime) -> Subject:
    from auditkit.models.checkpoint import CheckpointModel
    from auditkit.models.files import load

    folder = Path(str(config.model))
    checkpoint = load(folder)
    card = checkpoint.card
    _refuse(config, "weights", "preprocess", "features", "prediction", "score", what="a checkpoint")
    _refuse_other(config, card.schema, "this checkpoint was trained with")
    table, train = _rows_of(card, config)
    table = _with_sensitive(table, config.sensitive)
    given = Path(config.judge) if config.judge else None
    return Subject(
        predictor=CheckpointModel(
            checkpoint=checkpoint, runtime=runtime, name=folder.absolute().name
        ),
        table=table,
        train=None if train is None else replace(train, schema=table.schema),
        card=card,
        runtime=runtime,
        threshold=config.threshold,
        judge=judge_beside(folder, card, given, runtime),
    )


def _is_detector(model: str) -> bool:
    """A folder whose card says so; the word alone means the detector that ships with auditkit."""
    return (model == SHIPPED and not Path(model).exists()) or is_of_kind(Path(model), DETECTOR)


def _of_detector(config: AuditConfig, runtime: Runtime) -> Subject:
    from auditkit.detected import DetectorModel
    from auditkit.detection.files import load_detector
    from auditkit.detector_rows import audited_images

    folder = Path(str(config.model))
    detector = load_detector(folder if folder.exists() else None)
    _refuse(
        config,
        "weights",
        "preprocess",
        "features",
        "prediction",
        "score",
        "judge",
        what="a detector",
    )
    table, known = audited_images(detector, config.data, runtime)
    _refuse_other(config, table.schema, "a detector of made images has")
    table = _with_sensitive(table, config.sensitive)
    return Subject(
        predictor=DetectorModel(detector=detector, runtime=runtime, name=folder.absolute().name),
        table=table,
        train=None if known is None else replace(known, schema=table.schema),
        card=None,
        runtime=runtime,
        threshold=config.threshold,
    )


def judge_place(folder: Path, data: str) -> Path | None:
    """`cnn-DATA` in the same folder as a generator's checkpoint, if it is there."""
    beside = folder.absolute().parent / f"cnn-{data}"
    return beside if beside.is_dir() else None


def judge_beside(
    folder: Path, card: Card, given: Path | None, runtime: Runtime
) -> "CheckpointModel | None":
    """The classifier that judges a generator's images, None for any other model.

    The checkpoint that is given, or else `cnn-DATA` in the same folder as the generator's, where
    there is one. Raises ModelError or UsageError for one that is no classifier of such images.
    """
    from auditkit.models.checkpoint import CheckpointModel
    from auditkit.models.files import load

    if card.task is not Task.IMAGES:
        if given is not None:
            raise UsageError("--judge goes with a model that makes images: leave it out")
        return None
    place = given or judge_place(folder, card.data.name)
    if place is None:
        return None
    judge = CheckpointModel(checkpoint=load(place), runtime=runtime, name=place.absolute().name)
    judge.require_judge(card.encoder)
    _require_same_rows(judge.checkpoint.card.data, card.data, judge.name)
    return judge


def _require_same_rows(judge: DataSource, made: DataSource, name: str) -> None:
    """Raise UsageError for a judge of other data, or one that learned from the test images."""
    if judge.sha256 != made.sha256:
        raise UsageError(
            f"{name} was trained on {judge.name}, the generator on {made.name}: give a classifier "
            "of the same data"
        )
    published = made.catalogue and catalogue.CATALOGUE[made.name].test_rows is not None
    if judge.split_seed != made.split_seed and not published:
        raise UsageError(
            f"{name} was trained with --seed {judge.split_seed}, the generator with "
            f"{made.split_seed}: it has learned from test images; train it with the same seed"
        )


def _rows_of(card: Card, config: AuditConfig) -> tuple[Table, Table | None]:
    """The rows to audit a checkpoint on, and its training rows where they are known."""
    source = card.data
    if config.data is None and not source.catalogue:
        raise UsageError(
            f"this checkpoint was trained on the file {source.name}: give it, or other rows, with "
            "--data FILE"
        )
    data = config.data or source.name  # without --data the source is the catalogue's
    # A card is a stranger's: what it calls a data set of the catalogue is never a path.
    if is_file(data) and (config.data is not None or not source.catalogue):
        frame, checksum = read_table(data)
        table = Table(frame=frame, schema=card.schema, name=Path(data).name, sha256=checksum)
    else:
        table = replace(catalogue.load(data), schema=card.schema)
    card.schema.require(table.frame, table.name)
    if table.sha256 != source.sha256:
        return table, None
    train, test = split(table, seed=source.split_seed, test_fraction=source.test_fraction)
    return test, train


def _of_factory(config: AuditConfig, runtime: Runtime) -> Subject:
    from auditkit.models.foreign import load_foreign

    _refuse(config, "prediction", "score", what="a network")
    table = _audited_rows(config)
    model = load_foreign(
        str(config.model),
        Path(config.weights) if config.weights else None,
        features=table.schema.feature_names,
        preprocess=config.preprocess,
        runtime=runtime,
    )
    return Subject(
        predictor=model,
        table=table,
        train=None,
        card=None,
        runtime=runtime,
        threshold=config.threshold,
    )


def _of_predictions(config: AuditConfig, runtime: Runtime) -> Subject:
    _refuse(config, "model", "weights", "preprocess", "data", what="--predictions")
    if not (config.prediction or config.score):
        raise UsageError("which column holds the answers? name it with --prediction or --score")
    path = str(config.predictions)
    answers = tuple(name for name in (config.prediction, config.score) if name)
    for name in answers:
        role = _role(config, name)
        if role:
            raise UsageError(f"column {name!r} cannot be both the model's answer and {role}")
    target = _target(config)
    if lies_elsewhere(path):
        from auditkit.counted import counted_subject

        return counted_subject(config, target, runtime)
    frame, checksum = read_table(path)
    for name in (target, *answers):
        require_column(frame, name, path)
    schema = infer_schema(
        frame,
        target=target,
        positive=config.positive,
        sensitive=config.sensitive,
        features=config.features or None,
        exclude=(*answers, *([config.cluster] if config.cluster else [])),
        where=path,
        require_features=False,
    )
    table = Table(frame=frame, schema=schema, name=Path(path).name, sha256=checksum)
    return Subject(
        predictor=PredictionsModel(
            name=Path(path).stem,
            where=path,
            schema=schema,
            prediction=config.prediction,
            score=config.score,
        ),
        table=table,
        train=None,
        card=None,
        runtime=runtime,
        threshold=config.threshold,
    )


def _role(config: AuditConfig, name: str) -> str:
    """What else a column of answers was said to be."""
    roles = {"the target": (config.target,), "sensitive": config.sensitive}
    roles["a feature"] = config.features
    return next((role for role, names in roles.items() if name in names), "")


def _audited_rows(config: AuditConfig) -> Table:
    if config.data is None:
        raise UsageError("which rows? name a file or a data set with --data")
    if is_file(config.data):
        return table_from_file(
            config.data, config.target, config.positive, config.sensitive, config.features
        )
    table = catalogue.load(config.data)
    schema = table.schema
    _refuse_other(config, schema, f"{config.data} has")
    chosen = config.features or tuple(
        name for name in schema.feature_names if name not in schema.sensitive_names
    )
    named = {column.name: column for column in schema.features}
    for name in chosen:
        if name not in named:
            require_column(table.frame[list(named)], name, config.data)
    schema = replace(schema, features=tuple(named[name] for name in chosen))
    return _with_sensitive(replace(table, schema=schema), config.sensitive)


def table_from_file(
    data: str,
    target: str | None,
    positive: str | None,
    sensitive: tuple[str, ...],
    features: tuple[str, ...],
) -> Table:
    """The rows of a file with the schema that its columns and these names give."""
    frame, checksum = read_table(data)
    if target is None:
        raise UsageError(f"which column of {data} is the target? name it with --target")
    schema = infer_schema(
        frame,
        target=target,
        positive=positive,
        sensitive=sensitive,
        features=features or None,
        where=data,
    )
    return Table(frame=frame, schema=schema, name=Path(data).name, sha256=checksum)


def table_from_catalogue(name: str, sensitive: tuple[str, ...]) -> Table:
    """A data set of the catalogue, with other sensitive columns where these are named."""
    return _with_sensitive(catalogue.load(name), sensitive)


def _with_sensitive(table: Table, names: tuple[str, ...]) -> Table:
    """The table with other columns held to be sensitive; the schema's own where none is named."""
    if not names:
        return table
    return replace(table, schema=_resensitised(table, names))


def _resensitised(table: Table, names: tuple[str, ...]) -> Schema:
    own = {column.name: column for column in table.schema.sensitive}
    new = tuple(name for name in names if name not in own)
    found = {
        column.name: column
        for column in sensitive_columns(
            table.frame, new, target=table.schema.target.name, where=table.name
        )
    }
    return table.schema.with_sensitive([own.get(name) or found[name] for name in names])


def _target(config: AuditConfig) -> str:
    if config.target is None:
        raise UsageError("which column is the target? name it with --target")
    return config.target


def _beside(subject: Subject, config: AuditConfig) -> Subject:
    """The subject with its control columns, and the column whose rows belong together."""
    table, names = subject.table, config.controls
    if subject.controls or not (names or config.cluster):  # counted rows have theirs already
        return subject
    for name in (*names, *([config.cluster] if config.cluster else [])):
        require_column(table.frame, name, table.name)
        if name in (table.schema.target.name, config.prediction, config.score):
            raise UsageError(f"column {name!r} is the target or an answer: name another column")
    if config.cluster:
        table = replace(table, apart=config.cluster)
    controls = _resensitised(table, names).sensitive if names else ()
    return replace(subject, table=table, controls=controls)


def _held(subject: Subject, config: AuditConfig) -> Subject:
    """The subject with the columns that the user says nobody can change."""
    known = (*subject.table.schema.feature_names, *subject.table.schema.sensitive_names)
    for name in config.immutable:
        if name not in known:
            raise UsageError(f"--immutable {name!r} is no feature; {suggestion(name, known)}")
    return replace(subject, immutable=config.immutable) if config.immutable else subject


def _banded(subject: Subject, config: AuditConfig) -> Subject:
    """The subject with numeric sensitive columns and controls cut where the user says."""
    schema, bands = subject.table.schema, config.bands
    require_grouped(bands, [one.name for one in (*schema.sensitive, *subject.controls)])
    if not bands:
        return subject
    cut = schema.with_sensitive([_cut(one, bands) for one in schema.sensitive])
    return replace(
        subject,
        table=replace(subject.table, schema=cut),
        train=None if subject.train is None else replace(subject.train, schema=cut),
        controls=tuple(_cut(one, bands) for one in subject.controls),
    )


def require_grouped(bands: Mapping[str, Any], groups: Sequence[str]) -> None:
    """Raise UsageError for bands of a column that makes no groups."""
    for name in bands:
        if name not in groups:
            raise UsageError(
                f"bands are given for {name!r}, which is neither a sensitive column nor a control; "
                f"{suggestion(name, groups)}"
            )


def _cut(column: Column, bands: Mapping[str, tuple[float, ...]]) -> Column:
    edges = bands.get(column.name)
    return replace(column, kind=Kind.NUMERIC, levels=(), bands=edges) if edges else column


def _refuse_other(config: AuditConfig, schema: Schema, whose: str) -> None:
    """Raise UsageError where target or positive is given and is not the schema's own."""
    own = {"target": schema.target.name, "positive": schema.positive}
    for name, value in own.items():
        given = getattr(config, name)
        if given is not None and given != value:
            raise UsageError(f"--{name} is {given!r}, but {whose} {value!r}: leave it out")


def _refuse(config: AuditConfig, *names: str, what: str) -> None:
    for name in names:
        if getattr(config, name):
            raise UsageError(f"--{name} does not go with {what}: leave one of them out")
