"""NATS as the console needs it: it reads, and never disturbs."""
