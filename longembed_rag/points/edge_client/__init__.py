"""The methods of a QdrantClient over the embedded engine, for LlamaIndex's QdrantVectorStore."""
