"""Names of directories and files for hosts and logs, safe by construction.

Host and log names come from the network. A name made only of allowed characters is kept; any
other is percent-encoded, with a short hash so that two names never share a path. So is a name that
a rotated file could have: retention must never take an active file for a rotated one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from natsconsole.receiver.rotated_names import read_rotated

MAX_LENGTH = 64
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)
_ALLOWED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")


def safe_name(name: str, *, folds_case: bool = False) -> str:
    """Return a file name for an untrusted name: 1 to 64 characters, no leading dot, no slash.

    With ``folds_case`` no two names differ in letter case alone: one with capitals is not kept.
    """
    is_kept = not (folds_case and any(map(str.isupper, name)))
    if is_kept and _PLAIN.fullmatch(name) and read_rotated(name) is None:
        return name
    raw = name.encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(raw, digest_size=4).hexdigest()
    encoded = "".join(chr(byte) if byte in _ALLOWED else f"%{byte:02X}" for byte in raw)
    room = MAX_LENGTH - len(digest) - 1
    stem = encoded[:room].replace(".", "%2E", 1) if encoded.startswith(".") else encoded[:room]
    return f"{stem[:room]}~{digest}"


def log_path(host: str, name: str, *, taken: Iterable[str] = (), folds_case: bool = False) -> str:
    """Return the path of a host's log below the receiver's directory.

    A message that names no log goes to ``<host>.log``. Where that path is ``taken``, also in
    other letter case, the log gets a short suffix of its own.

    Args:
        host: whose.
        name: the log's, or nothing.
        taken: the paths of the host's other logs; it is put beside them.
        folds_case: whether the file system takes ``Web1`` and ``web1`` for one directory.
    """
    taken = list(taken)
    directory = safe_name(host, folds_case=folds_case)
    if taken:
        directory = taken[0].partition("/")[0]
    path = f"{directory}/{safe_name(name or f'{host}.log')}"
    if path.casefold() in {other.casefold() for other in taken}:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
        directory, _, file = path.rpartition("/")
        return f"{directory}/{file[: MAX_LENGTH - len(digest) - 1]}~{digest}"
    return path
