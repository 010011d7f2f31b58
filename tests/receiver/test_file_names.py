"""Names from the network become safe paths."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.receiver.file_names import log_path, safe_name


@pytest.mark.parametrize("name", ["web1", "web-1.example.net", "access.log", "A_b.9"])
def test_plain_names_are_kept(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["..", ".", ".hidden", "a/b", "x" * 65, "", "\x00", "é", "%Q"])
def test_other_names_are_encoded(name: str) -> None:
    safe = safe_name(name)

    assert safe != name
    assert not safe.startswith(".")
    assert "/" not in safe


@given(st.text())
def test_every_name_is_a_safe_file_name(name: str) -> None:
    safe = safe_name(name)

    assert 1 <= len(safe) <= 64
    assert set(safe) <= set(string.ascii_letters + string.digits + "._-%~")
    assert safe[0] != "."


@given(st.text(), st.text())
def test_two_names_never_share_a_path(one: str, other: str) -> None:
    assert (one == other) == (safe_name(one) == safe_name(other))


def test_a_message_that_names_no_log_goes_to_the_hosts_own() -> None:
    assert log_path("web1", "") == "web1/web1.log"
    assert log_path("web1", "app.log") == "web1/app.log"
