"""Several classes, several labels and numbers, by group."""
