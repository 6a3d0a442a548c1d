from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from auditkit.data.catalogue import CATALOGUE, clothing_reviews, cmudict, fetch, load
from auditkit.data.catalogue import japanese_vowels as vowels
from auditkit.data.fetch import Bundled, Package, content
from auditkit.data.profile import incomplete, seen_before
from auditkit.data.schema import Kind, Medium, Schema, Task
from auditkit.data.tables import Table, labels, memberships, rows_sha256, split
from auditkit.errors import ChecksumError, FetchError, UsageError

Fetched = Callable[[str], Table]
# What there is to read and to tell of each; larger ones are fetched in tests of their own.
TASKS = {
    "adult": (Medium.TABLE, Task.DECISION),
    "breast-cancer": (Medium.TABLE, Task.DECISION),
    "clothing-reviews": (Medium.TEXT, Task.DECISION),
    "cmudict": (Medium.TEXT, Task.TRANSDUCTION),
    "compas": (Medium.TABLE, Task.DECISION),
    "diabetes": (Medium.TABLE, Task.NUMBER),
    "digits": (Medium.IMAGE, Task.CLASSES),
    "german": (Medium.TABLE, Task.DECISION),
    "japanese-vowels": (Medium.SEQUENCE, Task.CLASSES),
    "mnist-5k": (Medium.IMAGE, Task.CLASSES),
    "movielens": (Medium.TABLE, Task.NUMBER),
    "sotu": (Medium.TEXT, Task.LANGUAGE),
}


def test_the_catalogue_has_its_entries() -> None:
    assert set(TASKS) <= set(CATALOGUE)
    for name, told in TASKS.items():
        schema = CATALOGUE[name].schema
        assert (schema.medium, schema.task) == told
    apart = {name: CATALOGUE[name].apart for name in TASKS if CATALOGUE[name].apart}
    assert apart == {
        "clothing-reviews": "document",
        "cmudict": "word",
        "movielens": "user",
        "sotu": "president",
    }


def test_an_unknown_name_is_suggested() -> None:
    with pytest.raises(UsageError, match="did you mean 'adult'"):
        load("adlut")
    with pytest.raises(UsageError, match="no data set 'titanic'; there are adult"):
        fetch("titanic")


@pytest.mark.parametrize("name", tuple(CATALOGUE))
def test_an_entry_says_what_there_is_to_say(name: str) -> None:
    entry = CATALOGUE[name]
    assert entry.name == name
    for text in (entry.title, entry.licence, entry.citation, str(entry.source)):
        assert text
    assert all(column.meaning and "\n" not in column.meaning for column in entry.columns)
    assert all(problem.endswith((".", ")")) for problem in entry.problems)
    assert len(entry.problems) >= 3
    assert Schema.from_dict(entry.schema.to_dict()) == entry.schema
    if entry.schema.task is not Task.LANGUAGE:
        assert entry.schema.target.name not in entry.schema.feature_names
    if entry.schema.task is Task.CLASSES:
        assert len(entry.schema.target.levels) > 2
    if entry.apart:
        assert entry.apart in [column.name for column in entry.columns]


@pytest.mark.network
@pytest.mark.parametrize("name", TASKS)
def test_rows_are_what_the_entry_says(name: str, fetched: Fetched) -> None:
    entry, table = CATALOGUE[name], fetched(name)
    assert list(table.frame.columns) == [column.name for column in entry.columns]
    table.schema.require(table.frame, name)
    for column in entry.columns:
        values = table.frame[column.name]
        assert is_of_kind(values, column.kind) or column.name == "two_year_recid"
        if column.levels:
            assert set(values.dropna().astype(str)) <= set(column.levels)
    memberships(table.frame, table.schema)
    assert incomplete(table.frame, (table.schema.target.name,)).sum() == 0


