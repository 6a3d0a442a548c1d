"""Fashion-MNIST: which of ten kinds of clothing a small grey photograph shows."""

import numpy as np
import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, image, schema_of
from auditkit.data.fetch import Address, Debian, FirstOf

TEST_ROWS = range(60_000, 70_000)
FILES = "c1003769198c0f7ffd28d85a623041bff0de5e8453c303fbe8e873f731bcff81"

LABELS = (
    "t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
COLUMNS = (
    image("image", "Photograph of one product, 28 by 28, bright on black: (1, 28, 28)"),
    category("label", "Kind of clothing, ten of them", *LABELS),
)


def idx(content: bytes) -> np.ndarray:
    """The bytes of an idx file as the array they are: its sizes stand in front, big end first."""
    dimensions = content[3]
    shape = np.frombuffer(content, dtype=">i4", count=dimensions, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """60,000 training rows, then the 10,000 test rows, each in the order of its file."""
    parts = []
    for part in ("train", "t10k"):
        pixels = idx(files[f"{part}-images-idx3-ubyte"])[:, None]  # (n, 1, 28, 28)
        names = np.array(LABELS, dtype=object)[idx(files[f"{part}-labels-idx1-ubyte"])]
        parts.append(pd.DataFrame({"image": cells(pixels), "label": names}))
    return pd.concat(parts, ignore_index=True)


FASHION_MNIST = CATALOGUE.register("fashion-mnist")(
    DataSet(
        name="fashion-mnist",
        title="Fashion-MNIST (products of an online shop)",
        source=FirstOf(
            (
                Address(
                    url="https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/"
                    "data/fashion",
                    files=(
                        "t10k-images-idx3-ubyte.gz",
                        "t10k-labels-idx1-ubyte.gz",
                        "train-images-idx3-ubyte.gz",
                        "train-labels-idx1-ubyte.gz",
                    ),
                    member_sha256=FILES,
                    gunzip=True,
                ),
                Debian(
                    name="dataset-fashion-mnist",
                    version="0.0~git20200523.55506a9-1",
                    archive_sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
                    member="usr/share/datasets/fashion-mnist/*.gz",
                    member_sha256=FILES,
                    gunzip=True,
                ),
            )
        ),
        licence="MIT, copyright 2017 Zalando SE",
        citation="Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a Novel Image Dataset for "
        "Benchmarking Machine Learning Algorithms",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="label", positive=None),
        problems=(
            "Training and test rows share near-duplicates, which flatters a model (Geier 2019, "
            "Training on Test Data: Removing Near-Duplicates in Fashion-MNIST); no two of the "
            "70,000 images are equal to the byte.",
            "Shirt, t-shirt/top, pullover and coat are told apart by what is no longer seen at 28 "
            "by 28: people without training agree with the shop on 83.5 % of images (the "
            "project's README).",
            "White products were left out, having too little contrast (Xiao et al. 2017).",
            "One shop's front views, cut out, turned grey and bright on black: photographs of "
            "clothes that people wear are another task (Xiao et al. 2017).",
            "Every kind has 7,000 images; in the shop they are not equally frequent.",
            "Products for men, women and children are mixed and not labelled, so that no gap "
            "between them can be measured.",
        ),
        notes="Split as published: 60,000 rows for training, then 10,000 test rows.",
        clean=clean,
        test_rows=TEST_ROWS,
    )
)
