import gzip
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from auditkit.data import downloads
from auditkit.data.fetch import Address, Debian, Package, content, fetch_package, files
from auditkit.data.fetch import members_sha256 as checksum_of
from auditkit.errors import ChecksumError, FetchError

DEB = b"!<arch>\n"


def entry_of(path: str, body: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    entry = tarfile.TarInfo(path)
    entry.size = len(body)
    return entry, io.BytesIO(body)


def tar_of(bodies: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, body in bodies.items():
            archive.addfile(*entry_of(path, body))
    return buffer.getvalue()


# Packages by pip: a real pip on a folder of archives, without a network.


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a real pip takes for its only index."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [one for one in os.environ if one.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def sdist(shelf: Path, marker: Path, version: str = "1.0", pyproject: str = "") -> Package:
    """An sdist whose setup.py leaves a mark when it is run, as the usual backend would run it."""
    setup = f"open({str(marker)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='tiny')"
    top = f"tiny-data-{version}"
    bodies = {
        f"{top}/PKG-INFO": f"Metadata-Version: 1.0\nName: tiny-data\nVersion: {version}\n".encode(),
        f"{top}/setup.py": setup.encode(),
        f"{top}/tiny/names.a.txt": b"Ann\n",
        f"{top}/tiny/names.b.txt": b"Bob\n",
    }
    bodies |= {f"{top}/pyproject.toml": pyproject.encode()} if pyproject else {}
    path = shelf / f"{top}.tar.gz"
    path.write_bytes(gzip.compress(tar_of(bodies)))
    return Package(
        name="tiny-data",
        version=version,
        sdist=True,
        archive_sha256=sha256(path.read_bytes()).hexdigest(),
        member="tiny/names.*.txt",
        member_sha256=checksum_of({"names.a.txt": b"Ann\n", "names.b.txt": b"Bob\n"}),
    )


def test_an_sdist_is_read_and_its_setup_is_never_run(
    shelf: Path, tmp_path: Path, cache: Path
) -> None:
    source = sdist(shelf, tmp_path / "was-run")
    assert files(source, "tiny") == {"names.a.txt": b"Ann\n", "names.b.txt": b"Bob\n"}
    assert not (tmp_path / "was-run").exists()
    assert [path.name for path in (cache / "data").iterdir()] == [source.cached.name]
    assert source.cached.name.endswith("-tiny.files")


@pytest.mark.usefixtures("cache")
def test_an_sdist_of_meson_python_is_read_without_meson_python(shelf: Path, tmp_path: Path) -> None:
    asked = '[build-system]\nrequires = ["meson-python"]\nbuild-backend = "mesonpy"\n'
    source = sdist(shelf, tmp_path / "was-run", pyproject=asked)
    assert files(source, "tiny") == {"names.a.txt": b"Ann\n", "names.b.txt": b"Bob\n"}


@pytest.mark.usefixtures("cache")
def test_pip_refuses_an_archive_that_was_not_promised_before_it_looks_into_it(
    shelf: Path, tmp_path: Path
) -> None:
    source = sdist(shelf, tmp_path / "was-run")
    other = shelf / "tiny-data-1.0.tar.gz"
    other.write_bytes(gzip.compress(b"anything"))
    with pytest.raises(ChecksumError, match=r"another archive than was promised for tiny-data==1"):
        files(source, "tiny")
    assert not source.cached.exists()


@pytest.mark.usefixtures("shelf")
def test_an_absent_sdist_is_named_by_its_file(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "aside").mkdir()
    source = sdist(tmp_path / "aside", tmp_path / "was-run")
    with pytest.raises(FetchError, match=r"pip could not download tiny-data==1\.0") as caught:
        files(source, "tiny")
    assert f"tiny?data-1.0.tar.gz into {cache / 'archives'}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("shelf")
def test_an_sdist_laid_into_the_cache_is_found_under_either_spelling(
    tmp_path: Path, cache: Path
) -> None:
    (cache / "archives").mkdir(parents=True)
    source = sdist(cache / "archives", tmp_path / "was-run")
    laid = cache / "archives" / "tiny-data-1.0.tar.gz"
    laid.rename(laid.with_name("tiny_data-1.0.tar.gz"))
    assert len(files(source, "tiny")) == 2


# Debian packages.


def debian(folder: Path) -> Debian:
    folder.mkdir(parents=True, exist_ok=True)
    data = tar_of({"./usr/share/x/a.txt": b"Ann\n", "./usr/share/x/b.txt": b"Bob\n"})
    header = f"{'data.tar':<16}{'0':<12}{'0':<6}{'0':<6}{'100644':<8}{len(data):<10}`\n"
    path = folder / "tiny_1%3a2.0-1_all.deb"
    path.write_bytes(DEB + header.encode() + data)
    return Debian(
        name="tiny",
        version="1:2.0-1",
        archive_sha256=sha256(path.read_bytes()).hexdigest(),
        member="usr/share/x/*.txt",
        member_sha256=checksum_of({"a.txt": b"Ann\n", "b.txt": b"Bob\n"}),
    )


@pytest.mark.usefixtures("cache")
def test_apt_get_downloads_a_debian_package_and_installs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = debian(tmp_path / "mirror")
    asked = []

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        (laid,) = (tmp_path / "mirror").iterdir()
        (cwd / laid.name).write_bytes(laid.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "W: unsandboxed")

    monkeypatch.setattr(downloads, "which", lambda _: "/usr/bin/apt-get")
    monkeypatch.setattr(downloads.subprocess, "run", run)
    assert files(source, "tiny") == {"a.txt": b"Ann\n", "b.txt": b"Bob\n"}
    assert files(source, "tiny") == {"a.txt": b"Ann\n", "b.txt": b"Bob\n"}
    assert asked == [["apt-get", "download", "tiny=1:2.0-1"]]


@pytest.mark.usefixtures("cache")
def test_what_apt_get_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        told = "W: old lists\nE: Version '1:2.0-1' for 'tiny' was not found\n"
        return subprocess.CompletedProcess(command, 100, "", told)

    monkeypatch.setattr(downloads, "which", lambda _: "/usr/bin/apt-get")
    monkeypatch.setattr(downloads.subprocess, "run", run)
    with pytest.raises(FetchError, match=r"\(Version '1:2\.0-1' for 'tiny' was not found\)"):
        files(debian(tmp_path), "tiny")


def test_where_there_is_no_apt_get_the_file_can_be_laid_into_the_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "which", lambda _: None)
    source = debian(tmp_path)
    with pytest.raises(FetchError, match=r"could not download tiny=1:2\.0-1") as caught:
        files(source, "tiny")
    assert "there is no apt-get here" in str(caught.value)
    assert f"tiny_1%3a2.0-1_*.deb from a Debian mirror into {cache / 'archives'}" in str(
        caught.value
    )
    assert files(debian(cache / "archives"), "tiny")["b.txt"] == b"Bob\n"


# Public addresses: a server of the test's own.


class Shop(BaseHTTPRequestHandler):
    """Serves its bodies, and redirects from /away/ to wherever the rest of the path says."""

    bodies: dict[str, bytes]

    def do_GET(self) -> None:
        if self.path.startswith("/away/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/away/"))
            self.end_headers()
        elif self.path in self.bodies:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.bodies[self.path])
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def shop(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server's address, and the bodies it serves by path."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    bodies: dict[str, bytes] = {}
    handler = type("OneShop", (Shop,), {"bodies": bodies})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()
        thread.join()


def test_a_file_is_read_from_its_address_once(shop: tuple[str, dict[str, bytes]]) -> None:
    url, bodies = shop
    bodies["/rows.csv"] = b"a\n1\n"
    source = Address(url=f"{url}/rows.csv", member_sha256=sha256(b"a\n1\n").hexdigest())
    assert content(source, "tiny") == b"a\n1\n"
    bodies.clear()
    assert content(source, "tiny") == b"a\n1\n"
    assert source.cached.name.endswith("-rows.csv")


def test_a_folder_of_files_is_read_and_unpacked(shop: tuple[str, dict[str, bytes]]) -> None:
    url, bodies = shop
    bodies |= {"/data/a.gz": gzip.compress(b"Ann"), "/data/b.gz": gzip.compress(b"Bob")}
    source = Address(
        url=f"{url}/data/",
        files=("a.gz", "b.gz"),
        member_sha256=checksum_of({"a": b"Ann", "b": b"Bob"}),
        gunzip=True,
    )
    assert files(source, "tiny") == {"a": b"Ann", "b": b"Bob"}


def test_other_bytes_at_an_address_are_refused(shop: tuple[str, dict[str, bytes]]) -> None:
    url, bodies = shop
    bodies["/rows.csv"] = b"other"
    source = Address(url=f"{url}/rows.csv", member_sha256=sha256(b"a\n1\n").hexdigest())
    with pytest.raises(ChecksumError, match=r"rows\.csv is not the file that was promised"):
        content(source, "tiny")
    assert not source.cached.exists()


def test_an_endless_answer_is_cut(
    shop: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, bodies = shop
    bodies["/rows.csv"] = b"x" * 2_000
    monkeypatch.setattr(downloads, "LARGEST", 1_000)
    with pytest.raises(ChecksumError, match="is larger than 1000 bytes"):
        content(Address(url=f"{url}/rows.csv", member_sha256=""), "tiny")


@pytest.mark.parametrize("place", ["http://example.org/rows.csv", "file:///etc/passwd"])
def test_a_redirect_to_anything_but_https_is_not_followed(
    place: str, shop: tuple[str, dict[str, bytes]]
) -> None:
    with pytest.raises(FetchError, match="could not download"):
        content(Address(url=f"{shop[0]}/away/{place}", member_sha256=""), "tiny")


def test_a_redirect_within_what_is_allowed_is_followed(
    shop: tuple[str, dict[str, bytes]],
) -> None:
    url, bodies = shop
    bodies["/rows.csv"] = b"a"
    source = Address(url=f"{url}/away/{url}/rows.csv", member_sha256=sha256(b"a").hexdigest())
    assert content(source, "tiny") == b"a"


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("url", ["http://example.org/a", "file:///etc/passwd", "ftp://x.org/a"])
def test_an_address_must_be_https(url: str) -> None:
    with pytest.raises(FetchError, match="is not read, only https"):
        content(Address(url=url, member_sha256=""), "tiny")


def test_an_address_that_is_gone_says_so_and_where_to_lay_the_file(
    shop: tuple[str, dict[str, bytes]], cache: Path
) -> None:
    source = Address(url=f"{shop[0]}/rows.csv", member_sha256=sha256(b"a").hexdigest())
    with pytest.raises(FetchError, match="auditkit could not download") as caught:
        content(source, "tiny")
    assert "Not Found" in str(caught.value)
    assert f"put the file rows.csv into {cache / 'archives'}" in str(caught.value)
    (cache / "archives").mkdir(parents=True)
    (cache / "archives" / "rows.csv").write_bytes(b"a")
    assert content(source, "tiny") == b"a"


KILLED = """
import os, signal
from pathlib import Path
from auditkit.data.fetch import keep
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
keep(Path({path!r}), b"new")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_run_that_is_killed_while_it_writes_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.files"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED.format(path=str(path))], check=False)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"


def test_a_damaged_folder_of_files_is_reported_and_replaced(tmp_path: Path, cache: Path) -> None:
    source = debian(cache / "archives")
    path = fetch_package(source, "tiny")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ChecksumError, match="run `auditkit data fetch tiny` to replace it"):
        files(source, "tiny")
    fetch_package(source, "tiny")
    assert len(files(source, "tiny")) == 2