def is_of_kind(values: pd.Series, kind: Kind) -> bool:
    """Whether every cell is what the schema promises of the kind."""
    match kind:
        case Kind.NUMERIC:
            return pd.api.types.is_numeric_dtype(values)
        case Kind.CATEGORICAL:
            return not pd.api.types.is_numeric_dtype(values)
        case Kind.TEXT:
            return all(isinstance(one, str) and one for one in values)
        case Kind.IMAGE:
            return {(one.dtype, one.ndim) for one in values} == {(np.dtype(np.uint8), 3)}
        case _:
            alike = {(one.dtype, one.ndim, one.shape[1]) for one in values}
            finite = all(np.isfinite(one).all() for one in values)
            return len(alike) == 1 and next(iter(alike))[:2] == (np.float32, 2) and finite


@pytest.mark.network
@pytest.mark.parametrize("name", TASKS)
def test_a_split_has_every_row_once_and_nobody_twice(name: str, fetched: Fetched) -> None:
    table = fetched(name)
    whole = replace(table, frame=table.frame.assign(row=np.arange(len(table.frame))))
    for seed in range(3):
        train, test = (part.frame for part in split(whole, seed=seed))
        assert sorted([*train["row"], *test["row"]]) == list(range(len(whole.frame)))
        if table.apart:
            assert not set(train[table.apart]) & set(test[table.apart])
        if table.test_rows is None:
            largest = table.frame[table.apart].value_counts().iloc[0] if table.apart else 5
            assert abs(len(test) - table.test_fraction * len(whole.frame)) <= largest


