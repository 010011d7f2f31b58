"""Pure values and rules of the console: no I/O, no event loop, no clock."""
