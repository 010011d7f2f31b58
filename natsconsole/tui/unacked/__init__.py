"""Every message in flight, and one message opened."""
