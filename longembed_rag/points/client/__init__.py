"""A Qdrant server, or any other place that qdrant-client leads to, behind the port."""
