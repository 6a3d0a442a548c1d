"""The members of a panel, one module a family; `table` lists them all."""
