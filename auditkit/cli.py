"""The command line: parse, call, print, exit. Nobody imports this module, and only it prints.

Exit codes: 0 passed; 1 failed; 2 wrong use or input that cannot be read; 3 insufficient evidence
or a broken check; 4 a fault of auditkit's own; 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import category

import typer

from auditkit.arguments import pairs, spread
from auditkit.errors import AuditkitError, UsageError

if TYPE_CHECKING:
    from auditkit.results import AuditReport
    from auditkit.runtime import Runtime, Tick
    from auditkit.training import Checkpointed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
)
data_app = typer.Typer(help="Real data sets, fetched once and verified.", no_args_is_help=True)
app.add_typer(data_app, name="data")

# typer's own error, wherever this release of typer keeps it (its parent is click's, or a copy).
CommandLineError: Any = next(
    one for one in typer.BadParameter.__mro__ if one.__name__ == "ClickException"
)
PASSED, FAILED, WRONG_USE, UNDECIDED, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 130

STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's: controls, marks of direction, line breaks
UNJUDGED = "; give a classifier of the same data with --judge to be told how good the images are"

Text = str | None
Device = Annotated[Text, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Sensitive = Annotated[
    list[str] | None, typer.Option(help="Sensitive columns, one or several.", metavar="COL ...")
]
Features = Annotated[
    list[str] | None, typer.Option(help="Feature columns, in the model's order.", metavar="COL ...")
]
Target = Annotated[Text, typer.Option(help="Column with the right answers.", metavar="COL")]
Positive = Annotated[Text, typer.Option(help="Target value that is the favoured outcome.")]
Judge = Annotated[
    Path | None,
    typer.Option(help="Classifier that judges made images.", metavar="CHECKPOINT"),
]


def _version(asked: bool) -> None:
    if asked:
        from auditkit import __version__

        _print(f"auditkit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Opens the black box of a trained model and says, with evidence, whom it harms."""


@app.command()
def report(
    model: Annotated[
        Text,
        typer.Argument(
            help="Checkpoint folder made by `train`, or `detector`, the one that ships."
        ),
    ] = None,
    factory: Annotated[
        Text, typer.Option("--model", help="A network of your own.", metavar="MODULE:FUNCTION")
    ] = None,
    weights: Annotated[Text, typer.Option(help="Its weights.", metavar="X.safetensors")] = None,
    preprocess: Annotated[
        Text, typer.Option(help="Turns a frame into tensors.", metavar="MODULE:FUNCTION")
    ] = None,
    predictions: Annotated[Text, typer.Option(help="A table with the model's answers.")] = None,
    data: Annotated[Text, typer.Option(help="CSV, Parquet or a name from `data list`.")] = None,
    target: Target = None,
    positive: Positive = None,
    prediction: Annotated[Text, typer.Option(help="Column of decisions.", metavar="COL")] = None,
    score: Annotated[Text, typer.Option(help="Column of probabilities.", metavar="COL")] = None,
    sensitive: Sensitive = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="Compare groups within strata of these columns.", metavar="COL ..."),
    ] = None,
    immutable: Annotated[
        list[str] | None,
        typer.Option(help="Columns nobody can change about themselves.", metavar="COL ..."),
    ] = None,
    bands: Annotated[
        list[str] | None,
        typer.Option(help="Edges that cut a numeric column into groups.", metavar="COL=N,N ..."),
    ] = None,
    cluster: Annotated[
        Text, typer.Option(help="Column of the person or document a row is of.", metavar="COL")
    ] = None,
    features: Features = None,
    judge: Judge = None,
    config: Annotated[Text, typer.Option(help="An audit.toml; options override it.")] = None,
    out: Annotated[Text, typer.Option(help="Folder to write to, else reports/NAME.")] = None,
    device: Device = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random number.")] = None,
    allow_insufficient: Annotated[
        bool, typer.Option("--allow-insufficient", help="Exit 0 where the evidence is too thin.")
    ] = False,
) -> int:
    """Audit a model and write report.html and report.json."""
    from auditkit.config import AuditConfig, bands_of, read_config

    if model and factory:
        raise UsageError(f"both a checkpoint ({model}) and --model {factory}: give one of them")
    settings = (read_config(config) if config else AuditConfig()).overridden(
        model=model or factory,
        weights=weights,
        preprocess=preprocess,
        predictions=predictions,
        data=data,
        target=target,
        positive=positive,
        prediction=prediction,
        score=score,
        sensitive=tuple(sensitive or ()),
        controls=tuple(control or ()),
        immutable=tuple(immutable or ()),
        bands=bands_of(bands or ()),
        cluster=cluster,
        features=tuple(features or ()),
        judge=None if judge is None else str(judge),
        out=out,
        device=device,
        seed=seed,
    )
    from auditkit.loading import load_subject
    from auditkit.report.files import ensure_writable, write_report
    from auditkit.runner import checks_of, run_checks

    folder = Path(settings.out or Path("reports") / _name(settings))
    ensure_writable(folder)
    checks_of(settings)
    with _progress():
        done = run_checks(load_subject(settings), settings)
        page = write_report(done, folder)
    _tell(done)
    _print(str(page))
    return _exit_code(done, allow_insufficient=allow_insufficient)


