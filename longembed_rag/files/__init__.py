"""A file as one text: finding, decoding, reading."""
