"""Shapley values: what each player of a coalition game brings, by counting all or by sampling.

`game` asks the model for coalitions, `exact` counts all of them, `kernel` (with its `design` and
`surrogate`) and `permutations` sample.
"""
