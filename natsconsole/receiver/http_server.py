"""The HTTP server that receiver and shipper share; it lives with the latter, which stands alone."""

from shipper.http_server import Address, Handler, HttpError, HttpServer, Reply

__all__ = ["Address", "Handler", "HttpError", "HttpServer", "Reply"]
