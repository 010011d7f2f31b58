import threading
from pathlib import Path

import pytest

from natsconsole.domain.advisories import Advisory, EventsSeen
from natsconsole.domain.recording import NoRecordingError, Seen
from natsconsole.gateway.interface import GatewayError, LinkLostError, NotPermittedError
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.recorder import Recorder, RecordingError
from natsconsole.gateway.replay import Player, Recording, ReplayGateway
from screenshots.demo_data import pipeline
from screenshots.triage_data import shop
from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer
from tests.support.pipeline import make_stream
from tests.support.waiting import until


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def recorded(path: Path, moments: int = 300) -> Clock:
    clock = Clock()
    recorder = Recorder(path, clock=clock)
    recorder.note(home=pipeline().home, context="dev")
    recorder.settle()
    for number in range(moments):
        clock.now += 2
        event = Advisory(id=f"{number}", kind="nak", time=f"{number:04}", sequence=number + 1)
        recorder.note(triage=shop(), events=EventsSeen(events=(event,)))
        recorder.settle()
    recorder.close()
    assert recorder.problem == ""
    assert recorder.bytes == path.stat().st_size
    return clock


def test_any_moment_is_shown_as_it_was(tmp_path: Path) -> None:
    recorded(tmp_path / "file")
    recording = Recording.open(tmp_path / "file")
    assert len(recording.frames) == 301
    assert not recording.is_cut
    for place in (300, 4, 119, 120, 121, 3, 240, 299):
        (event,) = recording.at(place).events
        assert event.sequence == place


def test_the_player_steps_jumps_and_plays(tmp_path: Path) -> None:
    recorded(tmp_path / "file")
    clock = Clock()
    player = Player(Recording.open(tmp_path / "file"), clock=clock)
    assert (player.now, player.place, player.is_playing) == (1_000.0, 0, False)
    player.step(3)
    assert (player.now, player.place) == (1_006.0, 3)
    player.step(-9)
    assert player.place == 0
    player.go_to(1_101.0)
    assert (player.now, player.place) == (1_101.0, 50)
    player.toggle()
    clock.now += 3
    assert (player.now, player.place) == (1_104.0, 52)
    clock.now += 10_000
    assert (player.now, player.is_playing) == (1_600.0, False)
    player.toggle()
    assert player.now == 1_000.0
    player.go_to(9e9)
    assert player.place == 300


async def test_a_replay_changes_nothing(tmp_path: Path) -> None:
    recorded(tmp_path / "file", 2)
    gateway = ReplayGateway(Player(Recording.open(tmp_path / "file")))
    gateway.player.step(2)
    assert (await gateway.triage.look()).consumers == shop().consumers
    assert (await gateway.look()).stream == pipeline().home.stream
    assert gateway.context.name == "dev"
    assert gateway.read_only
    with pytest.raises(NotPermittedError, match="what was cannot be changed"):
        await gateway.pause("receiver-1")
    with pytest.raises(GatewayError, match="no messages"):
        await gateway.message(4)


def test_a_file_that_is_cut_off_shows_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    recorded(path, 20)
    path.write_bytes(path.read_bytes()[:-7])
    recording = Recording.open(path)
    assert recording.is_cut
    assert len(recording.frames) == 20


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(RecordingError, match="exists: name another file"):
        Recorder(path)
    with pytest.raises(RecordingError, match="No such file"):
        Recorder(tmp_path / "nowhere" / "file")
    assert path.read_text() == "precious"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_ends_the_recording_not_the_console(tmp_path: Path) -> None:
    clock = Clock()
    recorder = Recorder(tmp_path / "file", clock=clock)
    recorder._file.close()
    recorder._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    recorder.note(home=pipeline().home)
    recorder.settle()
    assert "No space left" in recorder.problem
    clock.now += 5
    recorder.note(home=pipeline().home)
    recorder.close()


def test_nobody_waits_for_a_frame_to_be_packed(tmp_path: Path) -> None:
    clock, may_go_on = Clock(), threading.Event()
    recorder = Recorder(tmp_path / "file", clock=clock)
    pack = recorder._packer.pack

    def slowly(seen: Seen, time: float) -> bytes:
        assert may_go_on.wait(20)
        return pack(seen, time)

    recorder._packer.pack = slowly  # type: ignore[method-assign]
    for _ in range(3):
        clock.now += 5
        recorder.note(home=pipeline().home)
    assert recorder.frames == 0
    may_go_on.set()
    recorder.note(triage=shop())
    recorder.close()
    assert recorder.frames == 2
    assert Recording.open(tmp_path / "file").at(1).triage.consumers == shop().consumers
    recorder.note(home=pipeline().home)  # a look that ends after all


async def test_an_outage_is_recorded(tmp_path: Path) -> None:
    clock = Clock()
    recorder = Recorder(tmp_path / "file", clock=clock)
    async with (
        NatsServer(tmp_path / "nats") as server,
        Connection(ConnectionOptions(servers=(server.url,))) as connection,
    ):
        await make_stream(connection)
        gateway = LiveGateway(connection, "LOGS", recorder=recorder)
        await gateway.look()
        recorder.settle()
        await server.stop()
        await until(lambda: gateway.link.state == "lost")
        for look in (gateway.look, gateway.triage.look):
            clock.now += 10
            with pytest.raises(LinkLostError):
                await look()
            recorder.settle()
    recorder.close()
    recording = Recording.open(tmp_path / "file")
    assert [recording.at(place).link.state for place in range(3)] == ["live", "lost", "lost"]
    assert recording.at(2).home.stream == "LOGS"


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"natsconsole recording 1\n")
    for name, words in (("nowhere", "No such file"), ("empty", "no whole frame")):
        with pytest.raises(NoRecordingError, match=words):
            Recording.open(tmp_path / name)
