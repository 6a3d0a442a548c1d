"""To come."""

from collections.abc import Iterator

from auditkit.checks.layers import Latents
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Section
from auditkit.subject import Subject


def run(check: Latents, subject: Subject) -> Iterator[Finding | Section]:
    """Nothing yet."""
    raise NotApplicable("to come")
