"""Runs checks on a subject, one after the other; a broken one never loses the audit."""

import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from auditkit.checks.base import CHECKS, Check, Concluding, settings
from auditkit.checks.multiplicity import corrected
from auditkit.config import AuditConfig, built
from auditkit.data.schema import Task
from auditkit.errors import AuditkitError, ConfigError, NotApplicable
from auditkit.models.predictor import Ability
from auditkit.results import AuditReport, CheckResult, Finding, Section, Status, worst
from auditkit.runtime import track
from auditkit.subject import SAYS, Subject
from auditkit.versions import versions

# What an audit should ask and this version cannot: an entry goes when its room arrives.
UNMEASURED = (
    (
        "Robustness to noise, drift and attack",
        "The model was judged on these rows alone, as they are.",
    ),
)
AMPLIFICATION = "Bias amplification: whether the model widens a gap of its data"
MISUSE = "Misuse of generated content"
OF_TEXTS = (
    "Of texts that are made, this version does not ask whom they show and how.",
    "The model makes texts. Whether these hurt, deceive or name somebody, repeat their training "
    "data, carry a mark or can be told from human ones is not asked.",
)
OF_IMAGES = (
    "Of images that are made, the classes are compared with those of the data; whom they show and "
    "how is not asked.",
    "The model makes images. Whether these hurt, deceive or name somebody is not asked; whether "
    "they are found and marked is, as far as the checks above say.",
)
UNASKED = {Task.LANGUAGE: OF_TEXTS, Task.TRANSDUCTION: OF_TEXTS, Task.IMAGES: OF_IMAGES}


def checks_of(config: AuditConfig) -> tuple[tuple[str, Check | str], ...]:
    """Every check by name with the limits in force, or the reason to skip it; ordered by rule.

    Raises ConfigError for a check or a limit that does not exist.
    """
    for name in config.checks:
        if name not in CHECKS:
            CHECKS[name]  # raises, with a suggestion
    chosen: list[tuple[str, Check | str]] = []
    for name, kind in sorted(CHECKS.items(), key=lambda item: item[1].rule):
        limits = dict(config.checks.get(name, {}))
        if "skip" in limits:
            chosen.append((name, _reason(limits, name)))
        else:
            chosen.append((name, built(kind, f"[checks.{name}]", limits)))
    return tuple(chosen)


def run_checks(subject: Subject, config: AuditConfig | None = None) -> AuditReport:
    """The whole audit of a subject. Wrong data raise at once; a broken check does not."""
    config = config or AuditConfig()
    checks = checks_of(config)
    started = datetime.now(UTC)
    clock = time.perf_counter()
    subject.compute()  # a fault here is no check's
    done: list[CheckResult] = []
    for name, check in track(checks, "checking", len(checks)):
        done.append(_run(name, check, subject, done))
    results = corrected(done)
    return AuditReport(
        title=config.title or f"{subject.predictor.facts['name']} on {subject.table.name}",
        results=results,
        model=_model_facts(subject),
        data=_data_facts(subject),
        environment={
            **versions(),
            "seed": subject.runtime.seed,
            "device": _device(subject),
            **_threshold(subject),
        },
        config=_config_facts(checks),
        not_tested=_not_tested(results, subject.task),
        timings={
            "date": started.isoformat(timespec="seconds"),
            "seconds": time.perf_counter() - clock,
        },
    )


def _threshold(subject: Subject) -> dict[str, Any]:
    """Of a decision alone there is one."""
    return {"threshold": subject.threshold} if subject.task is Task.DECISION else {}


