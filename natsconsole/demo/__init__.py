"""A whole pipeline on this machine: a real server, a fleet that logs, a shipper, a receiver."""
