"""Making any token of a stream's subjects the host of Home's rows."""

from __future__ import annotations

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.host_pattern import BadPatternError, HostPattern, pattern_for
from natsconsole.domain.streams import PARTITIONS_KEY, PREFIX_KEY, StreamState
from natsconsole.domain.subjects import as_filter
from natsconsole.tui.triage.page import TriagePage


def show_hosts(
    page: TriagePage, stream: StreamState, consumer: ConsumerState | None = None
) -> None:
    """Ask which part of a subject is the host, then show the stream's hosts on Home."""
    proposed = pattern_for(
        [as_filter(stream.transform)] if stream.transform else stream.subjects,
        prefix=stream.metadata.get(PREFIX_KEY, ""),
        is_partitioned=stream.metadata.get(PARTITIONS_KEY, "").isdigit(),
    )

    def switch(typed: str) -> None:
        try:
            pattern = HostPattern.parse(typed.strip())
        except BadPatternError as error:
            page.say(str(error), is_refusal=True)
            return
        name = consumer.name if consumer is not None else ""
        page.app.show_stream(stream.name, pattern, name)  # type: ignore[attr-defined]

    page.type_in(
        "which part of the subject is the host? orders.{host}.>  logs.*.{host>}",
        switch,
        value=written(proposed),
    )


def written(pattern: HostPattern) -> str:
    """Return a pattern as it is typed."""
    host = "{host>}" if pattern.takes_rest else "{host}"
    return ".".join([*pattern.before, host, *pattern.after])
