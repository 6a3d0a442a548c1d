"""Lomiri photographs: what users of a phone's desktop took for its background."""

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, image, schema_of
from auditkit.data.catalogue.photographs import opened
from auditkit.data.fetch import Debian

BY, BY_SA = "CC BY 4.0", "CC BY-SA 4.0"
# analogpattern is a pattern and no view of anything, and left out.
LICENCES = {
    "Bridge_by_Sander_Klootwijk.jpg": BY_SA,
    "Dragonfly_by_Bolly.jpg": BY_SA,
    "Picture_0B_by_freespace.jpg": BY,
    "Picture_1A_by_freespace.jpg": BY,
    "Wine_by_Jakkub_Mede.jpg": BY,
    "aitzgorri_by_Aitzol_Berasategi.jpg": BY,
    "free_by_Peter_Nerlich.jpg": BY_SA,
    "friends_by_Aitzol_Berasategi.jpg": BY,
    "greentock_by_Peter_Nerlich.jpg": BY_SA,
    "life_by_Aitzol_Berasategi.jpg": BY,
    "picosdeeuropa_by_Aitzol_Berasategi.jpg": BY,
    "seeding_by_Clements_Engelhardt.jpg": "CC0 1.0",
    "sunset_by_Aitzol_Berasategi.jpg": BY,
    "umang_by_Abhishek_Mudgal.jpg": BY,
}
COLUMNS = (
    image("image", "The whole photograph in colour, at most 1,280 pixels long: (3, h, w)"),
    category("file", "Name of the file, with who took it", *LICENCES),
    category("licence", "Its licence", BY, BY_SA, "CC0 1.0"),
)


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """The photographs in the order of their names."""
    kept = [file for file in files if file in LICENCES]
    return pd.DataFrame(
        {
            "image": cells(opened(files[file]) for file in kept),
            "file": kept,
            "licence": [LICENCES[file] for file in kept],
        }
    )


LOMIRI_PHOTOGRAPHS = CATALOGUE.register("lomiri-photographs")(
    DataSet(
        name="lomiri-photographs",
        title="Lomiri photographs (fourteen backgrounds taken by users)",
        source=Debian(
            name="lomiri-wallpapers-16.04",
            version="20.04.0-2",
            archive_sha256="a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
            member="usr/share/backgrounds/*.jpg",
            member_sha256="f4d6ca08f8291467222e7c427369c8559ef5a76412de54923d438f3f6daa73af",
        ),
        licence="CC BY 4.0, CC BY-SA 4.0 or CC0 1.0, for each in the column licence",
        citation="UBports community 2018, Lomiri wallpapers 16.04",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="file", positive=None, features=("image",)),
        problems=(
            "Fourteen photographs are few: an interval over crops that forgets from which of them "
            "each is cut is far too narrow.",
            "All are stored as JPEG, and given at half their size or less: what a camera's sensor "
            "leaves in single pixels is gone.",
            "Five are of one photographer, three of another, so that they are fewer cameras than "
            "pictures.",
            "They were chosen because they please: mountains, plants and animals in good light, "
            "and nobody's face.",
        ),
        notes="One file of the package is a pattern and no photograph, and is left out.",
        clean=clean,
        apart="file",
    )
)
