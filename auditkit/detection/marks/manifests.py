"""Manifests of C2PA, read and signed by its maintained library where that is installed.

Nothing is fetched: neither a manifest that lies elsewhere nor a list of revoked certificates, and
no authority is asked for the time.

C2PA 2025, "Technical Specification 2.2".
"""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from io import BytesIO
from typing import Any

from auditkit.errors import UsageError

INSTALL = "pip install 'auditkit[provenance]'"
SETTINGS: Mapping[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
    "builder": {"thumbnail": {"enabled": False}},  # it would be larger than the picture
}
CREATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
HOLDS = (
    "the signature holds and the file is unchanged since; who the signer is was not checked "
    "against any list"
)
FAILS = "the signature does not hold, or the file was changed since"
UNREAD = "not checked: the manifest cannot be read"
CURVES = {256: "es256", 384: "es384", 521: "es512"}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a file's manifest says: its source types, who signed, and how far it was checked."""

    checked: str
    sources: tuple[str, ...] = ()
    signer: str = ""
    holds: bool = True


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A certificate chain and its private key, both PEM."""

    certificates: bytes
    key: bytes


def manifest_of(content: bytes, mime: str | None) -> Manifest:
    """The active manifest of a file that carries one."""
    library = _library()
    if library is None or mime is None:
        missing = f"not checked: {INSTALL}" if library is None else "not checked in such a file"
        return Manifest(checked=missing)
    try:
        with closing(_context(library)) as context:
            reader = library.Reader(mime, BytesIO(content), context=context)
            with closing(reader):
                active = reader.get_active_manifest() or {}
                state = reader.get_validation_state()
    except (library.C2paError, ValueError):
        return Manifest(checked=UNREAD, holds=False)
    signed = active.get("signature_info") or {}
    holds = state in ("Valid", "Trusted")
    return Manifest(
        checked=HOLDS if holds else FAILS,
        sources=_sources(active),
        signer=str(signed.get("common_name") or signed.get("issuer") or "nobody named"),
        holds=holds,
    )


def signed(content: bytes, signature: Signature, title: str, agent: str) -> bytes:
    """A PNG's bytes with a signed manifest that calls it the work of a trained algorithm.

    agent names the generator. Raises UsageError where the library is missing or refuses the
    certificate; nothing is asked of a network.
    """
    library = required_library()
    manifest = {
        "claim_generator_info": [{"name": "auditkit"}],
        "title": title,
        "format": "image/png",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [_created(agent)]}}],
    }
    target = BytesIO()
    try:
        signer = library.Signer.from_info(
            library.C2paSignerInfo(
                algorithm_of(signature.key), signature.certificates, signature.key, None
            )
        )
        with closing(signer), closing(_context(library)) as context:
            builder = library.Builder.from_json(json.dumps(manifest), context=context)
            builder.sign(signer, "image/png", BytesIO(content), target)
    except library.C2paError as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"the pictures cannot be signed with this certificate: {reason}; give a PEM chain, the "
            "signer's first, that C2PA allows"
        ) from error
    return target.getvalue()


def required_library() -> Any:
    """C2PA's library. Raises UsageError where it is not installed."""
    library = _library()
    if library is None:
        raise UsageError(f"signing needs C2PA's library, which is not installed: {INSTALL}")
    return library


def algorithm_of(key: bytes) -> str:
    """The name of the algorithm that a private key signs with. Raises UsageError for another."""
    try:
        keys = import_module("cryptography.hazmat.primitives.serialization")
        loaded = keys.load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise UsageError(
            "the key is not an open private key in PEM: give one without a password"
        ) from error
    size, kind = getattr(loaded, "key_size", 0), type(loaded).__name__
    if "Ed25519" in kind:
        return "ed25519"
    if "RSA" in kind:
        return "ps256"
    if size in CURVES:
        return CURVES[size]
    raise UsageError(f"the key is of a kind that C2PA does not sign with ({kind})")


@cache
def _library() -> Any:
    try:
        return import_module("c2pa")
    except ImportError:
        return None


def _context(library: Any) -> Any:
    return library.Context.from_dict(dict(SETTINGS))


def _created(agent: str) -> dict[str, Any]:
    return {
        "action": "c2pa.created",
        "digitalSourceType": CREATED,
        "softwareAgent": {"name": agent},
    }


def _sources(active: Mapping[str, Any]) -> tuple[str, ...]:
    """The last words of every source type that the manifest's actions name."""
    found = set()
    for assertion in _tables(active.get("assertions")):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            data = assertion.get("data")
            for action in _tables(data.get("actions") if isinstance(data, Mapping) else ()):
                source = str(action.get("digitalSourceType") or "")
                found.add(source.rsplit("/", 1)[-1])
    return tuple(sorted(found - {""}))


def _tables(given: Any) -> list[Mapping[str, Any]]:
    """The tables of a list in a stranger's manifest; whatever else stands there is passed over."""
    return [one for one in (given if isinstance(given, list) else ()) if isinstance(one, Mapping)]