@app.command()
def train(
    architecture: Annotated[
        Text, typer.Argument(help="Which network, such as fnn; or detector.")
    ] = None,
    data: Annotated[
        Text,
        typer.Option(
            help="CSV, Parquet or a name from `data list`; of a detector, a folder with real/ and "
            "fake/."
        ),
    ] = None,
    preset: Annotated[str, typer.Option(help="quick or full.")] = "quick",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the checkpoint, else checkpoints/ARCH-DATA.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Print every pair, its expected score and time.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training that was killed.")
    ] = False,
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Train on parts of the rows as well.")
    ] = False,
    compare: Annotated[
        Text,
        typer.Option(
            help="Train with other values of a choice as well, and report on all.",
            metavar="K=V1,V2...",
        ),
    ] = None,
    target: Target = None,
    positive: Positive = None,
    sensitive: Sensitive = None,
    features: Features = None,
    judge: Judge = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Epochs at most.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest.")] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any size of the network or choice of the recipe.", metavar="K=V ..."
        ),
    ] = None,
) -> int:
    """Train a reference network and save it with its card."""
    if listed:
        return _list_presets()
    if architecture == "detector":
        own_say = {
            "--resume": resume,
            "--learning-curve": learning_curve,
            "--compare": compare,
            "--target": target,
            "--positive": positive,
            "--sensitive": sensitive,
            "--features": features,
            "--judge": judge,
            "--epochs": epochs,
            "--batch-size": batch_size,
            "--learning-rate": learning_rate,
        }
        idle = [name for name, value in own_say.items() if value not in (None, False)]
        return _train_detector(data, preset, out, pairs(sizes or []), idle, device, seed)
    if architecture is None or data is None:
        raise UsageError("which network, on which data? such as `auditkit train fnn --data adult`")
    from auditkit.runtime import Runtime
    from auditkit.training import TrainingData, compared_plans, plan_of, train_checkpoint

    own = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    given = {name: value for name, value in own.items() if value is not None}
    rows = TrainingData(
        name=data,
        target=target,
        positive=positive,
        sensitive=tuple(sensitive or ()),
        features=tuple(features or ()),
    )
    given |= {name: value for name, value in pairs(sizes or []).items() if name not in given}
    folder = out or Path("checkpoints") / f"{architecture}-{Path(data).stem}"
    with _progress():
        done = train_checkpoint(
            plan_of(architecture, data, preset, given),
            rows,
            folder,
            runtime=Runtime(device=device or "auto", seed=seed),
            resume=resume,
            learning_curve=learning_curve,
            compared=compared_plans(architecture, data, preset, given, compare),
            judge=judge,
        )
    if done is not None:
        _tell_trained(done, architecture)
        _print(str(folder))
    return PASSED


def _train_detector(
    data: str | None,
    preset: str,
    out: Path | None,
    given: dict[str, Any],
    idle: Sequence[str],
    device: str | None,
    seed: int,
) -> int:
    from auditkit.detector_training import (
        PLACE,
        detector_plan,
        refuse_idle,
        told,
        train_and_save,
    )
    from auditkit.runtime import Runtime

    refuse_idle(idle)
    if data == "fillets":
        return _train_speech(out, given, Runtime(device=device or "auto", seed=seed))
    plan = detector_plan(data, preset, given)
    folder = out or PLACE
    with _progress():
        done = train_and_save(plan, folder, Runtime(device=device or "auto", seed=seed))
    for line in told(done):
        _note(line)
    _print(str(folder))
    return PASSED


