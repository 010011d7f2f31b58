"""Pictures of the console, drawn from a pipeline that never changes."""
