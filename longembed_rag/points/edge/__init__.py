"""Qdrant's own engine in this process, behind the methods of a QdrantClient."""
