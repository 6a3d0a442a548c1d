"""Taking out of a layer what can be read there by a linear reader."""
