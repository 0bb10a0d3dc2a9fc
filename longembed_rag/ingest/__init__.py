"""Files into documents into a collection: finding, reading, keeping in step."""
