"""What the benchmarks share: a server, a filled stream, processes and rounds."""
