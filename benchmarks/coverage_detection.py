"""Do the intervals of a detector's figures hold, and are its false alarms as rare as it says?

    python -m benchmarks.coverage_detection            minutes; rewrites docs/methods-detection.md
    python -m benchmarks.coverage_detection --quick    a few settings in seconds, printed only

Ends with status 1 where a target is missed. Each setting seeds its own tables.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.detection.calibration import ALPHA, Answer, answers, calibrated
from auditkit.detection.conformal import Tail
from auditkit.detection.evaluation import (
    auc,
    average_precision,
    balanced_accuracy,
    certainty,
    equal_error_rate,
    false_alarms,
    found_share,
    positive_predictive_value,
    risk_coverage,
    tpr_at_fpr,
)
from auditkit.detection.members.table import MEMBERS
from auditkit.detection.panel import Readings
from auditkit.statistics.classification import auc as auc_of_rows
from auditkit.statistics.estimate import Estimate
from benchmarks.coverage import PROMISED, markdown, write_between

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Line = dict[str, float]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-detection.md"
LEVEL = 0.01
PREVALENCE = 0.01
MANY = 1_000_000
BANDS = 32
SLACK = 1e-9


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """So many originals with 1 to `images` images each; made ones score `shift` higher.

    Scores are standard normal, a part `alike` of their variance the original's. Where twins, each
    image has a made one of the same original; else originals are all real or all made.
    """

    originals: int
    images: int = 1
    alike: float = 0.0
    shift: float = 2.0
    twins: bool = False

    @property
    def title(self) -> str:
        """Originals, images of each, what they share, how far apart the classes are."""
        several = (
            f" of up to {self.images} images, {self.alike:g} shared" if self.images > 1 else ""
        )
        kind = ", real and made of each" if self.twins else ""
        return f"{self.originals} originals{several}{kind}; shift {self.shift:g}"

    def drawn(self, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_], Ints]:
        """One table: scores, which are made, and of which original."""
        whose = np.repeat(
            np.arange(self.originals), rng.integers(1, self.images + 1, self.originals)
        )
        made = whose % 2 == 1
        if self.twins:
            whose = np.repeat(whose, 2)
            made = np.arange(len(whose)) % 2 == 1
        own = rng.normal(size=self.originals)[whose]
        noise = rng.normal(size=len(whose))
        score = np.sqrt(self.alike) * own + np.sqrt(1 - self.alike) * noise
        return score + self.shift * made, made, whose

    @cache  # noqa: B019 - there are a handful of settings
    def truth(self) -> Line:
        """The figures of endlessly many originals, as many made images as real ones."""
        cut = np.linspace(-8, 8 + self.shift, 20_001)
        false, true = norm.sf(cut), norm.sf(cut - self.shift)
        density = norm.pdf(cut - self.shift)
        precision = true / np.maximum(true + false, 1e-300)
        right = norm.cdf(self.shift / 2)
        rng = np.random.default_rng(0)
        sample = np.sort(rng.normal(size=MANY) + self.shift / 2)  # by the right side of the middle
        wrong = (sample < 0)[np.argsort(-np.abs(sample))]
        return {
            "AUC": float(norm.cdf(self.shift / np.sqrt(2))),
            "AP": float(np.trapezoid(precision * density, cut)),
            "EER": float(norm.sf(self.shift / 2)),
            "TPR at 1 %": float(norm.sf(norm.isf(LEVEL) - self.shift)),
            "balanced": float(right),
            "false alarms": float(1 - right),
            "PPV at 1 %": float(1 / (1 + (1 / PREVALENCE - 1) * (1 - right) / right)),
            "AURC": float((wrong.cumsum() / np.arange(1, MANY + 1)).mean()),
        }


FIGURES = (
    Photographs(originals=60),
    Photographs(originals=400),
    Photographs(originals=400, shift=0),
    Photographs(originals=100, shift=5),
    Photographs(originals=2000, shift=3),
    Photographs(originals=20, images=20, alike=0.5),
    Photographs(originals=60, images=10, alike=0.8),
    Photographs(originals=300, images=5, alike=0.5, shift=3),
    Photographs(originals=60, images=5, alike=0.5, twins=True),
    Photographs(originals=300, images=5, alike=0.5, shift=3, twins=True),
)
ALARMS = (
    Photographs(originals=20),
    Photographs(originals=60),
    Photographs(originals=400),
    Photographs(originals=20, images=20, alike=0.8),
    Photographs(originals=60, images=20, alike=0.5),
    Photographs(originals=200, images=20, alike=0.9),
    Photographs(originals=400, images=5, alike=0.8),
)


def figures(setting: Photographs, rng: np.random.Generator) -> Line:
    """One table's intervals against the truth; `by row` is that of the AUC if rows were alone."""
    score, made, whose = setting.drawn(rng)
    middle = setting.shift / 2
    called = score > middle
    sure = certainty(norm.cdf(score - middle), np.ones(len(score)))
    rates = found_share(called, made, whose), false_alarms(called, made, whose)
    found = {
        "AUC": auc(score, made, whose),
        "AP": average_precision(score, made, whose),
        "EER": equal_error_rate(score, made, whose, rng=rng),
        "TPR at 1 %": tpr_at_fpr(score, made, whose, rng=rng, level=LEVEL),
        "balanced": balanced_accuracy(called, made, whose),
        "false alarms": rates[1],
        "PPV at 1 %": positive_predictive_value(*rates, (PREVALENCE,))[PREVALENCE],
        "AURC": risk_coverage(sure, called != made, whose).area,
    }
    truth = setting.truth()
    alone = auc_of_rows(made, norm.cdf(score))
    return {name: _holds(one, truth[name]) for name, one in found.items()} | {
        "AUC by row": _holds(alone, truth["AUC"])
    }


