"""The contexts of the nats CLI: choose one, switch to it."""
