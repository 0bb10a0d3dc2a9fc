"""A document as one Qdrant point: schema, ids, writing, search."""