def alarms(setting: Photographs, rng: np.random.Generator) -> Line:
    """One calibration, and a new original's real and made image: what is said of them.

    `pooled` is what the p-value would be if each image counted, `p at most .05` is ours.
    """
    logits, made, whose = _panel(setting, rng, setting.originals)
    law = calibrated(_readings(logits, rng), made, whose)
    new, is_made, _ = _panel(setting, rng, 50)
    said = answers(_readings(new, rng), law)
    known = answers(_readings(logits[~made], rng), law)["score"]
    single = Tail.of(known, np.arange(len(known)))
    real, fake = said[~is_made], said[is_made]
    return {
        "promised": np.floor(ALPHA * (setting.originals + 1)) / (setting.originals + 1),
        "p at most .05": float((real["p_value"] <= ALPHA).mean()),
        "pooled": float((single.p_value(real["score"]) <= ALPHA).mean()),
        "reals called fake": float((real["answer"] == Answer.FAKE).mean()),
        "reals abstained": float((real["answer"] == Answer.ABSTAIN).mean()),
        "strange": float((real["strange"] <= LEVEL).mean()),
        "fakes called fake": float((fake["answer"] == Answer.FAKE).mean()),
        "fakes called real": float((fake["answer"] == Answer.REAL).mean()),
    }


def _panel(
    setting: Photographs, rng: np.random.Generator, originals: int
) -> tuple[Floats, NDArray[np.bool_], Ints]:
    """Logits of members with heavy tails that partly agree; as many originals of either class."""
    whose = np.repeat(np.arange(2 * originals), rng.integers(1, setting.images + 1, 2 * originals))
    if originals != setting.originals:
        whose = np.arange(2 * originals)  # new images are each the first of a new original
    made = whose >= originals
    own = rng.standard_t(4, (2 * originals, len(MEMBERS))) + rng.standard_t(4, (2 * originals, 1))
    noise = rng.standard_t(4, (len(whose), len(MEMBERS)))
    logits = np.sqrt(setting.alike) * own[whose] + np.sqrt(1 - setting.alike) * noise
    return logits + 1.5 * setting.shift * made[:, None], made, whose


def _readings(logits: Floats, rng: np.random.Generator) -> Readings:
    """With spectra that fall and wander, all of one law."""
    spectra = rng.standard_t(5, (len(logits), BANDS)).cumsum(axis=1)
    return Readings(logits=logits, spectra=spectra, sides=np.full((len(logits), 2), 64))


def _holds(found: Estimate, truth: float) -> float:
    return float(found.low - SLACK <= truth <= found.high + SLACK) if found.defined else np.nan


@dataclass(frozen=True, kw_only=True)
class Part:
    """A table of the page: what is simulated, and how often."""

    name: str
    settings: Sequence[Photographs]
    measure: Callable[[Photographs, np.random.Generator], Line]
    tables: int


PARTS = (
    Part(name="figures", settings=FIGURES, measure=figures, tables=400),
    Part(name="alarms", settings=ALARMS, measure=alarms, tables=200),
)


def simulate(part: Part, settings: Sequence[Photographs], tables: int) -> pd.DataFrame:
    """A line for each setting: means over its tables."""
    lines = []
    for setting in settings:
        rng = np.random.default_rng(crc32(f"{part.name} {setting.title}".encode()))
        frame = pd.DataFrame([part.measure(setting, rng) for _ in range(tables)], dtype=float)
        lines.append({"setting": setting.title, **frame.mean()})
        print(f"{part.name}: {setting.title}", file=sys.stderr)
    return pd.DataFrame(lines)


def missed_targets(part: Part, shares: pd.DataFrame, tables: int) -> list[str]:
    """Intervals that hold too rarely, false alarms that are too many, less two standard errors."""
    slack = 2 * (PROMISED * (1 - PROMISED) / tables) ** 0.5
    missed = []
    for _, line in shares.iterrows():
        where = f"{part.name}, {line['setting']}"
        if part.name == "alarms":
            if line["p at most .05"] > ALPHA + slack:
                missed.append(f"{where}: {line['p at most .05']:.1%} false alarms")
            continue
        for kind in [one for one in shares.columns if one not in ("setting", "AUC by row")]:
            if line[kind] < PROMISED - slack - 0.01:
                missed.append(f"{where}: {kind} in {line[kind]:.1%}")
    return missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, write the page, and say what falls short."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args(arguments).quick
    missed = []
    for part in PARTS:
        tables = 100 if quick else part.tables
        shares = simulate(part, part.settings[:3] if quick else part.settings, tables)
        missed += missed_targets(part, shares, tables)
        shown = shares.assign(
            **{one: shares[one].map("{:.1%}".format) for one in shares.columns[1:]}
        ).replace("nan%", "")
        if quick:
            print(shown.to_string(index=False))
        else:
            write_between(PAGE, part.name, markdown(shown))
    print("\n".join(missed) or "all targets met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
