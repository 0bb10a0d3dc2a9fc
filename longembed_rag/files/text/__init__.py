"""Bytes to text, and what texts written in plain characters say of themselves."""
