"""What is a subject without wildcards."""

from __future__ import annotations

import re

_LITERAL = re.compile(r"[^\s.*>\x00-\x20\x7f]+(\.[^\s.*>\x00-\x20\x7f]+)*", re.ASCII)


def is_literal(text: str) -> bool:
    """Tell whether tokens with dots between them are all there is: no white space, no wildcard."""
    return _LITERAL.fullmatch(text) is not None
