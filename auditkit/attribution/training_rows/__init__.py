"""Which rows of the training taught a network what it says of a row, for and against.

Influence functions of the last layer, checked by training it again without a row; TracIn over
the epochs whose weights were kept; rows whose label is to be doubted.
"""
