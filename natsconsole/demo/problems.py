"""What can keep a demo from running."""

from __future__ import annotations


class DemoError(Exception):
    """The demo cannot run. The text is one line for the user."""
