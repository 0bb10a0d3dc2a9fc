"""Benchmark tasks: read from folders and from the hub, made here, taken from own documents."""
