"""What the layers of a network hold. Works on any torch module and leaves it as it came.

>>> from auditkit import probing
>>> with probing.record(model, ["stage1", "blocks.*"]) as activations:
...     model(pixels)

The names below are imported when first used, so that the room costs nothing until it is entered.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditkit.probing.pooling import vectors as vectors
    from auditkit.probing.recording import Recording as Recording
    from auditkit.probing.recording import record as record
    from auditkit.probing.recording import replace as replace

_PUBLIC = {
    "Recording": "auditkit.probing.recording",
    "record": "auditkit.probing.recording",
    "replace": "auditkit.probing.recording",
    "vectors": "auditkit.probing.pooling",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'auditkit.probing' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_PUBLIC)
