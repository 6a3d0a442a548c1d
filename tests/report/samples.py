"""PLANTED reports for the tests of the page: every number here is invented, none was measured."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from auditkit.results import (
    AuditReport,
    Bars,
    CheckResult,
    Finding,
    Heatmap,
    ImageScores,
    Intervals,
    Level,
    Lines,
    Section,
    Status,
    Table,
    TokenScores,
    Topic,
    Unit,
    View,
)

NASTY = "</script><img src=x onerror=alert(1)>"
NASTY_NAMES = (
    NASTY,
    '<b>bold</b> <a href="javascript:alert(2)">link</a>',
    "%{x} %{customdata} <extra>gone</extra>",
    "&lt;script&gt;alert(3)&lt;/script&gt; &amp; {{ 7 * 7 }}",
    '=HYPERLINK("http://example.invalid","click")',
    "line\u2028separator and a quote ' \" and \\u003c",
)


def sample(*, name: str = "Adult income, feedforward network (planted sample)") -> AuditReport:
    """A report of the size that real audits have, with every status and every view."""
    return AuditReport(
        title=name,
        results=tuple(_results()),
        model={
            "name": "fnn",
            "architecture": "feedforward network, 3 layers of 256, dropout 0.15",
            "parameters": 214_529,
            "outcome_predicted": "income >50K",
            "trained_on": "adult, training rows",
            "checkpoint_sha256": "9b74c9897bac770ffc029102a23c5de9b74c9897bac770ffc029102a23c5de00",
            "licence": None,
        },
        data={
            "name": "adult (test rows)",
            "rows": 16_281,
            "target": "income",
            "positive": ">50K",
            "sensitive": ["sex", "race", "age"],
            "features": [f"feature_{i}" for i in range(14)],
            "sha256": "0d4bf34b0f5b2d9e7aa0b1f7f5f2d2b90d4bf34b0f5b2d9e7aa0b1f7f5f2d2b9",
        },
        environment={
            "seed": 20260,
            "device": "cpu",
            "versions": {"auditkit": "0.1.0", "python": "3.11.2", "torch": "2.13.0"},
        },
        config={
            "demographic-parity": {"max_difference": 0.1, "confidence": 0.95},
            "four-fifths": {"min_ratio": 0.8},
            "calibration": {"bins": 15},
        },
        not_tested=(
            (
                "Explanations (attribution methods)",
                "This version has no check of explanations yet.",
            ),
            ("Robustness to noise and shift", "No perturbed or later data was given."),
            ("Harm outside the data", "A table cannot show what a decision does to a life."),
        ),
        timings={"date": "2026-11-22 12:00 UTC", "total_seconds": 11.42},
    )


def nasty() -> AuditReport:
    """Every piece of free text is hostile."""
    frame = pd.DataFrame(
        {NASTY: list(NASTY_NAMES), "rate": np.linspace(0.1, 0.6, 6), "low": 0.05, "high": 0.7}
    )
    views: tuple[View, ...] = (
        Bars(title=NASTY, frame=frame, x=NASTY, y=("rate",), unit=Unit.SHARE, text=NASTY),
        Intervals(
            title=NASTY,
            frame=frame,
            label=NASTY,
            value="rate",
            low="low",
            high="high",
            limit=0.5,
            reference=0.2,
            reference_label=NASTY,
        ),
        Lines(title=NASTY, frame=frame, x="rate", y=("low", "high"), mark=0.3, mark_label=NASTY),
        Lines(
            title=NASTY, frame=frame.rename(columns={"rate": "%{y}<b>x"}), x=NASTY, y=("%{y}<b>x",)
        ),
        Table(title=NASTY, frame=frame, shares=("rate",), verdicts=(NASTY,)),
        Heatmap(title=NASTY, frame=frame, x=NASTY, y=NASTY, value="rate", diverging=True),
        TokenScores(
            title=NASTY, frame=frame, item=NASTY, token=NASTY, score="rate", note=NASTY, text=NASTY
        ),
        ImageScores(
            title=NASTY,
            frame=frame.assign(place=range(6)),
            item=NASTY,
            row="place",
            column="place",
            score="rate",
            channels=("place",),
            note=NASTY,
        ),
    )
    findings = tuple(
        Finding(
            message=one,
            status=status,
            metric=one,
            value=0.3,
            limit=0.2,
            interval=(0.1, 0.4),
            method=one,
            n=10,
            where={one: one},
            remedy=one,
            reason=one,
        )
        for one, status in zip(NASTY_NAMES, (Status.FAILED, Status.PASSED) * 3, strict=True)
    )
    section = Section(title=NASTY, text=NASTY, views=views)
    return AuditReport(
        title=NASTY,
        results=(
            CheckResult(
                rule="AK999",
                name=NASTY,
                title=NASTY,
                topic=Topic.HARM,
                findings=findings,
                status=Status.FAILED,
                sections=(section,),
            ),
            CheckResult(
                rule="AK998",
                name=NASTY,
                title=NASTY,
                topic=Topic.DATA,
                reason=NASTY,
                status=Status.BROKEN,
                traceback=NASTY,
            ),
        ),
        model={NASTY: NASTY, "list": list(NASTY_NAMES)},
        data={NASTY: {NASTY: NASTY}},
        environment={"seed": 0},
        config={NASTY: {NASTY: [NASTY]}},
        not_tested=((NASTY, NASTY),),
        timings={"date": NASTY},
    )


def explained() -> AuditReport:
    """The sample with two checks of explanations, and every view that draws one."""
    more = (_trusted(), _looked_at())
    return replace(sample(), results=(*more, *sample().results), not_tested=())


def token_scores(**fields: object) -> TokenScores:
    """Three texts: one that is praised and blamed, one of no weight, one undefined in part."""
    words = {
        "review 12, recommended (wrong)": "the fit is lovely but it fell apart after one wash",
        "review 40, not recommended": "returned it the same day",
        "review 77, recommended": "soft warm and a little big",
    }
    rows = []
    for i, (item, text) in enumerate(words.items()):
        for j, word in enumerate(text.split()):
            score = round(math.sin(3.1 * j + 1) * (0.1 + 0.05 * j), 3) * (i != 1)
            rows.append((item, f"predicted with 8{i} %", word, math.nan if j == i == 2 else score))
    frame = pd.DataFrame(rows, columns=["text", "prediction", "word", "attribution"])
    names = {"item": "text", "token": "word", "score": "attribution", "note": "prediction"}
    return TokenScores(**{"title": "What the model reads", "frame": frame, **names, **fields})


def image_scores(side: int = 28, items: int = 4, **fields: object) -> ImageScores:
    """Rings, with the weight in another corner of each; the last carries none."""
    down, across = np.indices((side, side)).reshape(2, -1)
    frames = []
    for i in range(items):
        y, x = ((0.25, 0.25), (0.75, 0.75), (0.5, 0.5), (0.25, 0.75))[i % 4]
        far = np.hypot(down / side - 0.5, across / side - 0.5)
        near = np.exp(-60 * ((down / side - y) ** 2 + (across / side - x) ** 2))
        score = near * np.cos(9 * down / side) * (i < items - 1)
        grey = (255 * np.exp(-90 * (far - 0.3) ** 2)).astype(int)
        pixels = {"row": down, "column": across, "grey": grey, "score": score.round(3)}
        frames.append(pd.DataFrame({"item": f"ring {i + 1}, seen as a shoe", **pixels}))
    frame = pd.concat(frames, ignore_index=True)
    names = {"item": "item", "row": "row", "column": "column", "score": "score"}
    return ImageScores(**{"title": "What the model looks at", "frame": frame, **names, **fields})


def heatmap(rows: int = 5, columns: int = 5, **fields: object) -> Heatmap:
    """Waves between -1 and 1, with one cell that is undefined."""
    down, across = (one.ravel() for one in np.indices((rows, columns)))
    wave = np.cos(0.9 * down - 0.7 * across).round(4)
    wave[-1] = math.nan
    frame = pd.DataFrame(
        {
            "method": [f"method {i}" for i in down],
            "other": [f"other {i}" for i in across],
            "rank_correlation": wave,
        }
    )
    names = {"x": "other", "y": "method", "value": "rank_correlation", "diverging": True}
    return Heatmap(**{"title": f"Do {rows} methods agree?", "frame": frame, **names, **fields})


def empty() -> AuditReport:
    """Nothing was run."""
    return AuditReport(title="Nothing", results=(), model={}, data={}, environment={})


def _trusted() -> CheckResult:
    judged = pd.DataFrame(
        {
            "method": ["Shapley values", "integrated gradients", "guided backprop", "attention"],
            "completeness_gap": [0.0, 0.011, math.nan, math.nan],
            "deletion": [0.31, 0.29, 0.08, 0.11],
            "trust": ["trusted", "weak", "failed", "not tested"],
            "why": ["passes every test", "depends on the baseline", "same for random weights", ""],
        }
    )
    says = "Of 4 explanations tested, 1 can be trusted on this model: Shapley values."
    return CheckResult(
        rule="AK501",
        name="explanations",
        title="Which explanations can be trusted",
        topic=Topic.EXPLANATION,
        status=Status.PASSED,
        findings=(
            Finding(
                message=says,
                status=Status.PASSED,
                metric="trusted methods",
                unit=Unit.COUNT,
                value=1,
                limit=1,
                n=64,
            ),
        ),
        sections=(
            Section(
                title="Each method, each test",
                text="A method that fails is shown no further.",
                views=(
                    Table(title="Methods tested on this model", frame=judged, verdicts=("trust",)),
                    heatmap(),
                ),
            ),
        ),
    )


def _looked_at() -> CheckResult:
    says = "The model looks at marital status most, then at education and age."
    return CheckResult(
        rule="AK502",
        name="importance",
        title="What the model looks at",
        topic=Topic.EXPLANATION,
        status=Status.MEASURED,
        findings=(Finding(message=says, status=Status.MEASURED, metric="importance", value=0.2),),
        sections=(
            Section(
                title="A few rows explained in full",
                views=(
                    token_scores(),
                    image_scores(),
                    heatmap(12, 29, title="Time and channels"),
                    heatmap(40, 40, title="Attention", diverging=False),
                ),
            ),
        ),
    )


def _results() -> list[CheckResult]:
    return [
        *_performance(),
        *_fairness(),
        *_data(),
        *_training(),
        CheckResult(
            rule="AK290",
            name="subgroups",
            title="Worst subgroup",
            topic=Topic.HARM,
            status=Status.SKIPPED,
            reason="Switched off in audit.toml.",
        ),
        CheckResult(
            rule="AK270",
            name="regression-parity",
            title="Error by group",
            topic=Topic.HARM,
            status=Status.NOT_APPLICABLE,
            reason="The target is a class, not a number.",
        ),
    ]


def _performance() -> list[CheckResult]:
    rivals = pd.DataFrame(
        {
            "model": ["this model", "gradient boosting", "logistic regression", "majority guess"],
            "accuracy": [0.8581, 0.8729, 0.8505, 0.7638],
            "low": [0.8527, 0.8677, 0.8449, 0.7572],
            "high": [0.8634, 0.8779, 0.8559, 0.7703],
            "log_loss": [0.3131, 0.2789, 0.3212, 0.5466],
        }
    )
    edges = (np.arange(10) + 0.5) / 10
    reliability = pd.DataFrame(
        {
            "predicted": edges,
            "observed": [0.03, 0.13, 0.22, 0.37, 0.41, 0.58, 0.62, 0.79, 0.83, 0.96],
            "low": [0.02, 0.11, 0.19, 0.33, 0.37, 0.54, 0.58, 0.75, 0.79, 0.94],
            "high": [0.04, 0.15, 0.25, 0.41, 0.45, 0.62, 0.66, 0.83, 0.87, 0.98],
            "rows": [8121, 1713, 1180, 893, 780, 722, 698, 660, 715, 799],
        }
    )
    return [
        CheckResult(
            rule="AK101",
            name="accuracy",
            title="Accuracy beside simpler models",
            topic=Topic.PERFORMANCE,
            status=Status.FAILED,
            seconds=2.31,
            findings=(
                _finding(
                    "The model is right for 85.8 % of rows; a majority guess for 76.4 %.",
                    Status.PASSED,
                    "accuracy",
                    0.8581,
                    0.7638,
                    (0.8527, 0.8634),
                    0.7638,
                    n=16281,
                ),
                Finding(
                    message="Gradient boosting is right for 1.5 % more rows than this model.",
                    status=Status.FAILED,
                    metric="accuracy difference",
                    level=Level.WARNING,
                    value=0.0148,
                    limit=0.01,
                    interval=(0.0109, 0.0187),
                    method="paired bootstrap",
                    n=16281,
                    remedy="Use gradient boosting, or say why a network is worth its cost.",
                ),
                Finding(
                    message="The AUC is 0.912.",
                    status=Status.MEASURED,
                    metric="AUC",
                    value=0.9123,
                    interval=(0.9078, 0.9167),
                    null=0.5,
                    n=16281,
                    method="DeLong",
                ),
                Finding(
                    message="The log loss is 0.313.",
                    status=Status.MEASURED,
                    metric="log loss",
                    value=0.3131,
                    interval=(0.3049, 0.3213),
                    n=16281,
                    method="bootstrap",
                ),
            ),
            sections=(
                Section(
                    title="Would a simpler model do?",
                    text="Each rival was trained on the same rows and judged on the same rows.",
                    views=(
                        Intervals(
                            title="Accuracy of each model",
                            frame=rivals,
                            label="model",
                            value="accuracy",
                            low="low",
                            high="high",
                            reference=0.7638,
                            reference_label="majority guess",
                        ),
                        Table(
                            title="All figures", frame=rivals, shares=("accuracy", "low", "high")
                        ),
                    ),
                ),
            ),
        ),
        CheckResult(
            rule="AK110",
            name="calibration",
            title="Calibration",
            topic=Topic.PERFORMANCE,
            status=Status.PASSED,
            seconds=0.21,
            findings=(
                _finding(
                    "Probabilities are off by 0.012 on average, hardly more than chance.",
                    Status.PASSED,
                    "expected calibration error",
                    0.0121,
                    0.05,
                    (0.0098, 0.0161),
                    0.0087,
                    n=16281,
                ),
                Finding(
                    message="The Brier score is 0.0994.",
                    status=Status.MEASURED,
                    metric="Brier score",
                    value=0.0994,
                    interval=(0.0969, 0.1020),
                    n=16281,
                ),
            ),
            sections=(
                Section(
                    title="Do probabilities mean what they say?",
                    text="On the dotted line, 70 % means that it happens in 70 of 100 cases.",
                    views=(
                        Lines(
                            title="Reliability",
                            frame=reliability,
                            x="predicted",
                            y=("observed", "low", "high"),
                            unit=Unit.SHARE,
                            diagonal=True,
                        ),
                        Bars(
                            title="Rows by predicted probability",
                            x="predicted",
                            y=("rows",),
                            frame=reliability,
                            unit=Unit.COUNT,
                        ),
                    ),
                ),
            ),
        ),
    ]


def _fairness() -> list[CheckResult]:
    sex = pd.DataFrame(
        {
            "group": ["Female", "Male"],
            "selection_rate": [0.0762, 0.2571],
            "low": [0.0692, 0.2489],
            "high": [0.0838, 0.2655],
            "rows": [5421, 10860],
        }
    )
    remedy = "Look at why the rates differ before the model decides anything about people."
    pair = {"column": "sex", "lowest": "Female", "highest": "Male"}
    return [
        CheckResult(
            rule="AK201",
            name="demographic-parity",
            title="Demographic parity",
            topic=Topic.HARM,
            status=Status.FAILED,
            seconds=0.44,
            findings=(
                Finding(
                    message="Men are predicted to earn >50K 18.1 % more often than women.",
                    status=Status.FAILED,
                    metric="selection rate difference",
                    level=Level.ERROR,
                    value=0.1809,
                    limit=0.1,
                    interval=(0.1697, 0.1921),
                    null=0.0056,
                    n=16281,
                    method="simultaneous 95 % interval, studentised max-T",
                    where=pair,
                    remedy=remedy,
                ),
                Finding(
                    message="Between races the rates differ by 15.2 %; too few rows to judge.",
                    status=Status.INSUFFICIENT,
                    metric="selection rate difference",
                    level=Level.WARNING,
                    value=0.152,
                    limit=0.1,
                    interval=(0.061, 0.243),
                    null=0.0487,
                    n=16281,
                    rows_needed=41_300,
                    where={
                        "column": "race",
                        "lowest": "Amer-Indian-Eskimo",
                        "highest": "Asian-Pac-Islander",
                    },
                    method="simultaneous 95 % interval, studentised max-T",
                    remedy="Gather more rows of the small groups.",
                ),
            ),
            sections=(
                Section(
                    title="How often each group gets the favoured decision",
                    text="The interval shows what the rows there are can and cannot tell.",
                    views=(
                        Intervals(
                            title="Selection rate by sex",
                            frame=sex,
                            label="group",
                            value="selection_rate",
                            low="low",
                            high="high",
                            reference=0.1969,
                            reference_label="all rows",
                        ),
                        Intervals(
                            title="Selection rate by race",
                            frame=_groups(5),
                            label="group",
                            value="selection_rate",
                            low="low",
                            high="high",
                        ),
                    ),
                ),
                Section(
                    title="Sex, race and age together",
                    views=(
                        Intervals(
                            title="Selection rate by sex, race and age",
                            label="group",
                            frame=_groups(40),
                            value="selection_rate",
                            low="low",
                            high="high",
                            limit=0.4,
                        ),
                        Table(title="Every rate of every group", frame=_wide()),
                    ),
                ),
            ),
        ),
        CheckResult(
            rule="AK205",
            name="four-fifths",
            title="Four-fifths rule",
            topic=Topic.HARM,
            status=Status.FAILED,
            seconds=0.02,
            findings=(
                Finding(
                    message="Women are selected 0.30 times as often as men; four fifths is 0.80.",
                    status=Status.FAILED,
                    metric="selection rate ratio",
                    level=Level.ERROR,
                    value=0.2964,
                    limit=0.8,
                    interval=(0.268, 0.327),
                    n=16281,
                    where=pair,
                    method="exact comparison; Fisher's p < 10⁻³⁰⁰",
                    remedy=remedy,
                ),
            ),
        ),
        CheckResult(
            rule="AK210",
            name="equalized-odds",
            title="Equalized odds",
            topic=Topic.HARM,
            status=Status.PASSED,
            seconds=0.51,
            findings=(
                _finding(
                    "True positive rates of women and men differ by 2.1 %.",
                    Status.PASSED,
                    "true positive rate difference",
                    0.021,
                    0.1,
                    (0.0, 0.062),
                    0.0141,
                    n=3846,
                ),
                Finding(
                    message="The precision for the group Other cannot be told.",
                    status=Status.INSUFFICIENT,
                    metric="precision difference",
                    limit=0.1,
                    n=12,
                    reason="The model calls nobody in the group Other positive.",
                    where={"column": "race", "group": "Other"},
                ),
            ),
            sections=(
                Section(
                    title="Errors by group",
                    views=(
                        Bars(
                            title="False positive and false negative rate",
                            x="group",
                            unit=Unit.SHARE,
                            y=("false_positive_rate", "false_negative_rate"),
                            frame=_errors(),
                        ),
                    ),
                ),
            ),
        ),
        CheckResult(
            rule="AK230",
            name="predictive-parity",
            title="Predictive parity",
            topic=Topic.HARM,
            status=Status.BROKEN,
            reason="ZeroDivisionError: division by zero",
            traceback='Traceback (most recent call last):\n  File "fairness.py", line 88, in run\n'
            "    return tp / (tp + fp)\nZeroDivisionError: division by zero\n",
        ),
    ]


def _data() -> list[CheckResult]:
    missing = pd.DataFrame(
        {
            "column": ["workclass", "occupation", "native-country"],
            "Female": [0.074, 0.0753, 0.0161],
            "Male": [0.0501, 0.0508, 0.0172],
        }
    )
    facts = pd.DataFrame(
        {"what": ["duplicate rows", "constant columns", "encoding"], "seen": [29, 0, "UTF-8"]},
        dtype="object",
    )
    return [
        CheckResult(
            rule="AK401",
            name="data",
            title="Data",
            topic=Topic.DATA,
            status=Status.PASSED,
            seconds=0.09,
            findings=(
                _finding(
                    "29 of 16,281 rows also stand among the training rows.",
                    Status.PASSED,
                    "duplicated rows share",
                    29 / 16281,
                    0.01,
                    (0.0012, 0.0026),
                    math.nan,
                    n=16281,
                ),
            ),
            sections=(
                Section(
                    title="Missing values by group",
                    views=(
                        Bars(
                            title="Share of missing values",
                            x="column",
                            y=("Female", "Male"),
                            frame=missing,
                            unit=Unit.SHARE,
                        ),
                        Table(title="Facts", frame=facts),
                    ),
                ),
            ),
        ),
    ]


def _training() -> list[CheckResult]:
    epochs = np.arange(1, 41)
    rng = np.random.default_rng(0)
    curves = pd.DataFrame(
        {
            "epoch": epochs,
            "training_loss": 0.29 + 0.25 * np.exp(-epochs / 6) + rng.normal(0, 0.002, 40),
            "validation_loss": 0.31 + 0.22 * np.exp(-epochs / 5) + 0.0004 * epochs,
        }
    )
    lengthy = pd.DataFrame({"epoch": epochs, "gradient_norm": 2 / epochs, "seconds": 0.9})
    return [
        CheckResult(
            rule="AK501",
            name="training",
            title="Training",
            topic=Topic.TRAINING,
            status=Status.MEASURED,
            seconds=0.01,
            findings=(
                Finding(
                    message="The network saw the data 40 times; epoch 31 was kept.",
                    status=Status.MEASURED,
                    metric="epochs",
                    value=31,
                    n=29304,
                ),
                Finding(
                    message="2 of 768 units never fire.",
                    status=Status.MEASURED,
                    metric="dead units share",
                    value=2 / 768,
                    n=768,
                ),
            ),
            sections=(
                Section(
                    title="Learning curves",
                    text="Early stopping kept the marked epoch.",
                    views=(
                        Lines(
                            title="Loss",
                            frame=curves,
                            x="epoch",
                            mark=31,
                            mark_label="kept",
                            y=("training_loss", "validation_loss"),
                        ),
                        Lines(
                            title="Gradient norm", frame=lengthy, x="epoch", y=("gradient_norm",)
                        ),
                    ),
                ),
            ),
        ),
    ]


def _finding(
    message: str,
    status: Status,
    metric: str,
    value: float,
    limit: float,
    interval: tuple[float, float],
    null: float,
    *,
    n: int,
) -> Finding:
    return Finding(
        message=message,
        status=status,
        metric=metric,
        value=value,
        limit=limit,
        interval=interval,
        null=null,
        n=n,
        method="95 % bootstrap interval, 1,000 draws",
    )


def _groups(number: int) -> pd.DataFrame:
    rng = np.random.default_rng(number)
    names = [
        f"{sex}, {race}, {age}"
        for sex in ("Female", "Male")
        for race in ("White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other")
        for age in ("under 25", "25 to 44", "45 to 64", "65 and over")
    ]
    if number <= 5:
        names = ["White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other"]
    rows = rng.integers(8, 4000, number)
    rates = rng.uniform(0.02, 0.45, number)
    half = 1.96 * np.sqrt(rates * (1 - rates) / rows)
    frame = pd.DataFrame(
        {
            "group": names[:number],
            "selection_rate": rates,
            "low": np.maximum(0, rates - half),
            "high": np.minimum(1, rates + half),
            "rows": rows,
        }
    )
    frame.loc[number - 1, ["selection_rate", "low", "high"]] = math.nan
    return frame


def _wide() -> pd.DataFrame:
    """More columns than a page is wide, with undefined cells at the far end."""
    rng = np.random.default_rng(1)
    names = [
        f"{sign} {kind} {what}"
        for sign in ("true", "false")
        for kind in ("positive", "negative")
        for what in ("rate", "count", "share of all rows")
    ]
    frame = pd.DataFrame(rng.uniform(0, 1, (40, len(names))), columns=names)
    frame.iloc[:, -1] = math.nan
    frame.insert(0, "group", _groups(40)["group"])
    return frame


def _errors() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": ["White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other"],
            "false_positive_rate": [0.081, 0.032, 0.094, 0.021, math.nan],
            "false_negative_rate": [0.372, 0.441, 0.353, 0.512, 0.48],
        }
    )
