"""auditkit opens the black box of a trained neural network and says whether it can be trusted.

The public names below are imported when first used, so that `import auditkit` stays instant.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "AuditReport": "auditkit.results",
    "AuditkitError": "auditkit.errors",
    "Finding": "auditkit.results",
    "Runtime": "auditkit.runtime",
    "Schema": "auditkit.data.schema",
    "Status": "auditkit.results",
    "Subject": "auditkit.subject",
    "explain": "auditkit.explanation",
    "run_checks": "auditkit.runner",
    "show": "auditkit.showing",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'auditkit' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
