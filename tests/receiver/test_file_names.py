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


@pytest.mark.parametrize("host", ["Web1", "WEB1", "web1", "wEb1", "Web1.Example.net"])
def test_where_case_is_folded_no_host_has_the_directory_of_another(host: str) -> None:
    """And where it is not, names stay as they are."""
    others = {"Web1", "WEB1", "web1", "wEb1"} - {host}
    path = log_path(host, "app.log", folds_case=True)
    assert path.casefold() not in {
        log_path(other, "app.log", folds_case=True).casefold() for other in others
    }
    assert log_path(host, "app.log") == f"{host}/app.log"


def test_a_host_stays_where_its_logs_are() -> None:
    path = log_path("Web1", "new.log", taken=["Web1/app.log"], folds_case=True)
    assert path == "Web1/new.log"
