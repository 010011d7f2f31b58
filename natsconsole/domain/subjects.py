"""Subjects and filters: whether two can have a message in common."""

from __future__ import annotations

import re

_WILDCARD = re.compile(r"\{\{\s*wildcard\((\d+)\)\s*\}\}|\$(\d+)", re.IGNORECASE)
_PARTITION = re.compile(r"\{\{\s*partition\([^()]*\)\s*\}\}", re.IGNORECASE)
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


def untransformed(subject: str, source: str, destination: str) -> str | None:
    """Return the subject that a stream's transform made this stored one of.

    One that the transform did not make is returned as it is; None where it cannot be told, as the
    destination does not keep every token.

    >>> untransformed("logs.3.web1.example.net", "logs.>", "logs.{{partition(10)}}.>")
    'logs.web1.example.net'
    """
    kept: dict[int, str] = {}
    tokens, wanted = subject.split("."), destination.split(".")
    rest = tokens[len(wanted) - 1 :] if wanted[-1] == ">" else []
    if len(tokens) < len(wanted) or (not rest and len(tokens) != len(wanted)):
        return subject
    for token, want in zip(tokens, wanted, strict=False):
        if found := _WILDCARD.fullmatch(want):
            kept[int(found[1] or found[2])] = token
        elif _PARTITION.fullmatch(want):
            if not token.isdigit():
                return subject
        elif "{{" in want:  # it makes of tokens what cannot be turned back
            return None
        elif want not in (token, ">"):
            return subject
    made: list[str] = []
    number = 0
    for part in (source or ">").split("."):
        number += part == "*"
        if part == ">":
            made += rest or [""]
        else:
            made.append(kept.get(number, "") if part == "*" else part)
    return ".".join(made) if all(made) else None
