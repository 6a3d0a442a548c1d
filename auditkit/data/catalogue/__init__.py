"""Named data sets: where they come from, what their columns mean, what is wrong with them."""

from auditkit.data.catalogue.base import CATALOGUE, DataSet, fetch, load

__all__ = ["CATALOGUE", "DataSet", "fetch", "load"]
