"""To come."""

from collections.abc import Iterator
from typing import Any

from auditkit.errors import NotApplicable
from auditkit.results import Finding, Section
from auditkit.subject import Subject


def run(check: Any, subject: Subject) -> Iterator[Finding | Section]:
    """Nothing yet."""
    raise NotApplicable("to come")
