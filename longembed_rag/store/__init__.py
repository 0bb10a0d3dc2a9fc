"""A document as points, kept so that nothing is lost."""