def _train_speech(out: Path | None, given: dict[str, Any], runtime: "Runtime") -> int:
    from auditkit.speech import PLACE, told_of_speech, train_and_save_speech

    folder = out or PLACE
    with _progress():
        done = train_and_save_speech(folder, given, runtime)
    for line in told_of_speech(done):
        _note(line)
    _print(str(folder))
    return PASSED


def _tell_trained(done: "Checkpointed", architecture: str) -> None:
    training = done.card.training
    found = ", ".join(
        f"{name} {one.value:.4f} ({one.interval[0]:.4f} to {one.interval[1]:.4f})"
        for name, one in done.scores.items()
        if one.interval
    )
    judged = f"; on {done.test_rows:,} test rows {found}" if found else UNJUDGED
    _note(
        f"trained {architecture} on {done.card.data.name} in {training.seconds:.1f} s: epoch "
        f"{training.best_epoch} of {len(training.history)} kept{judged}"
    )


def _list_presets() -> int:
    from auditkit.models.presets import PRESETS

    rows = [("network", "data", "preset", "expected", "within")]
    for (architecture, data), named in PRESETS.items():
        for name, one in named.items():
            score = "" if one.expected is None else f" {one.expected:g}"
            within = "" if one.seconds is None else f"{one.seconds:g} s"
            rows.append((architecture, data, name, one.metric + score, within))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _print("  ".join(padded).rstrip())
    return PASSED


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="Checkpoint folder, or MODULE:FUNCTION.")],
    data: Annotated[Text, typer.Option(help="CSV, Parquet or a name from `data list`.")] = None,
    row: Annotated[int, typer.Option(help="Which of the rows, counted from 0.")] = 0,
    method: Annotated[str, typer.Option(help="How, such as shapley or saliency.")] = "shapley",
    baseline: Annotated[Text, typer.Option(help="What the row is compared with.")] = None,
    target: Annotated[Text, typer.Option(help="Which class is explained.", metavar="CLASS")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Draw into this file, or write JSON or CSV.", metavar="X.html"),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="text, json or csv.")] = "text",
    test: Annotated[
        bool, typer.Option("--test", help="Put the method to the test on this model first.")
    ] = False,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
) -> int:
    """Say what one answer of a model rests on."""
    from auditkit.explanation import explain as explained
    from auditkit.explanation_text import (
        as_csv,
        as_json,
        as_text,
        ensure_place,
        required_format,
        written,
    )

    how = required_format(format_)
    if out is not None:
        ensure_place(out)
    with _progress():
        found = explained(
            model,
            data,
            row=row,
            method=method,
            target=target,
            baseline=baseline,
            device=device or "auto",
            seed=seed,
        )
        if test:
            _ = found.trust
    if out is not None:
        _print(str(written(found, out, how)))
        return PASSED
    can = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    lines = {"json": as_json, "csv": as_csv}
    for line in as_text(found, colour=can) if how == "text" else [lines[how](found)]:
        _print(line)
    return PASSED


