"""Which versions a result may depend on."""

import platform
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("torch", "numpy", "pandas", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    """Python, auditkit and the libraries that compute, by name. Imports none of them."""
    from auditkit import __version__

    seen = {"auditkit": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            seen[name] = version(name)
        except PackageNotFoundError:
            seen[name] = "not installed"
    return seen
