"""A query to ranked answers: signals, fusion, filters, answers."""
