"""A terminal console for NATS JetStream, and the receiver of the log pipeline beneath it."""

__version__ = "0.1.0"
