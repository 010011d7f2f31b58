"""The log stream: its configuration, and what setting it up would change.

Prefix and partition count are kept in the stream's metadata, where everyone else reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from natsconsole.domain.host_pattern import HostPattern, pattern_for
from natsconsole.domain.streams import PARTITIONS_KEY, PREFIX_KEY
from natsconsole.gateway.jetstream import STREAM_NOT_FOUND, ApiError, JetStream, Json, StreamInfo
from natsconsole.gateway.key_value import bucket_config
from shipper.wire import DEFAULT_PREFIX, ORDERS_BUCKET

GROUP_KEY = "natsconsole.group"
"""On a consumer of our receivers: their group."""
LAB_KEY = "natsconsole.lab"
"""``true`` on a stream made for the ack lab: nobody's logs are in it."""
DUPLICATE_WINDOW_SECONDS = 600
EVENTS_SUFFIX = "_EVENTS"
EVENTS_MAX_AGE_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStream:
    """A log stream as it is asked for."""

    name: str = "LOGS"
    prefix: str = DEFAULT_PREFIX
    partitions: int = 10
    replicas: int = 1
    max_age_seconds: int = 7 * 86400
    max_bytes: int = 10 << 30
    events: bool = False
    """Also keep ``$JS.EVENT.>`` advisories for some hours, in ``<name>_EVENTS``."""
    button: bool = False
    """Also make the bucket of the Big Red Button, which shippers obey."""
    lab: bool = False
    """Whether the console's ack lab may be used on it."""

    def config(self) -> Json:
        """Return the stream's configuration.

        Discard new: a full stream refuses at the source, where the file is the buffer.
        """
        return {
            "name": self.name,
            "subjects": [f"{self.prefix}.>"],
            "subject_transform": {
                "src": f"{self.prefix}.>",
                "dest": f"{self.prefix}.{{{{partition({self.partitions})}}}}.>",
            },
            "retention": "limits",
            "discard": "new",
            "storage": "file",
            "num_replicas": self.replicas,
            "max_age": self.max_age_seconds * 10**9,
            "max_bytes": self.max_bytes,
            "duplicate_window": min(DUPLICATE_WINDOW_SECONDS, self.max_age_seconds) * 10**9,
            "allow_direct": True,
            "metadata": {
                PREFIX_KEY: self.prefix,
                PARTITIONS_KEY: str(self.partitions),
                **({LAB_KEY: "true"} if self.lab else {}),
            },
        }

    def events_config(self) -> Json:
        """Return the configuration of the stream that keeps advisories."""
        return {
            "name": f"{self.name}{EVENTS_SUFFIX}",
            "subjects": ["$JS.EVENT.>"],
            "retention": "limits",
            "discard": "old",
            "storage": "file",
            "num_replicas": self.replicas,
            "max_age": EVENTS_MAX_AGE_SECONDS * 10**9,
            "max_bytes": 256 << 20,
            "allow_direct": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting that would change."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """What setting up one stream would do."""

    name: str
    config: Json
    """The whole configuration to send."""
    is_new: bool
    changes: tuple[Change, ...]

    @property
    def does_nothing(self) -> bool:
        return not self.is_new and not self.changes


async def plan(jetstream: JetStream, spec: LogStream) -> list[StreamPlan]:
    """Compare what is asked for with what is there, changing nothing."""
    wanted = [spec.config()]
    if spec.events:
        wanted.append(spec.events_config())
    plans = [await _plan_one(jetstream, config) for config in wanted]
    if spec.button:
        plans.append(await _plan_button(jetstream, spec.replicas))
    return plans


async def _plan_button(jetstream: JetStream, replicas: int) -> StreamPlan:
    """Plan the bucket; one that is there keeps its settings, but gets what shippers need."""
    full = bucket_config(ORDERS_BUCKET, replicas=replicas)
    found = await _plan_one(jetstream, full)
    if found.is_new:
        return found
    return await _plan_one(jetstream, {"name": full["name"], "allow_direct": True})


async def apply(jetstream: JetStream, plans: list[StreamPlan]) -> None:
    """Do what was planned."""
    for each in plans:
        if each.is_new:
            await jetstream.create_stream(each.config)
        elif each.changes:
            await jetstream.update_stream(each.config)


async def create_log_stream(jetstream: JetStream, spec: LogStream) -> None:
    """Create the stream, or change it into what is asked for."""
    await apply(jetstream, await plan(jetstream, spec))


def prefix_of(info: StreamInfo) -> str:
    """Return the stream's prefix: from its metadata, else the first token of its first subject."""
    subjects = info.config.get("subjects") or [f"{DEFAULT_PREFIX}.>"]
    return info.metadata.get(PREFIX_KEY) or str(subjects[0]).split(".")[0]


def partitions_of(info: StreamInfo) -> int | None:
    """Return the partition count, or None for a stream that ``setup`` has not made."""
    found = info.metadata.get(PARTITIONS_KEY, "")
    return int(found) if found.isdigit() and int(found) > 0 else None


def pattern_of(info: StreamInfo) -> HostPattern:
    """Return where the host stands in the subjects of a stream, ours or anybody's."""
    return pattern_for(
        info.config.get("subjects") or (),
        prefix=info.metadata.get(PREFIX_KEY, ""),
        is_partitioned=partitions_of(info) is not None,
    )


async def _plan_one(jetstream: JetStream, config: Json) -> StreamPlan:
    name = config["name"]
    try:
        info = await jetstream.stream_info(name)
    except ApiError as error:
        if error.err_code != STREAM_NOT_FOUND:
            raise
        changes = tuple(
            Change(key=key, before=None, after=value) for key, value in _flat(config).items()
        )
        return StreamPlan(name=name, config=config, is_new=True, changes=changes)
    current = _flat(info.config)
    changes = tuple(
        Change(key=key, before=current.get(key), after=value)
        for key, value in _flat(config).items()
        if current.get(key) != value
    )
    merged = info.config | config
    if "metadata" in config:
        merged["metadata"] = info.metadata | config["metadata"]
    return StreamPlan(name=name, config=merged, is_new=False, changes=changes)


def _flat(config: Json) -> Json:
    flat: Json = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": found for inner, found in value.items()}
        else:
            flat[key] = value
    return flat
