"""Commands that are killed at random moments, and go on as if nothing had happened."""
