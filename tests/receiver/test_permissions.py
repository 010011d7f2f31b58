"""The permissions that docs/receiver.md tells people to copy are enough."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from natsconsole.domain.receivers import AnswerRule, control_subject
from natsconsole.receiver.control import Control
from natsconsole.receiver.opening import open_receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.patience import PatientConnection, patient_options
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

DOCUMENT = Path(__file__).parents[2] / "docs/receiver.md"


def documented_permissions() -> str:
    found = re.search(r"<!-- permissions -->\n```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def users() -> str:
    return f"""
authorization {{
  users: [
    {{ user: admin, password: admin }}
    {{ user: receiver, password: receiver, permissions {{ {documented_permissions()} }} }}
  ]
}}
"""


async def test_the_documented_permissions_are_enough(tmp_path: Path, users: str) -> None:
    async with NatsServer(tmp_path / "nats", config=users) as server:
        anybody = patient_options(server.url)
        admin = replace(anybody, user="admin", password="admin")
        restricted = replace(anybody, user="receiver", password="receiver")
        out = tmp_path / "out"
        async with PatientConnection(admin) as connection, Connection(restricted) as control:
            await make_stream(connection)
            source = Source(connection, "web1")
            async with running(server, receiver_config(out), options=restricted) as receiver:
                await Control(receiver).serve_on(control)
                await source.publish_lines(10)
                await until(lambda: receiver.status("").written_lines == 10)
                await receiver.set_policy("all")
                receiver.set_rule(AnswerRule(answer="double-ack"))
                await source.publish_lines(10)
                await until(lambda: receiver.status("").written_lines == 20)
                await until(lambda: receiver.status("").unacked == 0)
                assert receiver.status("").alarms == ()
                reply = await connection.request(
                    f"{control_subject('archive', 'receiver-1')}.status"
                )
                assert b'"written_lines":20' in reply.data
            assert "Permissions Violation" not in server.log


async def test_a_refused_name_is_said(tmp_path: Path) -> None:
    """Another receiver of the same name would answer for this one."""
    async with NatsServer(tmp_path / "nats") as server:
        options = patient_options(server.url)
        async with PatientConnection(options) as connection, Connection(options) as control:
            await make_stream(connection)
            async with running(server, receiver_config(tmp_path / "out")) as receiver:
                await Control(receiver).serve_on(control)
                with pytest.raises(Exception, match="running already: give this one another"):
                    async with open_receiver(
                        receiver_config(tmp_path / "other"), connection, control
                    ):
                        pass