@app.command()
def detect(
    images: Annotated[
        list[Path], typer.Argument(help="Image files, or folders of them.", metavar="IMAGE")
    ],
    model: Annotated[
        Path | None,
        typer.Option(help="Detector made by `train detector`, if not ours.", metavar="DIR"),
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="Share of real images that may be called fake.")
    ] = 0.05,
    format_: Annotated[
        str, typer.Option("--format", help="table, json (an object a line) or csv.")
    ] = "table",
    out: Annotated[Path | None, typer.Option(help="Write into this file.", metavar="FILE")] = None,
    device: Device = "auto",
) -> int:
    """Say of images whether a generator made them, or that it cannot be told.

    Exit codes: 0 all are real; 1 one or more are fake; 2 wrong use, or none could be opened;
    3 none is fake, but of some nothing can be said, or they could not be opened.
    """
    from auditkit.detecting import Tally
    from auditkit.detecting import detect as detected
    from auditkit.detecting_text import lines, required_format, summary, written
    from auditkit.detection.files import load_detector
    from auditkit.explanation_text import ensure_place
    from auditkit.models.sealed import SPEECH_DETECTOR, is_of_kind
    from auditkit.runtime import Runtime

    how = required_format(format_)
    if out is not None:
        ensure_place(out)
    tally, runtime = Tally(), Runtime(device=device or "auto")
    if model is not None and is_of_kind(model, SPEECH_DETECTOR):
        from auditkit.detection.speech.detector import load_speech_detector
        from auditkit.speech import detect_speech, told_of_recordings

        speaking = load_speech_detector(model)
        rows = tally.counted(detect_speech(images, speaking, runtime, alpha=alpha))
        told = told_of_recordings(tally, speaking)
    else:
        detector = load_detector(model)
        rows = tally.counted(detected(images, detector, runtime, alpha=alpha))
        told = summary(tally, detector, alpha)
    try:
        # Rows on a terminal are progress enough, and bars would be drawn through them.
        with _progress() if out or not sys.stdout.isatty() else nullcontext():
            if out is not None:
                _print(str(written(rows, out, how)))
            else:
                for line in lines(rows, how):
                    _print(line, at_once=True)
    except KeyboardInterrupt as error:
        kept = "nothing was written" if out else "the rows above stand"
        raise _Interrupted(f"after {tally.counts.total():,} files; {kept}") from error
    for line in told:
        _note(line)
    codes = {"real": PASSED, "fake": FAILED, "abstain": UNDECIDED}
    return codes.get(tally.verdict, WRONG_USE)


@app.command()
def generate(
    model: Annotated[str, typer.Argument(help="Checkpoint folder of a generator of images.")],
    images: Annotated[int, typer.Option("-n", "--images", help="How many.")] = 64,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the images, else generated/NAME.")
    ] = None,
    label: Annotated[
        Text, typer.Option("--class", help="Class that a conditional generator is told.")
    ] = None,
    psi: Annotated[
        float, typer.Option(help="Shorten the latent vectors: more alike, more usual images.")
    ] = 1.0,
    certificate: Annotated[
        Path | None, typer.Option(help="Sign by C2PA with this chain.", metavar="CERT.pem")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Its open private key.", metavar="KEY.pem")
    ] = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
) -> int:
    """Make images as PNGs, each marked as the work of a generator."""
    from auditkit.generating import Order, signature_of
    from auditkit.generating import generate as generated
    from auditkit.runtime import Runtime

    folder = out or Path("generated") / Path(model).absolute().name
    with _progress():
        place = generated(
            model,
            folder,
            Order(images=images, label=label, psi=psi),
            Runtime(device=device or "auto", seed=seed),
            signature=signature_of(certificate, key),
        )
    _note(f"{images:,} images, each marked as made by {Path(model).absolute().name}")
    _print(str(place))
    return PASSED


@data_app.command("list")
def data_list() -> int:
    """The data sets there are."""
    from auditkit.data.catalogue import CATALOGUE

    width = max(map(len, CATALOGUE))
    for name, entry in CATALOGUE.items():
        sensitive = ", ".join(entry.schema.sensitive_names) or "none"
        _print(f"{name:<{width}}  {entry.title}; sensitive: {sensitive}")
    return PASSED


@data_app.command("show")
def data_show(name: Annotated[str, typer.Argument(help="A name from `data list`.")]) -> int:
    """What a data set is: source, licence, columns, known problems."""
    from auditkit.data.catalogue import CATALOGUE

    entry = CATALOGUE[name]
    schema = entry.schema
    _print(f"{entry.name}: {entry.title}\n")
    _print(f"source    {entry.source}\nlicence   {entry.licence}\ncitation  {entry.citation}")
    positive = f", positive outcome {schema.positive!r}" if schema.positive else ""
    _print(f"target    {schema.target.name} ({schema.task.value}{positive})")
    if entry.notes:
        _print(f"notes     {entry.notes}")
    _print("\ncolumns (* sensitive, - not a feature)")
    width = max(len(column.name) for column in entry.columns)
    for column in entry.columns:
        feature = column.name in (*schema.feature_names, schema.target.name)
        mark = "*" if column.name in schema.sensitive_names else " " if feature else "-"
        _print(f"  {mark} {column.name:<{width}}  {column.meaning}")
    _print("\nknown problems")
    for problem in entry.problems:
        _print(f"  - {problem}")
    return PASSED


