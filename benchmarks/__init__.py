"""Each performance claim, and the promise of the pipeline, as one command that prints a result."""
