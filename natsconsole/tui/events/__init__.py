"""JetStream's advisories, joined to consumer, host and message."""
