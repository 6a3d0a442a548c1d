"""Fillets: which of two cartoon fish speaks a line, learned in Dutch and tested in Czech."""

import re

import pandas as pd

from auditkit.data.audio import LogMel, features
from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, schema_of, sequence
from auditkit.data.catalogue.base import cells as column_of
from auditkit.data.fetch import Debian, Together

FRONT = LogMel()
DUTCH, CZECH = 1_349, 1_355
# Two files of the Dutch package are a header and no sound.
EMPTY = {"elevator1/nl/zd1-m-cesta.ogg", "gems/nl/zav-v-sto.ogg"}

COLUMNS = (
    sequence("speech", "Log-mel energies of one line: (steps, 24), 50 steps a second"),
    category("voice", "Who speaks: m, the small fish, or v, the big one", "m", "v"),
    category("language", "Language of the line: Dutch or Czech", "nl", "cs"),
    category("line", "Room of the game and name of the line, the same in both languages"),
)


def voice_of(file: str) -> str | None:
    """The speaker, from a file's name: the one part that is m or v; None for anybody else.

    The names are Czech: mala, small, and velka, big.
    """
    stem = file.rpartition("/")[2].removesuffix(".ogg")
    voices = [part for part in re.split("[-_]", stem) if part in {"m", "v"}]
    return voices[0] if len(voices) == 1 else None


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """1,349 Dutch lines, then 1,355 Czech ones, each in the order of their names."""
    spoken = {file: files[file] for file in files if voice_of(file) and file not in EMPTY}
    heard = features(spoken, FRONT, "fillets")
    rows = []
    for file in heard:
        room, language, line = file.split("/")
        rows.append((voice_of(file), language, f"{room}/{line.removesuffix('.ogg')}"))
    frame = pd.DataFrame(rows, columns=["voice", "language", "line"])
    frame.insert(0, "speech", column_of(heard.values()))
    dutch_first = frame["language"].map({"nl": 0, "cs": 1}).sort_values(kind="stable").index
    return frame.loc[dutch_first].reset_index(drop=True)


def _package(language: str, archive: str, members: str) -> Debian:
    return Debian(
        name=f"fillets-ng-data-{language}",
        version="1.0.1-1.1",
        archive_sha256=archive,
        member=f"usr/share/games/fillets-ng/sound/*/{language}/*.ogg",
        member_sha256=members,
    )


FILLETS = CATALOGUE.register("fillets")(
    DataSet(
        name="fillets",
        title="Fillets (spoken lines of the game Fish Fillets NG)",
        source=Together(
            (
                _package(
                    "nl",
                    "afb4443fda9ab507dee578b75be857d121718a1cd6017a474f30e0eb13dc9d10",
                    "418de742d397c30b99391e13e9e20e42995af5f15f6d5ecd8e7ea8ab258e4441",
                ),
                _package(
                    "cs",
                    "3ecef99b9456f1c80c9625c6f2418642b52d58e7167a46bad7a412db17991b14",
                    "5f83857f66689edbf2d96d690c85a780bbe290a87703c54be0454afcf53e5602",
                ),
            )
        ),
        licence="GPL-2, as the packages state",
        citation="Danihelka, Danihelka & ALTAR interactive 2004, Fish Fillets NG 1.0.1",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="voice",
            positive="v",
            sensitive=("voice",),
            exclude=("language", "line"),
        ),
        problems=(
            "About four people speak all lines, one for each fish and language: gender, speaker, "
            "microphone and role are confounded, and a model may have learned any of them.",
            "The small fish is spoken at a median pitch of 222 Hz in Dutch and 283 Hz in Czech, "
            "the big one at 147 and 137 Hz: pitch alone nearly tells them apart. What is learned "
            "holds for these voices and not for women and men.",
            "The voice is the label and the sensitive column at once: a gap in selection is the "
            "task itself; only gaps in error say anything.",
            "The lines are acted, for a cartoon: shouted, sung and put on; nobody speaks so.",
            "Language and recording differ together: Dutch files are stereo at one level, Czech "
            "ones mostly mono at many, one in eight of them with twice the sampling rate.",
            "Two Dutch files hold no sound and are left out (elevator1/zd1-m-cesta and "
            "gems/zav-v-sto).",
            "Lines of other characters, and the 178 Dutch lines whose file names do not tell the "
            "speaker, are left out.",
        ),
        notes="Trained on Dutch and tested on Czech, so that no speaker is on both sides. "
        "Logistic regression on the mean and deviation of each band is right on 99.6 % of the "
        "Dutch lines and 86.3 % of the Czech ones.",
        clean=clean,
        test_rows=range(DUTCH, DUTCH + CZECH),
    )
)
