"""Which part of a stored subject is the host, for streams of ours and of anybody else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from shipper.wire import DEFAULT_PREFIX, BadPatternError, HostPattern

__all__ = [
    "BadPatternError",
    "HostPattern",
    "by_host",
    "has_many_subjects",
    "named_hosts",
    "pattern_for",
]


def pattern_for(
    subjects: Sequence[str], *, prefix: str = "", is_partitioned: bool = False
) -> HostPattern:
    """Return where the host most likely stands in a stream's subjects.

    Args:
        subjects: the stream's own; the first that has a wildcard is the one that varies.
        prefix: what our ``setup`` wrote down, empty for a stream of somebody else.
        is_partitioned: whether a partition stands between prefix and host.

    >>> pattern_for(["orders.*.created"]).filter_subject
    'orders.*.created'
    """
    if prefix:
        return HostPattern.ours(prefix) if is_partitioned else _parsed(f"{prefix}.{{host>}}")
    varying = [subject for subject in subjects if {"*", ">"} & set(subject.split("."))]
    if not varying:
        *before, _ = (subjects[0] if subjects else f"{DEFAULT_PREFIX}.x").split(".")
        return _parsed(".".join([*before, "{host}"]))
    tokens = varying[0].split(".")
    place = next(at for at, token in enumerate(tokens) if token in ("*", ">"))
    tokens[place] = "{host>}" if tokens[place] == ">" else "{host}"
    return _parsed(".".join(tokens))


def _parsed(text: str) -> HostPattern:
    try:
        return HostPattern.parse(text)
    except BadPatternError:  # a stream whose subjects hold a literal {host}
        return HostPattern.parse("{host>}")


def has_many_subjects(pattern: HostPattern) -> bool:
    """Whether one host's messages may lie under many subjects."""
    return any(token in ("*", ">") for token in pattern.after)


def by_host(pattern: HostPattern, counts: Mapping[str, int]) -> Mapping[str, int]:
    """Return the message counts of subjects as those of hosts' subject filters.

    Subjects that name no host are left as they are.
    """
    if not has_many_subjects(pattern):
        return counts
    together: dict[str, int] = {}
    for subject, count in counts.items():
        host = pattern.host_of(subject)
        key = subject if host is None else pattern.subject_of(host)
        together[key] = together.get(key, 0) + count
    return together


def named_hosts(hosts: Iterable[str], globs: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts that any of the globs names, all where there is no glob; sorted."""
    return tuple(
        sorted(
            host for host in hosts if not globs or any(fnmatchcase(host, glob) for glob in globs)
        )
    )
