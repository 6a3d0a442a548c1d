"""Single units of a network: idle, doubled, selective; what excites them, what teaches them."""

from auditkit.probing.units.census import UnitCount, unit_census

__all__ = ["UnitCount", "unit_census"]
