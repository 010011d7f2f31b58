"""Ships log files to JetStream; also owns the wire contract and connection both programs share."""

__version__ = "0.1.0"