@pytest.mark.parametrize("name", ["breast-cancer", "diabetes", "digits"])
def test_bundled_entries_need_no_download(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITKIT_CACHE", "/nowhere")
    assert isinstance(CATALOGUE[name].source, Bundled)
    assert fetch(name) is None
    table = load(name)
    assert table.sha256 == rows_sha256(table.frame)


def test_breast_cancer_finds_the_malignant() -> None:
    table = load("breast-cancer")
    assert len(table.frame) == 569
    assert labels(table.frame, table.schema).sum() == 212
    assert table.schema.sensitive == ()


def test_diabetes_has_a_number_to_predict() -> None:
    table = load("diabetes")
    assert table.schema.positive is None
    assert table.frame.shape == (442, 11)
    assert table.frame["age"].between(19, 79).all()  # in years, not scaled


@pytest.mark.network
def test_adult_is_the_census_table(fetched: Fetched) -> None:
    table = fetched("adult")
    frame = table.frame
    assert frame.shape == (48_842, 15)
    assert frame.duplicated().sum() == 52
    assert any("52 rows repeat" in problem for problem in CATALOGUE["adult"].problems)
    assert "fnlwgt" not in table.schema.feature_names
    assert len(table.schema.features) == 13
    positive = labels(frame, table.schema)
    assert positive.mean() == pytest.approx(0.239, abs=5e-4)
    assert positive[frame["gender"] == "Female"].mean() == pytest.approx(0.109, abs=5e-4)
    missing = frame.isna()
    assert missing["workclass"].mean() == pytest.approx(0.057, abs=5e-4)
    assert missing["occupation"].mean() == pytest.approx(0.058, abs=5e-4)
    assert missing["native-country"].mean() == pytest.approx(0.018, abs=5e-4)
    assert (missing["workclass"] != missing["occupation"]).sum() == 10
    train, test = split(table, seed=1)
    assert (len(train.frame), len(test.frame)) == (32_561, 16_281)
    assert table.sha256 == CATALOGUE["adult"].source.member_sha256  # type: ignore[union-attr]


ARCHIVE = "38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b"
ORIGINALS = {
    "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
}


@pytest.mark.network
def test_adult_holds_the_original_test_file_first_then_the_training_file(
    fetched: Fetched,
) -> None:
    frame = fetched("adult").frame
    ours = frame.astype(object).where(frame.notna(), "?").astype(str).to_numpy()
    theirs = []
    for file, checksum in ORIGINALS.items():
        source = Package(
            name="responsibly",
            version="0.1.2",
            archive_sha256=ARCHIVE,
            member=f"responsibly/dataset/adult/{file}",
            member_sha256=checksum,
        )
        try:
            text = content(source, file).decode()
        except FetchError as error:
            pytest.skip(str(error))
        rows = [line.rstrip(".").split(", ") for line in text.splitlines() if ", " in line]
        theirs.append(rows)
    assert [len(rows) for rows in theirs] == [16_281, 32_561]
    assert (ours == pd.DataFrame([*theirs[0], *theirs[1]]).to_numpy()).all()


@pytest.mark.network
def test_compas_is_propublicas_table_without_its_people(fetched: Fetched) -> None:
    table = fetched("compas")
    frame = table.frame
    assert len(frame) == 6172
    assert not {"name", "first", "last", "dob", "id", "c_case_number"} & set(frame.columns)
    assert not any("date" in name or "jail" in name for name in frame.columns)
    assert table.schema.feature_names == (
        "sex",
        "age",
        "juv_fel_count",
        "juv_misd_count",
        "juv_other_count",
        "priors_count",
        "c_charge_degree",
    )
    assert labels(frame, table.schema).mean() == pytest.approx(0.455, abs=5e-4)


@pytest.mark.network
def test_compas_gives_the_published_false_positive_rates(fetched: Fetched) -> None:
    frame = fetched("compas").frame
    innocent = frame[frame["two_year_recid"] == 0]
    rate = (innocent["decile_score"] >= 5).groupby(innocent["race"]).mean()
    assert rate["African-American"] == pytest.approx(0.423, abs=5e-4)
    assert rate["Caucasian"] == pytest.approx(0.220, abs=5e-4)


@pytest.mark.network
def test_german_credit_is_readable_and_complete(fetched: Fetched) -> None:
    table = fetched("german")
    frame = table.frame
    assert frame.shape == (1000, 22)
    assert not frame.isna().any().any()
    assert labels(frame, table.schema).mean() == 0.7
    assert frame["sex"].value_counts().to_dict() == {"male": 690, "female": 310}
    assert "sex" not in table.schema.feature_names
    assert not frame["personal_status"].str.contains("woman, single").any()
    first = frame.iloc[0]
    assert first["checking_account"] == "below 0 DM"
    assert (first["duration"], first["amount"], first["age"]) == (6, 1169, 67)


def test_digits_are_grey_images_of_hands() -> None:
    frame = load("digits").frame
    counts = frame["label"].value_counts().sort_index().tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    first = frame["image"][0]
    assert first.shape == (1, 8, 8)
    # Counts of ink 0 0 5 13 9 1 0 0, times 255/16.
    assert first[0, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert frame["label"][0] == "0"
    assert len(np.unique(np.stack(frame["image"].tolist()))) == 17


@pytest.mark.network
def test_mnist_5k_has_500_images_of_each_figure(fetched: Fetched) -> None:
    frame = fetched("mnist-5k").frame
    assert frame["label"].value_counts().to_dict() == dict.fromkeys("0123456789", 500)
    assert {image.shape for image in frame["image"]} == {(1, 28, 28)}
    assert len({image.tobytes() for image in frame["image"]}) == 5000
    ink = frame["image"].map(np.mean).groupby(frame["label"]).mean()
    assert (ink.idxmin(), ink.idxmax()) == ("1", "0")  # a one needs least ink, a nought most


@pytest.mark.network
def test_japanese_vowels_are_split_as_published(fetched: Fetched) -> None:
    train, test = (part.frame for part in split(fetched("japanese-vowels"), seed=0))
    assert train["speaker"].value_counts().to_dict() == dict.fromkeys("123456789", 30)
    assert test["speaker"].value_counts().sort_index().tolist() == [
        31, 35, 88, 44, 29, 24, 40, 50, 29
    ]  # fmt: skip
    steps = [len(one) for one in (*train["utterance"], *test["utterance"])]
    assert (len(steps), min(steps), max(steps)) == (640, 7, 29)
    first = train["utterance"][0]
    assert first.shape == (20, 12)
    assert first[0, :2] == pytest.approx([1.860936, -0.207383])
    assert first[19, 0] == pytest.approx(1.261441)


@pytest.mark.network
def test_japanese_vowels_tell_their_speakers(fetched: Fetched) -> None:
    train, test = (part.frame for part in split(fetched("japanese-vowels"), seed=0))
    means = [np.stack([one.mean(axis=0) for one in part["utterance"]]) for part in (train, test)]
    speakers = train["speaker"].to_numpy()
    centres = np.stack([means[0][speakers == one].mean(axis=0) for one in "123456789"])
    nearest = ((means[1][:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest + 1 == test["speaker"].astype(int)).mean() > 0.9


def test_an_utterance_is_read_step_by_step() -> None:
    part = b"#a comment\n@classLabel true 1 2\n@data\n1,2,3:4,5,6:2\n"
    files = {f"JapaneseVowels_{which}.ts": part for which in ("TRAIN", "TEST")}
    rows = vowels.clean(files)
    assert rows["utterance"][1].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert rows["speaker"].tolist() == ["2", "2"]


@pytest.mark.network
def test_clothing_reviews_are_whole_and_never_on_both_sides(fetched: Fetched) -> None:
    table = fetched("clothing-reviews")
    frame = table.frame
    assert len(frame) == 22_641
    assert labels(frame, table.schema).sum() == 18_540
    assert table.schema.feature_names == ("text",)
    assert frame["text"][0] == "Absolutely wonderful - silky and sexy and comfortable"
    assert frame["text"][2].startswith("Some major design flaws. I had such high hopes for this")
    assert (frame["text"].map(len).max(), frame["text"].duplicated().sum()) == (558, 5)
    assert frame["document"].nunique() == 22_620
    ages = frame.groupby("document")["age"].nunique()
    assert (ages > 1).sum() == 1  # the texts "Fits perfect." of two authors
    train, test = (part.frame for part in split(table, seed=0))
    assert not seen_before(test, train, ("text",)).any()


@pytest.mark.network
def test_clothing_reviews_foretell_the_recommendation(fetched: Fetched) -> None:
    train, test = split(fetched("clothing-reviews"), seed=0)
    words = TfidfVectorizer(min_df=3)
    model = LogisticRegression(max_iter=200)
    model.fit(words.fit_transform(train.frame["text"]), labels(train.frame, train.schema))
    scores = model.decision_function(words.transform(test.frame["text"]))
    # .937 without the titles.
    assert roc_auc_score(labels(test.frame, test.schema), scores) == pytest.approx(0.948, abs=5e-3)


def test_a_title_joins_its_review_as_a_sentence_of_its_own() -> None:
    reviews = pd.DataFrame(
        {
            "Clothing ID": 7,
            "Age": 30,
            "Title": ["Nice", "Nice!", None, "Lost"],
            "Review Text": [
                "I like  it, and so " * 5,
                "I LIKE it - and so " * 5 + "on",
                "So.",
                None,
            ],
            "Rating": 5,
            "Recommended IND": 1,
            "Positive Feedback Count": 0,
            "Division Name": "a",
            "Department Name": "b",
            "Class Name": "c",
        }
    )
    rows = clothing_reviews.clean(reviews.to_parquet())
    assert rows["text"].map(lambda one: one[:10]).tolist() == ["Nice. I li", "Nice! I LI", "So."]
    assert rows["document"].tolist() == ["0", "0", "1"]


@pytest.mark.network
def test_sotu_has_249_speeches_of_43_presidents(fetched: Fetched) -> None:
    table = fetched("sotu")
    frame = table.frame
    assert (len(frame), frame["president"].nunique()) == (249, 43)
    assert frame["text"].map(len).sum() == 12_181_093
    assert frame["text"][0].startswith("Fellow-Citizens of the Senate and House of Representatives")
    assert frame["party"].value_counts().to_dict()["Republican"] == 103
    # Out of office in between, and still one speaker each.
    of = frame.groupby("president")["year"].agg(["min", "max"])
    assert of.loc["Grover Cleveland"].tolist() == [1885, 1896]
    assert of.loc["Donald J. Trump", "max"] == 2026
    assert {"John Adams", "John Quincy Adams"} <= set(of.index)


@pytest.mark.network
def test_sotu_holds_out_about_a_tenth_of_the_signs(fetched: Fetched) -> None:
    table = fetched("sotu")
    signs = table.frame["text"].map(len).sum()
    shares = [split(table, seed=seed)[1].frame["text"].map(len).sum() / signs for seed in range(5)]
    assert shares == pytest.approx([0.146, 0.116, 0.106, 0.114, 0.056], abs=5e-4)


@pytest.mark.network
def test_cmudict_gives_words_their_pronunciations(fetched: Fetched) -> None:
    frame = fetched("cmudict").frame
    assert (len(frame), frame["word"].nunique()) == (133_667, 124_926)
    assert not frame.duplicated().any()
    assert (frame["word"].value_counts() > 1).sum() == 8113
    phonemes = {one for said in frame["pronunciation"] for one in said.split(" ")}
    assert len(phonemes) == 39
    assert frame.loc[frame["word"] == "tomato", "pronunciation"].tolist() == [
        "T AH M EY T OW",
        "T AH M AA T OW",
    ]
    assert {"null", "nan", "none"} <= set(frame["word"])  # words here, not missing values


def test_a_dictionary_loses_stress_comments_and_signs() -> None:
    lines = [
        "a AH0",
        "a(2) EY1",
        "a(3) EY2 # as a letter",
        "a's EY1 Z",
        "a. EY1",
        "3d TH R IY1 D IY2",
        "e-mail IY1 M EY1 L",
        "aalen AE1 L AH0 N # place, german",
    ]
    rows = cmudict.clean("\n".join(lines).encode())
    assert rows.to_numpy().tolist() == [
        ["a", "AH"],
        ["a", "EY"],
        ["a's", "EY Z"],
        ["aalen", "AE L AH N"],
    ]


@pytest.mark.network
def test_movielens_has_its_published_counts(fetched: Fetched) -> None:
    table = fetched("movielens")
    frame = table.frame
    assert len(frame) == 100_000
    assert not frame.duplicated(["user", "item"]).any()
    counts = [6110, 11370, 27145, 34174, 21201]
    assert frame["rating"].value_counts().sort_index().tolist() == counts
    people = frame.drop_duplicates("user")
    assert people["gender"].value_counts().to_dict() == {"M": 670, "F": 273}
    assert people["occupation"].nunique() == 21
    assert frame["user"].value_counts().agg(["min", "max"]).tolist() == [20, 737]
    films = frame.drop_duplicates("item")
    assert (len(films), films["title"].nunique()) == (1682, 1664)
    assert (films["drama"].sum(), films["unknown-genre"].sum()) == (725, 2)
    assert not {"zip_code", "zip"} & set(frame.columns)


@pytest.mark.network
def test_movielens_joins_each_rating_with_its_person_and_film(fetched: Fetched) -> None:
    table = fetched("movielens")
    first = table.frame.iloc[0]
    assert (first["user"], first["item"], first["rating"]) == ("196", "242", 3)
    assert (first["age"], first["gender"], first["occupation"]) == (49, "M", "writer")
    assert (first["title"], first["year"], first["comedy"]) == ("Kolya (1996)", 1997, 1)
    assert table.frame.groupby("user")["age"].nunique().max() == 1
    assert table.frame.groupby("item")["title"].nunique().max() == 1
    assert not {"user", "item", "title", "timestamp"} & set(table.schema.feature_names)


def test_a_damaged_cached_file_is_named_with_its_data_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path))
    source = CATALOGUE["german"].source
    assert isinstance(source, Package)
    source.cached.parent.mkdir(parents=True)
    source.cached.write_bytes(b"A11 6 A34")
    with pytest.raises(ChecksumError, match="auditkit data fetch german") as caught:
        load("german")
    assert sha256(b"A11 6 A34").hexdigest()[:12] in str(caught.value)
