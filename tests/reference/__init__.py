"""Brute-force forward passes in float64, written only to be obviously right.

Nothing here is shared with the package under test: score matrices are full, every rotary logit is
computed from the un-rotated query and key and the distance of that one pair, and each family's
block is written out from its architecture.
"""
