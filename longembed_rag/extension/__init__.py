"""How a model reads past its window: plans, position and frequency arithmetic, attention."""
