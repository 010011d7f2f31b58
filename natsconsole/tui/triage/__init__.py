"""Streams and consumers of anybody: lists, one opened, what may be done with it."""
