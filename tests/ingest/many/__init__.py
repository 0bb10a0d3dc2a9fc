"""An ingest by many processes."""
