"""The same benchmark, spread over the processes of a Ray cluster."""
