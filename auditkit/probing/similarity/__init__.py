"""How alike two sets of activations of the same rows are, each measure beside chance."""
