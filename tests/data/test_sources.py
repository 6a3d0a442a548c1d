from hashlib import sha256
from pathlib import Path

import pytest

from auditkit.data.fetch import (
    Address,
    Debian,
    FirstOf,
    Package,
    Together,
    content,
    fetch_package,
    files,
    members_sha256,
    several,
)
from auditkit.errors import ChecksumError, FetchError


def address(name: str, body: bytes) -> Address:
    """A file that can be had only where it is laid into CACHE/archives."""
    return Address(url=f"https://127.0.0.1:9/{name}", member_sha256=sha256(body).hexdigest())


def lay(cache: Path, name: str, body: bytes) -> None:
    (cache / "archives").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / name).write_bytes(body)


BOTH = FirstOf((address("a.csv", b"rows"), address("b.csv", b"rows")))


def test_the_first_source_that_can_be_had_wins(cache: Path) -> None:
    lay(cache, "b.csv", b"rows")
    assert content(BOTH, "tiny") == b"rows"
    assert [path.name[17:] for path in (cache / "data").iterdir()] == ["b.csv"]
    lay(cache, "a.csv", b"rows")  # now the first could be had too, but there is no need
    fetch_package(BOTH, "tiny")
    assert [path.name[17:] for path in (cache / "data").iterdir()] == ["b.csv"]


def test_where_none_can_be_had_one_line_gives_all_the_ways(cache: Path) -> None:
    with pytest.raises(FetchError) as caught:
        content(BOTH, "tiny")
    message = str(caught.value)
    assert message.startswith("data set 'tiny' is not in the cache and auditkit could not download")
    assert message.count("could not download") == 2
    assert f"put the file a.csv into {cache / 'archives'}; or: " in message
    assert "\n" not in message


def test_a_wrong_file_is_an_error_and_no_reason_to_look_elsewhere(cache: Path) -> None:
    lay(cache, "a.csv", b"evil")
    lay(cache, "b.csv", b"rows")
    with pytest.raises(ChecksumError, match=r"a\.csv is not the file that was promised"):
        content(BOTH, "tiny")


def test_a_damaged_copy_gives_way_to_another_source(cache: Path) -> None:
    lay(cache, "a.csv", b"rows")
    first = fetch_package(BOTH, "tiny")
    first.write_bytes(b"row")
    (cache / "archives" / "a.csv").unlink()
    lay(cache, "b.csv", b"rows")
    with pytest.raises(ChecksumError, match="data fetch tiny"):
        content(BOTH, "tiny")
    assert fetch_package(BOTH, "tiny") != first
    assert content(BOTH, "tiny") == b"rows"


def test_sources_together_give_the_files_of_all(cache: Path) -> None:
    lay(cache, "b.csv", b"B")
    lay(cache, "a.csv", b"A")
    both = Together((address("b.csv", b"B"), FirstOf((address("a.csv", b"A"),))))
    assert list(files(both, "tiny").items()) == [("a.csv", b"A"), ("b.csv", b"B")]
    assert fetch_package(both, "tiny") == cache / "data"
    assert members_sha256(files(both, "tiny")) == members_sha256({"a.csv": b"A", "b.csv": b"B"})


def test_sources_together_are_missing_where_one_is(cache: Path) -> None:
    lay(cache, "b.csv", b"B")
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:9/a\.csv"):
        files(Together((address("b.csv", b"B"), address("a.csv", b"A"))), "tiny")


def test_a_source_says_what_it_is_and_whether_it_is_several_files() -> None:
    one = Package(
        name="tiny-data", version="1.0", archive_sha256="", member="a/b.csv", member_sha256="0" * 64
    )
    many = Debian(name="tiny", version="1", archive_sha256="", member="x/*", member_sha256="1" * 64)
    folder = Address(url="https://example.org/x/", member_sha256="2" * 64, files=("a", "b"))
    assert not several(one)
    assert several(many)
    assert several(folder)
    assert several(Together((one,)))
    assert several(FirstOf((folder, many)))
    assert not several(FirstOf((one,)))
    assert str(FirstOf((folder, many))) == "https://example.org/x/; or tiny 1 (Debian package), x/*"
    assert str(Together((one, many))).startswith("tiny-data 1.0 (package index), a/b.csv; and tiny")
    names = [one.cached.name, many.cached.name, folder.cached.name]
    assert names == ["0" * 16 + "-b.csv", "1" * 16 + "-x.files", "2" * 16 + "-x.files"]
