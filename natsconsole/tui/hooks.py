"""Widgets and screens with abstract methods: what lacks one cannot be made."""

from __future__ import annotations

from abc import ABCMeta

from textual.message_pump import _MessagePumpMeta


class WithHooks(ABCMeta, _MessagePumpMeta):
    """The metaclass of Textual's classes, with that of abstract ones."""
