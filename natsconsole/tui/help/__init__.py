"""The help screen: what the signs mean, and every key."""
