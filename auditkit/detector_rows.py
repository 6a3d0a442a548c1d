"""The images that a detector is audited on: those of its corpus that it never saw, or others."""

from pathlib import Path

import pandas as pd

from auditkit.data.inference import sensitive_columns
from auditkit.data.tables import Table, rows_sha256
from auditkit.detection.corpus import COLUMNS, IMAGE, LABEL, ORIGINAL, PART, Part, corpus_schema
from auditkit.detection.files import Detector
from auditkit.detection.folders import read_corpus
from auditkit.detection.making import CorpusRecipe, made_corpus
from auditkit.errors import DataError, UsageError
from auditkit.runtime import Runtime

CORPUS = "corpus sha256"  # of the facts: which images it was trained, calibrated and measured on
MADE_HERE = "the corpus made here"


def audited_images(
    detector: Detector, folder: str | None, runtime: Runtime
) -> tuple[Table, Table | None]:
    """The images to judge a detector on, and those it learned from where they are known.

    Without a folder they are made again as its card says. Of the corpus it was trained on the test
    part is judged; of any other folder every image. Raises UsageError where a folder is needed,
    DataError where nothing is left to judge.
    """
    facts = detector.facts
    if folder is not None:
        name, corpus = Path(folder).absolute().name, read_corpus(Path(folder), runtime)
        own = rows_sha256(corpus) == facts.get(CORPUS)
    elif facts.get("data") is None and facts.get("preset") in ("quick", "full"):
        recipe = CorpusRecipe(size=facts["preset"], seed=int(facts.get("seed", 0)))
        corpus, own = made_corpus(recipe, runtime), True
        # The photographs of each part are the same; fakes of generators trained elsewhere are not.
        same = rows_sha256(corpus) == facts.get(CORPUS)
        name = MADE_HERE if same else f"{MADE_HERE}, by generators trained anew"
    else:
        raise UsageError(
            "this detector was trained on a folder of the user's: give it, or another with real/ "
            "and fake/ in it, by --data FOLDER"
        )
    if not own:
        return _table(corpus, name), None
    test = corpus[PART] == Part.TEST
    if not test.any():
        raise DataError(f"{name} has no image that the detector was not trained on: give others")
    return _table(corpus[test], name), _table(corpus[~test], name)


def _table(corpus: pd.DataFrame, name: str) -> Table:
    """Rows as a table; what a corpus tells beyond its own columns are groups."""
    frame = corpus.reset_index(drop=True)
    own = [one for one in frame.columns if one not in (IMAGE, *COLUMNS)]
    schema = corpus_schema(sensitive_columns(frame, own, target=LABEL, where=name))
    return Table(frame=frame, schema=schema, name=name, sha256=rows_sha256(frame), apart=ORIGINAL)
