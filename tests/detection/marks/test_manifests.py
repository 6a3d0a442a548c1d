"""A signed picture verifies, a changed one does not, and nothing asks a network."""

import datetime
import io
import struct
import zlib
from functools import cache

import numpy as np
import pytest
from PIL import Image

from auditkit.detection.marks import manifests
from auditkit.detection.marks.containers import Carried, parts
from auditkit.detection.marks.manifests import FAILS, HOLDS, SETTINGS, Signature, signed
from auditkit.detection.marks.reading import Kind, declares_made, marks_of
from auditkit.detection.marks.writing import Provenance, marked_png
from auditkit.errors import UsageError

ORIGIN = Provenance(generator="gan-x", checksum="ab", tool="auditkit 0", made="image 0 of 1")


@cache
def signature() -> Signature:
    """A root and a signer of its own, made here and known to nobody."""
    pytest.importorskip("c2pa")
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(text):
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a test")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def usage(*, signs, issues):
        return x509.KeyUsage(signs, False, False, False, False, issues, issues, False, False)

    def certificate(subject, key, serial, *, issues):
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        begun = (
            x509.CertificateBuilder(named("a root"), named(subject), key.public_key(), serial)
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(issues, None), critical=True)
            .add_extension(usage(signs=not issues, issues=issues), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(identifier, False)
        )
        if not issues:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            begun = begun.add_extension(purpose, False)
        made = begun.sign(root_key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = certificate("a signer", key, 2, issues=False)
    chain += certificate("a root", root_key, 1, issues=True)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Signature(certificates=chain, key=private)


def picture(value: int = 7) -> bytes:
    return marked_png(np.full((1, 16, 16), value, dtype=np.uint8), ORIGIN)


def with_manifest_of(content: bytes, other: bytes) -> bytes:
    """A picture with the manifest that was signed for another one."""
    (body,) = (one.body for one in parts(other) if one.kind is Carried.MANIFEST)
    box = struct.pack(">I", len(body)) + b"caBX" + body
    return content[:33] + box + struct.pack(">I", zlib.crc32(box[4:])) + content[33:]


def test_a_signed_picture_verifies_and_nobody_is_said_to_be_trusted():
    mark = marks_of(signed(picture(), signature(), "a.png", "gan-x"))[0]
    assert mark.kind is Kind.MANIFEST
    assert mark.made is True
    assert mark.holds
    assert mark.checked == HOLDS
    assert "not checked against" in mark.checked
    assert "a signer" in mark.says


def test_signing_keeps_pixels_and_xmp_and_adds_less_than_the_thumbnail_would():
    whole = signed(picture(), signature(), "a.png", "gan-x")
    assert np.asarray(Image.open(io.BytesIO(whole))).tolist() == [[7] * 16] * 16
    assert {one.kind for one in marks_of(whole)} == {Kind.MANIFEST, Kind.SOURCE}
    assert len(whole) < len(picture()) + 8_000


def test_a_manifest_moved_to_another_picture_does_not_hold():
    moved = with_manifest_of(picture(9), signed(picture(7), signature(), "a.png", "gan-x"))
    mark = marks_of(moved)[0]
    assert (mark.holds, mark.checked) == (False, FAILS)
    bare = with_manifest_of(bare_png(), signed(picture(7), signature(), "a.png", "gan-x"))
    assert not declares_made(marks_of(bare))


def bare_png() -> bytes:
    file = io.BytesIO()
    Image.new("L", (16, 16)).save(file, "PNG")
    return file.getvalue()


def test_a_certificate_that_nobody_may_sign_with_is_refused():
    own = signature()
    with pytest.raises(UsageError, match="cannot be signed"):
        signed(picture(), Signature(certificates=b"no chain", key=own.key), "a", "b")
    with pytest.raises(UsageError, match="not an open private key"):
        manifests.algorithm_of(own.certificates)


def test_nothing_is_fetched():
    assert SETTINGS["verify"]["remote_manifest_fetch"] is False
    assert SETTINGS["verify"]["ocsp_fetch"] is False


def test_without_the_library_a_manifest_is_seen_and_said_to_be_unchecked(monkeypatch):
    monkeypatch.setattr(manifests, "_library", lambda: None)
    content = PNG_WITH_BOX
    (mark,) = marks_of(content)
    assert mark.kind is Kind.MANIFEST
    assert mark.made is None
    assert "not checked" in mark.checked
    with pytest.raises(UsageError, match="provenance"):
        manifests.required_library()


def _boxed(body: bytes) -> bytes:
    box = b"caBX" + body
    end = struct.pack(">I", len(body)) + box + struct.pack(">I", zlib.crc32(box))
    return bare_png()[:33] + end + bare_png()[33:]


PNG_WITH_BOX = _boxed(b"\0\0\0\x10jumbc2pa what nobody signed")


def test_a_broken_manifest_is_said_to_be_unreadable():
    pytest.importorskip("c2pa")
    (mark,) = marks_of(PNG_WITH_BOX)
    assert not mark.holds


@pytest.mark.parametrize(
    "assertions",
    [
        {"label": "c2pa.actions"},
        ["c2pa.actions", None, {"label": "c2pa.actions", "data": "text"}],
        [{"label": "c2pa.actions.v2", "data": {"actions": ["text", None]}}],
        [{"label": "c2pa.actions.v2", "data": {"actions": {"digitalSourceType": "x"}}}],
    ],
)
def test_a_manifest_of_other_things_names_no_source(assertions):
    assert manifests._sources({"assertions": assertions}) == ()
