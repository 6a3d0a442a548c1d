"""WEAT: the word lists of the word embedding association tests."""

import json
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, schema_of, text
from auditkit.data.fetch import Package, content

SOURCE = Package(
    name="wefe",
    version="1.0.1",
    archive_sha256="12654a91109cc2244e772bbdc881f692eec34488fe919fd918a929528f6faa00",
    member="wefe/datasets/data/WEAT.json",
    member_sha256="1a4a448a1825b29c67a7ebb7733343084b015f5b8ed720b2d9e193840a3d49a1",
)

# The published tests: two lists of targets, then two of attributes.
TESTS: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "WEAT 1": ("flowers", "insects", "pleasant_5", "unpleasant_5a"),
        "WEAT 2": ("instruments", "weapons", "pleasant_5", "unpleasant_5a"),
        "WEAT 3": (
            "european_american_names_5",
            "african_american_names_5",
            "pleasant_5",
            "unpleasant_5b",
        ),
        "WEAT 4": (
            "european_american_names_7",
            "african_american_names_7",
            "pleasant_5",
            "unpleasant_5b",
        ),
        "WEAT 5": (
            "european_american_names_7",
            "african_american_names_7",
            "pleasant_9",
            "unpleasant_9",
        ),
        "WEAT 6": ("male_names", "female_names", "career", "family"),
        "WEAT 7": ("math", "arts", "male_terms", "female_terms"),
        "WEAT 8": ("science", "arts_2", "male_terms_2", "female_terms_2"),
        "WEAT 9": ("mental_disease", "physical_disease", "temporary", "permanent"),
        "WEAT 10": ("young_people_names", "old_people_names", "pleasant_9", "unpleasant_9"),
    }
)

COLUMNS = (
    text("word", "The word as it was published, names with a capital"),
    category(
        "list",
        "The list that the word stands in",
        *dict.fromkeys(name for several in TESTS.values() for name in several),
    ),
)


def clean(found: bytes) -> pd.DataFrame:
    """A row for each word of each list, in the order of the file."""
    rows = [(word, name) for name, words in json.loads(found).items() for word in words]
    return pd.DataFrame(
        {"word": cells(word for word, _ in rows), "list": [name for _, name in rows]}
    )


def lists() -> Mapping[str, tuple[str, ...]]:
    """The words of each list by its name. Raises FetchError where they are not to be had."""
    frame = clean(content(SOURCE, "weat"))
    return {str(name): tuple(words) for name, words in frame.groupby("list", sort=False)["word"]}


def is_at_hand() -> bool:
    """Whether the lists lie in the cache as they should, so that nothing need be fetched."""
    kept = SOURCE.cached
    return kept.is_file() and sha256(kept.read_bytes()).hexdigest() == SOURCE.member_sha256


WEAT = CATALOGUE.register("weat")(
    DataSet(
        name="weat",
        title="WEAT (word lists of the word embedding association tests)",
        source=SOURCE,
        licence="MIT, as the archive states",
        citation="Caliskan, Bryson & Narayanan 2017, Semantics derived automatically from language "
        "corpora contain human-like biases",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="list", positive=None),
        problems=(
            "The lists come from psychology, some from 1998: they measure what was asked of "
            "students in the United States then.",
            "Several lists repeat words of others (pleasant_5 and pleasant_9; brother and sister "
            "stand in both pairs of gendered terms).",
            "Names stand for groups of people here, and a name says more than its group: age, "
            "class and how common it is. An embedding of small letters has few of them.",
            "Lists of rare words reach an effect size close to 2 too: it says how apart two lists "
            "are, not how much harm follows (Ethayarajh et al. 2019, Understanding Undesirable "
            "Word Embedding Associations).",
        ),
        notes="For tests of embeddings (`auditkit.bias.words.associations`), not for training.",
        clean=clean,
    )
)
