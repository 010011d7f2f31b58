"""Walking a recording: where it stands, and the keys that move it."""
