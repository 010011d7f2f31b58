"""Ships log files to JetStream. Also owns the wire contract and the connection both programs share."""

__version__ = "0.1.0"
