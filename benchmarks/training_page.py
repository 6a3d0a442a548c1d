"""The figures of benchmarks/training.json as a page."""

import math
import statistics
from collections.abc import Mapping
from typing import Any

from auditkit.models.presets import FULL, PRESETS, Preset
from auditkit.scores import SCORES

Row = Mapping[str, Any]
HEAD = """# What the presets reach

Written by `python -m benchmarks.training`, figures in [training.json](training.json). Reached is \
the mean on test rows that were never trained on, with the least and the most of the seeds; \
seconds are those of the training, beside what the preset may take. Simpler models are those of \
the report, on the same rows. Images are judged by the quick `cnn` of the same data.
"""
COLUMNS = (
    "reference",
    "data",
    "preset",
    "target",
    "reached",
    "seconds",
    "hardware",
    "also",
    "simpler models",
    "date",
)


def page(kept: Mapping[str, Any]) -> str:
    """The whole page: a line for every preset there is, run or not."""
    lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    for (architecture, data), presets in PRESETS.items():
        for name, preset in presets.items():
            begins = [architecture, data, name, target(preset)]
            rows = [
                one
                for one in kept["rows"]
                if (one["reference"], one["preset"]) == (f"{architecture}-{data}", name)
            ]
            for row in rows:
                other = kept["simpler"].get(f"{data}: {preset.metric}", {})
                lines.append(" | ".join([*begins, *cells(row, preset, other)]))
            if not rows:
                why = "not run (no GPU)" if name == FULL else "not run"
                lines.append(" | ".join([*begins, why, f"at most {preset.seconds:g}", *4 * [""]]))
    table = "\n".join(f"| {line} |" for line in lines)
    return f"{HEAD}\n{table}\n\n{measured_with(kept['rows'])}\n"


def target(preset: Preset) -> str:
    """The metric and what is asked of it."""
    if preset.expected is None:
        return f"{preset.metric}: none"
    word = "at least" if SCORES[preset.metric].higher else "at most"
    return f"{preset.metric} {word} {preset.expected:g}"


def cells(row: Row, preset: Preset, simpler: Mapping[str, float]) -> list[str]:
    """Reached, seconds, hardware, simpler models and date of one row."""
    took = statistics.mean(one["seconds"] for one in row["runs"])
    late = f", **over {preset.seconds:g}**" if took > (preset.seconds or math.inf) else ""
    within = f" of {preset.seconds:g}" if preset.seconds and not late else ""
    beside = [f"{name} {value:.3f}" for name, value in simpler.items()]
    trivial = [one["trivial"] for one in row["runs"] if one["trivial"] is not None]
    beside += [f"characters counted {statistics.mean(trivial):.3f}"] if trivial else []
    return [
        reached(row, preset),
        f"{took:.1f}{within}{late}",
        row["hardware"],
        ", ".join(others(row, preset)),
        ", ".join(beside) or "none",
        row["date"],
    ]


def reached(row: Row, preset: Preset) -> str:
    """Mean, least and most of the seeds, and whether the target is met."""
    found = [one["scores"][preset.metric] for one in row["runs"] if preset.metric in one["scores"]]
    if not found:
        return "not judged"
    mean = statistics.mean(found)
    spread = f"{min(found):.4f} to {max(found):.4f}, " if len(found) > 1 else ""
    seeds = f"{len(found)} seeds" if len(found) > 1 else "1 seed"
    missed = ""
    if preset.expected is not None:
        short = preset.expected - mean if SCORES[preset.metric].higher else mean - preset.expected
        missed = "; **missed**" if short > 0 else ""
    return f"{mean:.4f} ({spread}{seeds}){missed}"


def others(row: Row, preset: Preset) -> list[str]:
    """The means of the other scores of the task."""
    names = [name for name in row["runs"][0]["scores"] if name != preset.metric]
    means = (statistics.mean(one["scores"][name] for one in row["runs"]) for name in names)
    return [f"{name} {mean:.3f}" for name, mean in zip(names, means, strict=True)]


def measured_with(rows: list[Row]) -> str:
    """Which versions the figures are of, a line for each set of them."""
    dates: dict[str, set[str]] = {}
    for row in rows:
        text = ", ".join(f"{name} {found}" for name, found in sorted(row["versions"].items()))
        dates.setdefault(text, set()).add(row["date"])
    return "\n".join(f"- {', '.join(sorted(days))}: {text}" for text, days in dates.items())