@data_app.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="A name from `data list`.")]) -> int:
    """Get a data set into the cache, or replace a damaged copy."""
    from auditkit.data.catalogue import CATALOGUE, fetch

    with _progress():
        path = fetch(name)
    _print(f"{name}: {path}" if path else f"{name}: {CATALOGUE[name].source}; nothing to fetch")
    return PASSED


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    if isinstance(sys.stdout, TextIOWrapper):  # a letter that it lacks must not lose the others
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


class _Interrupted(Exception):
    """Stopped by the user; its text says where, and what is kept."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. A traceback is printed for our own faults alone."""
    try:
        code = int(app(spread(arguments), standalone_mode=False) or 0)
        if code == INTERRUPTED:  # typer ends on Ctrl-C by itself, without a word
            _note("auditkit: interrupted; nothing was written")
        return code
    except _Interrupted as error:
        _note(f"auditkit: interrupted {error}")
        return INTERRUPTED
    except AuditkitError as error:
        return _refuse(str(error))
    except CommandLineError as error:
        message = error.format_message()
        # Without a command typer has printed the help already, and says nothing more.
        return _refuse(message) if message.strip() else WRONG_USE
    except (KeyboardInterrupt, typer.Abort):
        _note("auditkit: interrupted; nothing was written")
        return INTERRUPTED
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # typer ends on it by itself
            return PASSED
        _note("auditkit: code that was imported ended the program; nothing was audited")
        return BUG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PASSED
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            return _refuse(f"cannot use {str(error.filename)[:200]!r}: {error.strerror}; check it")
        traceback.print_exc()
        _note(f"auditkit: a fault of auditkit's own ({type(error).__name__}): please report it")
        return BUG


def _name(settings: Any) -> str:
    """A folder's name for the report: of the checkpoint, the factory or the predictions' file."""
    if settings.predictions:
        return Path(settings.predictions).absolute().stem
    named = str(settings.model or "audit")
    return named.replace(":", "-") if ":" in named else Path(named).absolute().name


def _exit_code(done: "AuditReport", *, allow_insufficient: bool) -> int:
    from auditkit.results import Status

    match done.verdict:
        case Status.PASSED:
            return PASSED
        case Status.FAILED:
            return FAILED
        case Status.INSUFFICIENT:
            return PASSED if allow_insufficient else UNDECIDED
        case _:
            return UNDECIDED


def _tell(done: "AuditReport") -> None:
    """A line for each check that did not pass, and the verdict."""
    from auditkit.results import Status

    for result in done.results:
        if result.status in (Status.FAILED, Status.INSUFFICIENT, Status.BROKEN):
            worst = next((one for one in result.findings if one.status is result.status), None)
            said = worst.message if worst else f"{result.title}: {result.reason}"
            _note(f"{result.status.value:<21} {result.rule} {result.name}: {said}")
    for column in done.unanswered:
        _note(f"{Status.INSUFFICIENT.value:<21} the groups of {column!r} could not be compared")
    _note(f"verdict: {done.verdict.value}")


@contextmanager
def _progress() -> Iterator[None]:
    """Bars on standard error where somebody looks, silence where not."""
    from auditkit.runtime import showing

    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:

        @contextmanager
        def bar(label: str, total: int) -> "Iterator[Tick]":
            task = bars.add_task(label, total=total)
            yield lambda: bars.advance(task)
            bars.remove_task(task)

        with showing(bar):
            yield


def _refuse(message: str) -> int:
    _note(f"auditkit: {' '.join(message.split())}")
    return WRONG_USE


def _print(text: str, *, at_once: bool = False) -> None:
    print(text, flush=at_once)  # noqa: T201 - the one module that prints


def _note(text: str) -> None:
    """One line: names from data neither break it nor steer the terminal."""
    safe = (repr(one)[1:-1] if category(one) in STEERING else one for one in text)
    print("".join(safe), file=sys.stderr)  # noqa: T201 - the one module that prints


if __name__ == "__main__":
    main()
