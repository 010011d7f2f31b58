"""Subjects and filters: whether two can have a message in common."""

from __future__ import annotations

import re

_FUNCTION = re.compile(r"\{\{[^{}]*\}\}|\$\d+")


def overlap(one: str, other: str) -> bool:
    """Tell whether some subject matches both filters.

    >>> overlap("orders.*.new", "orders.eu.>")
    True
    """
    left, right = one.split("."), other.split(".")
    for mine, theirs in zip(left, right, strict=False):
        if ">" in (mine, theirs):
            return True
        if mine != theirs and "*" not in (mine, theirs):
            return False
    return len(left) == len(right)


def as_filter(destination: str) -> str:
    """Return what a subject transform's destination may become, as a filter.

    >>> as_filter("logs.{{partition(10)}}.>")
    'logs.*.>'
    """
    return _FUNCTION.sub("*", destination)
