"""Text to words and their weights: what word search compares, and what a snippet marks."""
