"""The promise, tried: every host's file is its source, byte for byte, through random faults."""
