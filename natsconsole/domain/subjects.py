"""Subjects and filters: whether two can have a message in common."""

from __future__ import annotations


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
