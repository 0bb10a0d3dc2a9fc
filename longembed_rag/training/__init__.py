"""Models made for length: tuned position tables, and a rotary student of a table-bound teacher."""
