"""Qdrant's own engine in this process: collections in a folder, and the port over them."""
