"""What took minutes to compute, kept in the user's cache: arrays under what they depend on."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from auditkit.data.fetch import cache_folder, ensure_keepable, keep

Arrays = dict[str, NDArray[np.generic]]


def kept(name: str, promise: str, make: Callable[[], Arrays]) -> Arrays:
    """Arrays by name, from the cache where they are whole, else made and kept.

    promise says everything that they depend on. Raises FetchError where they cannot be written,
    before they are made.
    """
    path = place_of(name, promise)
    found = _whole(path)
    if found is None:
        ensure_keepable(path)
        found = make()
        packed = save_arrays({key: np.ascontiguousarray(one) for key, one in found.items()})
        keep(path, sha256(packed).digest() + packed)
    return found


def place_of(name: str, promise: str) -> Path:
    """The file that the arrays of a promise are kept in."""
    return cache_folder() / "derived" / f"{name}-{sha256(promise.encode()).hexdigest()[:16]}"


def _whole(path: Path) -> Arrays | None:
    """The kept arrays; None where there are none or they are damaged, for they can be remade."""
    try:
        whole = path.read_bytes()
    except OSError:  # missing, a folder, or somebody else's
        return None
    digest, packed = whole[:32], whole[32:]
    if sha256(packed).digest() != digest:
        return None
    try:
        return dict(load_arrays(packed))
    except SafetensorError:
        return None
