"""Points in collections: a small port, with two adapters behind it."""
