"""The methods, by family; each module files its own in the table when it is imported."""
