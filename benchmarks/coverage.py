"""Do the intervals hold, and is a verdict wrong as rarely as it claims? By simulation.

    python -m benchmarks.coverage            20 minutes of CPU time; rewrites docs/methods.md
    python -m benchmarks.coverage --quick    two populations in seconds, printed only

Ends with status 1 where a target is missed. Each population seeds its own tables, so that any
machine with any number of processes gives the same figures.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import pandas as pd

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.pair_tails import pair_tails
from benchmarks.populations import LIMITS, QUICK, SETTINGS
from benchmarks.simulation import ALTERNATIVES, simulate, single_rates

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods.md"
SIZES = (5, 6, 7, 8, 10, 15, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000)
PROMISED, WRONG = 0.94, 0.05


def main() -> int:
    """Simulate, print, write unless --quick; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer tables; nothing is written")
    parser.add_argument("--tables", type=int, default=2000, help="tables a population")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    settings, tables = (QUICK, 200) if options.quick else (SETTINGS, options.tables)
    rates = single_rates(SIZES[:9] if options.quick else SIZES, samples=200_000)
    shares = simulate(settings, tables, options.processes)
    missed = missed_targets(rates, shares, tables)
    text = page(rates, shares, tables, missed)
    print(text)
    if not options.quick:
        write_between(PAGE, "coverage", text)
        write_between(PAGE, "pairs", markdown(pair_tails()))
    return 1 if missed else 0


def missed_targets(rates: pd.DataFrame, shares: pd.DataFrame, tables: int) -> list[str]:
    """What falls short of the targets in docs/methods.md, one sentence each."""
    error = 2 * (PROMISED * (1 - PROMISED) / tables) ** 0.5
    missed = []
    for line in rates.itertuples():
        if not (0.945 <= line.mean <= 0.965 and line.least >= 0.90):
            missed.append(f"one rate, n = {line.n}: mean {line.mean:.4f}, least {line.least:.4f}")
    for _, line in shares.iterrows():
        where = f"{line.comparison}, {line.population}"
        for kind in ("all pairs", "gap"):
            if line[kind] < PROMISED - error:
                missed.append(f"{where}: {kind} covered in {line[kind]:.1%}")
        if line.excess <= 0 and line.failed > WRONG:
            missed.append(f"{where}: wrongly failed in {line.failed:.1%}")
        if line.excess > 0 and line.passed > WRONG:
            missed.append(f"{where}: wrongly passed in {line.passed:.1%}")
    return missed


def page(rates: pd.DataFrame, shares: pd.DataFrame, tables: int, missed: list[str]) -> str:
    """The generated part of docs/methods.md."""
    verdict = (
        ["Every target is met."]
        if not missed
        else ["Targets missed:", "", *(f"- {one}" for one in missed)]
    )
    return "\n".join(
        [
            "### One rate",
            "",
            "Coverage of the 95 % interval over p, exact (a sum over the binomial: mean of 2,000 "
            "p, least at any p) and simulated (200,000 samples, p uniform).",
            "",
            markdown(rates_table(rates)),
            "",
            *(part for one in LIMITS for part in _comparison(shares, one, tables)),
            "### Which critical value",
            "",
            "Least share of tables, over the populations above, in which all pairs hold: each on "
            "the same quarter of the tables, so that the least of many shares is lower than above.",
            "",
            markdown(alternatives_table(shares)),
            "",
            *verdict,
        ]
    )


def _comparison(shares: pd.DataFrame, comparison: str, tables: int) -> list[str]:
    chosen = shares[shares.comparison == comparison]
    return [
        f"### Largest {comparison}" if comparison == "difference" else f"### Smallest {comparison}",
        "",
        f"Limit {LIMITS[comparison]:g}; {tables:,} tables of each population, written as "
        "groups × rows: rates (how many groups have it). A verdict that is right is in brackets. "
        "The last two columns are the peers' percentile interval, on a quarter of the tables.",
        "",
        markdown(verdicts_table(chosen)),
        "",
    ]


def rates_table(rates: pd.DataFrame) -> pd.DataFrame:
    """One line for each n."""
    shown = rates.drop(columns="n").map("{:.2%}".format)
    shown.insert(0, "n", rates["n"].map("{:,}".format))
    return shown


def verdicts_table(shares: pd.DataFrame) -> pd.DataFrame:
    """One line for each population; a verdict that is right is in brackets."""
    right = {"failed": shares.excess > 0, "passed": shares.excess < 0}
    shown = pd.DataFrame(
        {"population": shares.population, "true": shares.true.map("{:.3g}".format)}
    )
    shown["all pairs hold"] = shares["all pairs"].map("{:.1%}".format)
    shown["interval holds"] = shares["gap"].map("{:.1%}".format)
    for verdict, rightly in right.items():
        text = shares[verdict].map("{:.1%}".format)
        shown[verdict] = text.where(~rightly, "(" + text + ")")
    shown["percentile interval holds"] = shares["percentile"].map("{:.1%}".format)
    text = shares["percentile failed"].map("{:.1%}".format)
    shown["percentile failed"] = text.where(~right["failed"], "(" + text + ")")
    return shown


def alternatives_table(shares: pd.DataFrame) -> pd.DataFrame:
    """The worst population under each critical value."""
    least = shares.groupby("comparison")[list(ALTERNATIVES)].min().T
    return least.map("{:.1%}".format).rename_axis("critical value").reset_index()


def markdown(frame: pd.DataFrame) -> str:
    """A frame as a Markdown table."""
    lines = [list(map(str, frame.columns)), ["---"] * len(frame.columns), *frame.values.tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write_between(path: Path, name: str, text: str) -> None:
    """Replace what stands between the markers of that name, all at once or not at all."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = path.read_text(encoding="utf-8").split(begin)
    whole = f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end)[1]}"
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.write(whole)
    Path(file.name).chmod(path.stat().st_mode)
    Path(file.name).replace(path)


if __name__ == "__main__":
    sys.exit(main())