def _run(
    name: str, check: Check | str, subject: Subject, done: Sequence[CheckResult]
) -> CheckResult:
    kind = CHECKS[name]
    facts: dict[str, Any] = {
        "rule": kind.rule,
        "name": name,
        "title": kind.title,
        "topic": kind.topic,
    }
    if isinstance(check, str):
        return CheckResult(**facts, status=Status.SKIPPED, reason=check)
    clock = time.perf_counter()
    found: list[Finding | Section] = []
    try:
        found.extend(
            check.conclude(subject, done) if isinstance(check, Concluding) else check.run(subject)
        )
    except NotApplicable as error:
        return CheckResult(**facts, status=Status.NOT_APPLICABLE, reason=str(error))
    except Exception as error:  # whatever a check runs into, the others go on
        return CheckResult(
            **facts,
            status=Status.BROKEN,
            reason=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
            traceback="" if isinstance(error, AuditkitError) else _traceback(error),
            seconds=time.perf_counter() - clock,
        )
    findings = tuple(one for one in found if isinstance(one, Finding))
    status = _status(findings)
    unsaid = status is Status.NOT_APPLICABLE
    return CheckResult(
        **facts,
        status=status,
        findings=findings,
        sections=tuple(one for one in found if isinstance(one, Section)),
        reason=next((one.reason for one in findings if one.reason and unsaid), ""),
        seconds=time.perf_counter() - clock,
    )


def _status(findings: Sequence[Finding]) -> Status:
    """The worst finding's; a check whose every finding is undefined does not apply."""
    judged = worst(finding.status for finding in findings)
    if judged:
        return judged
    undefined = findings and all(one.status is Status.NOT_APPLICABLE for one in findings)
    return Status.NOT_APPLICABLE if undefined else Status.MEASURED


def _traceback(error: Exception) -> str:
    """The traceback without the folders of this machine, so that reports can be compared."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{_short(one.filename)}:{one.lineno} in {one.name}: {one.line}" for one in frames]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])


def _short(path: str) -> str:
    parts = path.replace("\\", "/").split("/")
    start = max(
        (i for i, part in enumerate(parts) if part in ("auditkit", "site-packages")), default=-2
    )
    return "/".join(parts[start:])


def _reason(limits: Mapping[str, Any], name: str) -> str:
    reason = limits["skip"]
    if not isinstance(reason, str) or not reason.strip() or len(limits) > 1:
        raise ConfigError(f'[checks.{name}]: write skip = "the reason", and no limits beside it')
    return reason


def _model_facts(subject: Subject) -> dict[str, Any]:
    facts = dict(subject.predictor.facts)
    facts["abilities"] = sorted(subject.predictor.abilities)
    return facts | subject.answer_facts


def _device(subject: Subject) -> str:
    network = subject.can(Ability.GRADIENTS)
    return subject.runtime.resolved_device() if network else "no network was run"


def _data_facts(subject: Subject) -> dict[str, Any]:
    table, schema = subject.table, subject.table.schema
    both = [name for name in schema.sensitive_names if name in schema.feature_names]
    return {
        "name": table.name,
        **subject.facts,
        "sha256": table.sha256,
        "training rows": None if subject.train is None else len(subject.train.frame),
        "task": SAYS[subject.task],
        "medium": str(schema.medium),
        **_target_facts(subject),
        "features": list(schema.feature_names),
        "sensitive columns": list(schema.sensitive_names),
        "sensitive columns the model sees": both,
        "bands": {one.name: list(one.bands) for one in schema.sensitive if one.bands},
    }


def _target_facts(subject: Subject) -> dict[str, Any]:
    """The target, and what is favoured or chosen from where there is such a thing."""
    schema = subject.table.schema
    match subject.task:
        case Task.DECISION:
            return {"target": schema.target.name, "positive outcome": schema.positive}
        case Task.CLASSES:
            return {"target": schema.target.name, "classes": list(schema.target.levels)}
        case Task.IMAGES:
            return {}
        case _:
            return {"target": schema.target.name}


def _config_facts(checks: Sequence[tuple[str, Check | str]]) -> dict[str, Any]:
    return {
        name: {"skip": check} if isinstance(check, str) else settings(check)
        for name, check in checks
    }


def _not_tested(results: Sequence[CheckResult], task: Task) -> tuple[tuple[str, str], ...]:
    idle = (Status.NOT_APPLICABLE, Status.SKIPPED, Status.BROKEN)
    own = tuple((one.title, one.reason) for one in results if one.status in idle)
    return own + UNMEASURED + _unmeasured(task)


def _unmeasured(task: Task) -> tuple[tuple[str, str], ...]:
    """What this version cannot ask of a model with such a task."""
    if task not in UNASKED:
        return ((MISUSE, "Does not apply: the model generates nothing."),)
    return tuple(zip((AMPLIFICATION, MISUSE), UNASKED[task], strict=True))
