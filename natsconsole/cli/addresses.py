"""Addresses to listen on, as the shipper reads them, too."""

from shipper.addresses import ListenAddress

__all__ = ["ListenAddress"]
