"""How large an hour of 100 consumers is when it is recorded, and what a frame and a jump cost.

Every figure of every consumer moves with every look, as on a busy account. Run it with
``python -m benchmarks.recording``.
"""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from natsconsole.domain.consumers import ConsumerState, OldestMessage
from natsconsole.domain.snapshots import HomeSnapshot
from natsconsole.domain.streams import StreamState
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.gateway.recorder import Recorder
from natsconsole.gateway.replay import Recording

CONSUMERS, STREAMS = 100, 20
SECONDS, INTERVAL = 3_600, 2.0
MOST = 20_000_000
START = 1_790_000_000.0


def account() -> TriageSnapshot:
    """Return the first look."""
    streams = tuple(
        StreamState(name=f"STREAM-{at:02d}", subjects=(f"s{at}.>",), messages=1_000_000,
                    bytes=10**9, first_seq=1, last_seq=1_000_000, first_time=START - 86_400)
        for at in range(STREAMS)
    )  # fmt: skip
    consumers = tuple(
        ConsumerState(stream=f"STREAM-{at % STREAMS:02d}", name=f"worker-{at:03d}",
                      max_ack_pending=1_000, delivered_seq=900_000, ack_floor_seq=899_000)
        for at in range(CONSUMERS)
    )  # fmt: skip
    return TriageSnapshot(streams=streams, consumers=consumers, streams_total=STREAMS,
                          consumers_total=CONSUMERS)  # fmt: skip


def later(before: TriageSnapshot, now: float, chance: random.Random) -> TriageSnapshot:
    """Return the next look: everything has moved."""
    consumers = []
    for one in before.consumers:
        stored, acked = chance.randint(50, 400), chance.randint(50, 400)
        lag = max(0, one.lag_messages + stored - acked)
        floor = one.ack_floor_seq + acked
        consumers.append(
            replace(
                one, taken=now, lag_messages=lag, lag_seconds=lag / 142.0,
                oldest=OldestMessage(sequence=floor + 1, subject="s.a.b", time=now - lag / 142.0),
                unacked=chance.randint(0, 200), redelivered=chance.randint(0, 9),
                redeliveries=one.redeliveries + chance.randint(0, 2),
                waiting_pulls=chance.randint(0, 8), delivered_seq=floor + chance.randint(0, 200),
                delivered_count=one.delivered_count + acked, ack_floor_seq=floor,
                last_delivery_seconds=chance.random(), last_ack_seconds=chance.random(),
                delivered_per_second=acked / INTERVAL, acked_per_second=acked / INTERVAL,
                lag_per_second=(lag - one.lag_messages) / INTERVAL, watched_seconds=now - START,
                history=(*one.history, lag)[-60:],
            )
        )  # fmt: skip
    streams = tuple(
        replace(one, taken=now, messages=one.messages + 900, bytes=one.bytes + 200_000,
                last_seq=one.last_seq + 900, last_time=now,
                messages_per_second=chance.random() * 900,
                history=(*one.history, chance.random() * 900)[-60:])
        for one in before.streams
    )  # fmt: skip
    return replace(before, taken=now, seconds=chance.random() / 50, consumers=tuple(consumers),
                   streams=streams, watched_seconds=now - START)  # fmt: skip


def main() -> None:
    """Record an hour, then jump about in it."""
    chance = random.Random(1)  # noqa: S311
    moment = [START]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hour"
        recorder = Recorder(path, clock=lambda: moment[0])
        snapshot, frames = account(), round(SECONDS / INTERVAL)
        spent = 0.0
        for _ in range(frames):
            moment[0] += INTERVAL
            snapshot = later(snapshot, moment[0], chance)
            began = time.process_time()
            recorder.note(home=HomeSnapshot(taken=moment[0]), triage=snapshot)
            recorder.settle()
            spent += time.process_time() - began
        recorder.close()
        size = path.stat().st_size
        print(f"an hour of {CONSUMERS} consumers, a look every {INTERVAL:g} s: "
              f"{size / 1e6:.1f} MB, at most {MOST / 1e6:.0f}")  # fmt: skip
        print(f"a frame: {size / frames:,.0f} bytes, {spent / frames * 1e3:.1f} ms of CPU")
        recording = Recording.open(path)
        began = time.process_time()
        jumps = 20
        for _ in range(jumps):
            recording.at(chance.randrange(len(recording.frames)))
        print(f"a jump anywhere: {(time.process_time() - began) / jumps * 1e3:.0f} ms of CPU")
        if size > MOST:
            raise SystemExit("that is too large")


if __name__ == "__main__":
    main()
