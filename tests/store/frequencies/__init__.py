"""Frequencies of words, kept beside a collection."""
