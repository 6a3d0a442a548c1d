"""What the detector reaches on generators and real sources that it never saw, seed by seed.

    python -m benchmarks.detector            minutes; rewrites benchmarks/detector.md and .json
    python -m benchmarks.detector --quick    one seed of the quick preset, printed only

Every seed has another generator to calibrate on and others to be tested on. A call is a p-value of
at most .05, the threshold learned on calibration images alone.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.detection.calibration import ALPHA
from auditkit.detection.corpus import (
    FAKE,
    GENERATOR,
    IMAGE,
    LABEL,
    NOBODY,
    ORIGINAL,
    PART,
    SOURCE,
    Part,
)
from auditkit.detection.degrading import degraded
from auditkit.detection.evaluation import false_alarms
from auditkit.detection.files import Detector
from auditkit.detection.making import CorpusRecipe, made_corpus
from auditkit.detection.measured import measured, plain
from auditkit.detection.members.table import MEMBERS
from auditkit.detection.training import train_detector
from auditkit.detector_training import PRESETS
from auditkit.runtime import Runtime
from auditkit.versions import versions

PAGE = Path(__file__).resolve().with_suffix(".md")
QUALITY = 60
# Calibrated on the first; tested on the second and on every GAN. Members are fitted on the rest.
ROTATION = (
    ("autoencoder-nearest", "autoencoder-pixel-shuffle"),
    ("autoencoder-bilinear", "autoencoder-transposed"),
    ("autoencoder-pixel-shuffle", "autoencoder-bilinear"),
)
GANS = "gan-hinge", "gan-non-saturating", "dcgan"
AIMS = {
    "AUC": (">=", 0.97),
    "balanced accuracy": (">=", 0.90),
    "false alarms, new sources": ("<=", 0.05),
    f"balanced accuracy, JPEG {QUALITY}": (">=", 0.85),
}
Figures = dict[str, Any]


def seed_figures(
    seed: int, corpus_seed: int, size: str, steps: int | None, runtime: Runtime
) -> Figures:
    """One corpus, one training, what it reaches."""
    fitting = PRESETS[size] if steps is None else replace(PRESETS[size], steps=steps)
    calibrated_on, unseen = ROTATION[seed % len(ROTATION)]
    recipe = CorpusRecipe(
        size=size,  # type: ignore[arg-type]
        calibrated_on=calibrated_on,
        tested_on=(unseen, *GANS),
        seed=corpus_seed,
    )
    clock = time.perf_counter()
    corpus = made_corpus(recipe, runtime)
    made = time.perf_counter() - clock
    detector = train_detector(corpus, fitting, runtime)
    test = corpus[corpus[PART] == Part.TEST].reset_index(drop=True)
    return {
        "seed": seed,
        "corpus seed": corpus_seed,
        "steps": fitting.steps,
        "calibrated on": calibrated_on,
        "unseen": unseen,
        "corpus seconds": round(made, 1),
        "training seconds": detector.facts["seconds"],
        "as they are": figures(detector, test, unseen, runtime),
        f"JPEG {QUALITY}": figures(detector, compressed(test, runtime), unseen, runtime),
        "new sources": new_sources(detector, test, runtime),
        "corpus": detector.facts["corpus"],
    }


def new_sources(detector: Detector, test: pd.DataFrame, runtime: Runtime) -> Figures:
    """False alarms on real images of sources that no part but this one has."""
    new = test[(test[GENERATOR] == NOBODY) & ~test[SOURCE].isin(detector.facts["sources"])]
    called = detector.answers(list(new[IMAGE]), runtime)["p_value"] <= ALPHA
    return plain(false_alarms(called, new[LABEL] == FAKE, new[ORIGINAL]))


def figures(detector: Detector, test: pd.DataFrame, unseen: str, runtime: Runtime) -> Figures:
    """Against the unseen remaker on all real images, and against each GAN on its own source."""
    found = detector.answers(list(test[IMAGE]), runtime)
    rows = {unseen: test[GENERATOR].isin([NOBODY, unseen])}
    for name in sorted(set(test[GENERATOR]) - {NOBODY, unseen}):
        sources = set(test.loc[test[GENERATOR] == name, SOURCE])
        rows[name] = test[GENERATOR].isin([NOBODY, name]) & test[SOURCE].isin(sources)
    return {
        name: measured(test[at].reset_index(drop=True), found[at].reset_index(drop=True))
        for name, at in rows.items()
        if (test.loc[at, LABEL] == FAKE).any()
    }


def compressed(rows: pd.DataFrame, runtime: Runtime) -> pd.DataFrame:
    """The same images, each saved as JPEG once more."""
    rng = runtime.rng("benchmark: compressed")
    images = [degraded(one, "jpeg", QUALITY, rng) for one in rows[IMAGE]]
    return rows.assign(**{IMAGE: pd.Series(images, index=rows.index, dtype=object)})


def page(rows: Sequence[Figures], size: str) -> str:
    """The whole page: a line for each aim, one for each generator, one for each member."""
    seeds = [f"seed {row['seed']}" for row in rows]
    parts = [
        f"# What the detector reaches\n\nWritten by `python -m benchmarks.detector`, figures in "
        f"[detector.json](detector.json): {len(rows)} seeds of the {size} preset, "
        f"{rows[0]['steps']:,} steps, corpora of seeds {_each(rows, 'corpus seed')}. Members are "
        "fitted on some generators, the threshold is learned on another, and tested is on others, "
        "on photographs and persons in no other part, and on real sources that are new. A call is "
        "a p-value of at most .05; an image without an answer counts by its p-value.\n",
        _table(["", "aim", *seeds], [_aim(name, rows) for name in AIMS]),
        "\nFakes of each generator beside real images of the sources that it makes: AUC, and the "
        "share that is called.\n",
        _table(["generator", "", *seeds], list(_generators(rows))),
        "\nFalse alarms by source of the real images:\n",
        _table(["source", "", *seeds], list(_sources(rows))),
        "\nAUC of each member alone against the unseen autoencoder, as the images are and after "
        f"JPEG {QUALITY}; `pixels` is the control and has no vote.\n",
        _table(["member", "", *seeds], list(_members(rows))),
        f"\nSeconds on this machine, which others used: corpus (0 where it was kept) "
        f"{_each(rows, 'corpus seconds')}; members and calibration "
        f"{_each(rows, 'training seconds')}. {_versions()}\n",
    ]
    return "\n".join(parts)


def _main(row: Figures, condition: str) -> Figures:
    return dict(row[condition][row["unseen"]])


def _value(row: Figures, aim: str) -> float:
    if aim == "false alarms, new sources":
        return float(row["new sources"]["value"])
    name, _, quality = aim.partition(", ")
    found = _main(row, quality or "as they are")
    return float(found["auc" if name == "AUC" else name]["value"])


def _aim(aim: str, rows: Sequence[Figures]) -> list[str]:
    way, limit = AIMS[aim]
    found = [_value(row, aim) for row in rows]
    held = [one >= limit if way == ">=" else one <= limit for one in found]
    told = [
        f"{one:.3f}{'' if kept else ' (missed)'}" for one, kept in zip(found, held, strict=True)
    ]
    return [aim, f"{way} {limit:.2f}", *told]


def _generators(rows: Sequence[Figures]) -> Any:
    names = sorted({name for row in rows for name in row["as they are"]})
    for condition in ("as they are", f"JPEG {QUALITY}"):
        for name in names:
            cells = []
            for row in rows:
                one = row[condition].get(name)
                cells.append(
                    f"{one['auc']['value']:.3f}, {one['found']['value']:.2f}"
                    if one
                    else "learned from"
                )
            yield [name, condition, *cells]


def _sources(rows: Sequence[Figures]) -> Any:
    names = sorted(_main(rows[0], "as they are")["false alarms by source"])
    for condition in ("as they are", f"JPEG {QUALITY}"):
        for name in names:
            found = [_main(row, condition)["false alarms by source"][name] for row in rows]
            yield [name, condition, *(f"{one['value']:.3f}" for one in found)]


def _members(rows: Sequence[Figures]) -> Any:
    for condition in ("as they are", f"JPEG {QUALITY}"):
        for name in MEMBERS:
            found = [_main(row, condition)["auc of members"][name] for row in rows]
            yield [name, condition, *(f"{one:.3f}" for one in found)]


def _each(rows: Sequence[Figures], name: str) -> str:
    return ", ".join(f"{row[name]:.0f}" for row in rows)


def _versions() -> str:
    return ", ".join(f"{name} {one}" for name, one in versions().items()) + "."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Every seed, then the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--size", default="quick", choices=("quick", "full"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of the networks, instead of the preset's")
    parser.add_argument(
        "--corpus-seed",
        type=int,
        help="one draw of photographs and generators for all seeds: these are then trained once",
    )
    given = parser.parse_args()
    rows = []
    for seed in range(1 if given.quick else given.seeds):
        drawn = seed if given.corpus_seed is None else given.corpus_seed
        runtime = Runtime(device="cpu", seed=seed)
        rows.append(seed_figures(seed, drawn, given.size, given.steps, runtime))
        print(_table(["", "aim", "found"], [_aim(name, rows[-1:]) for name in AIMS]), flush=True)
    told = page(rows, given.size)
    print(told)
    if not given.quick:
        PAGE.write_text(told, encoding="utf-8")
        PAGE.with_suffix(".json").write_text(
            json.dumps({"seeds": rows, "versions": versions()}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
