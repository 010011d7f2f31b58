"""Each performance claim as one command that prints its figures and a ratio."""
