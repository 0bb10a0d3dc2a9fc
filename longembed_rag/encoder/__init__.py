"""Text to vectors: loading models, batching by tokens, pooling, passages."""
