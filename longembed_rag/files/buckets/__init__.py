"""Buckets: what lies in them, and reading it, by whichever file system of fsspec has it."""
