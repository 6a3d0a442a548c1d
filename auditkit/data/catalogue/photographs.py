"""Photographs: the pictures that a library of image processing is shown with."""

import io

import numpy as np
import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, image, schema_of
from auditkit.data.fetch import Package

# What was taken with a lens, each with what its package says of its licence.
LICENCES = {
    "astronaut.png": "public domain, NASA",
    "brick.png": "CC0",
    "camera.png": "CC0, Lav Varshney",
    "chelsea.png": "CC0, Stefan van der Walt",
    "clock_motion.png": "public domain, Stefan van der Walt",
    "coffee.png": "CC0, Rachel Michetti",
    "coins.png": "no known restrictions, Brooklyn Museum",
    "grass.png": "CC0",
    "gravel.png": "CC0",
    "hubble_deep_field.jpg": "public domain, NASA",
    "ihc.png": "no known restrictions, Center for Microscopy and Molecular Imaging",
    "moon.png": "not stated",
    "motorcycle_left.png": "not stated, Middlebury College",
    "motorcycle_right.png": "not stated, Middlebury College",
    "retina.jpg": "CC0, Mikael Haggstrom",
    "rocket.jpg": "public domain, SpaceX",
}
LONGEST = 1_280  # pixels on the longer side of what was stored as JPEG


def scene(file: str) -> str:
    """What a file shows, by its name: the two of a stereo pair show the same."""
    return file.partition(".")[0].removesuffix("_left").removesuffix("_right")


COLUMNS = (
    image("image", "The whole picture, grey or in colour, of its own size"),
    category(
        "scene",
        "What it shows; the same for two pictures of one thing",
        *dict.fromkeys(map(scene, LICENCES)),
    ),
    category("file", "Name of the file", *LICENCES),
    category("licence", "What its package says of its licence", *sorted(set(LICENCES.values()))),
)


def opened(content: bytes) -> np.ndarray:
    """A picture (1 or 3, height, width) of bytes: grey stays grey, all else becomes RGB.

    What was stored as JPEG comes at half its size or less, at most LONGEST pixels long, so that
    nothing is left of the squares of eight pixels that JPEG works in.
    """
    # Imported here: every look-up in the catalogue imports this module.
    from PIL import Image

    with Image.open(io.BytesIO(content)) as file:
        picture = file.convert("L" if file.mode == "L" else "RGB")
        if file.format == "JPEG":
            factor = max(2.0, max(file.size) / LONGEST)
            smaller = round(file.width / factor), round(file.height / factor)
            picture = picture.resize(smaller, Image.Resampling.LANCZOS)
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """The photographs among the files, in the order of their names."""
    kept = [file for file in files if file in LICENCES]
    return pd.DataFrame(
        {
            "image": cells(opened(files[file]) for file in kept),
            "scene": [scene(file) for file in kept],
            "file": kept,
            "licence": [LICENCES[file] for file in kept],
        }
    )


PHOTOGRAPHS = CATALOGUE.register("photographs")(
    DataSet(
        name="photographs",
        title="Photographs (sixteen pictures that come with scikit-image)",
        source=Package(
            name="scikit-image",
            version="0.26.0",
            archive_sha256="f5f970ab04efad85c24714321fcc91613fcb64ef2a892a13167df2f3e59199fa",
            member="src/skimage/data/*.*g",
            member_sha256="48887e7fcfc571ec3abf0699edaee4231b07502452bb7b33ab86fb04d991c063",
            sdist=True,
        ),
        licence="one for each picture, in the column licence; most are in the public domain",
        citation="van der Walt et al. 2014, scikit-image: image processing in Python",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="scene", positive=None, features=("image",)),
        problems=(
            "Fifteen scenes are few: an interval over crops that forgets from which of them each "
            "is cut is far too narrow.",
            "Seven are grey, as programs made them of colour; of these, brick, grass and gravel "
            "are textures from end to end (the package's documentation).",
            "Most were scaled or cropped before they came here, brick was turned and warped as "
            "well (the package's documentation): resampling leaves traces of its own.",
            "Three are stored as JPEG and given at half their size; what the PNG files went "
            "through before they were PNG is not told.",
            "There is one person, an astronaut, so that they say nothing about pictures of people.",
        ),
        notes="A sixteenth picture is the second half of a stereo pair, and of one scene with it.",
        clean=clean,
        apart="scene",
    )
)
