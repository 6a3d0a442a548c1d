"""MATE photographs: plants, drops and wide skies, as a desktop offers them for its background."""

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, image, schema_of
from auditkit.data.catalogue.photographs import opened
from auditkit.data.fetch import Address, Debian, FirstOf

NAMES = (
    "Aqua.jpg",
    "Blinds.jpg",
    "Dune.jpg",
    "FreshFlower.jpg",
    "Garden.jpg",
    "GreenMeadow.jpg",
    "LadyBird.jpg",
    "RainDrops.jpg",
    "Storm.jpg",
    "TwoWings.jpg",
    "Wood.jpg",
    "YellowFlower.jpg",
)
FILES = "215c986d86a84f1f11e253fc9128078fa848a19b458c85ff38e8dc282bf95d7b"
COLUMNS = (
    image("image", "The whole photograph in colour, at most 1,280 pixels long: (3, h, w)"),
    category("file", "Name of the file", *NAMES),
)


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """The photographs in the order of their names."""
    return pd.DataFrame({"image": cells(map(opened, files.values())), "file": list(files)})


MATE_PHOTOGRAPHS = CATALOGUE.register("mate-photographs")(
    DataSet(
        name="mate-photographs",
        title="MATE photographs (twelve backgrounds of nature)",
        source=FirstOf(
            (
                Address(
                    url="https://raw.githubusercontent.com/mate-desktop/mate-backgrounds/v1.26.0/"
                    "nature",
                    files=NAMES,
                    member_sha256=FILES,
                ),
                Debian(
                    name="mate-backgrounds",
                    version="1.26.0-1",
                    archive_sha256="7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
                    member="usr/share/backgrounds/mate/nature/*.jpg",
                    member_sha256=FILES,
                ),
            )
        ),
        licence="GPL-2 or later, as the package states",
        citation="MATE developers 2021, MATE backgrounds 1.26.0",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="file", positive=None, features=("image",)),
        problems=(
            "Twelve photographs are few: an interval over crops that forgets from which of them "
            "each is cut is far too narrow.",
            "All are stored as JPEG, some strongly, and given at half their size or less: what a "
            "camera's sensor leaves in single pixels is gone.",
            "Large parts are out of focus or one colour, as a background wants it; such parts say "
            "little of how an image came to be.",
            "Some were worked over, with colours that no camera gives; which ones is not told.",
            "They are from 2005 to 2008, and there is nobody in them.",
        ),
        notes="The Debian package is 47 MB, since it holds more than these twelve files.",
        clean=clean,
        apart="file",
    )
)
