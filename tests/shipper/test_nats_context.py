"""Contexts of the nats CLI: every key, and every way in which a file can be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shipper.nats_context import ContextError, ContextFiles, NatsContext, parse_context

HOME = {"HOME": "/home/me", "KEYS": "/keys", "SECRET": "s3cret\n"}


def parsed(**keys: object) -> NatsContext:
    return parse_context("prod", json.dumps(keys).encode(), HOME)


def test_every_key_is_read() -> None:
    texts = {
        "description": "Orders, live",
        "url": "nats://a:1,nats://b:2",
        "user": "u",
        "password": "p",
        "token": "t",
        "creds": "/c",
        "nkey": "/n",
        "user_jwt": "a.b.c",
        "user_seed": "SUx",
        "cert": "/cert",
        "key": "/key",
        "ca": "/ca",
        "jetstream_domain": "hub",
        "jetstream_api_prefix": "JS.acc",
        "jetstream_event_prefix": "EV.acc",
        "inbox_prefix": "_INBOX_me",
    }
    found = parsed(**texts, tls_first=True, color_scheme="bold", not_invented_yet=[1])
    assert {key: getattr(found, key) for key in texts} == texts
    assert found.tls_first
    assert found.not_served == ()


def test_what_is_left_out_is_empty() -> None:
    assert parsed() == NatsContext(name="prod")
    assert parsed(url=None) == NatsContext(name="prod")


def test_paths_are_expanded_as_the_cli_does() -> None:
    found = parsed(creds="~/x.creds", nkey="$KEYS/n", cert="${KEYS}/c", key="file:///k", ca="$NO/a")
    assert (found.creds, found.nkey, found.cert) == ("/home/me/x.creds", "/keys/n", "/keys/c")
    assert (found.key, found.ca) == ("/k", "/a")


def test_a_secret_may_lie_in_a_variable() -> None:
    assert parsed(user="u", password="env://SECRET").password == "s3cret"
    with pytest.raises(ContextError, match="token is in the variable 'NONE': set it"):
        parsed(token="env://NONE")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"url": 5}, "url must be a text"),
        ({"password": ["hidden"]}, "password must be a text"),
        ({"tls_first": "yes"}, "tls_first must be true or false"),
        ({"creds": "op://vault/hidden"}, "creds is a op: reference, and only files can be read"),
        ({"password": "op://vault/hidden"}, "password is a op:// reference"),
    ],
)
def test_what_a_key_cannot_hold(keys: dict[str, object], said: str) -> None:
    with pytest.raises(ContextError) as raised:
        parsed(**keys)
    assert said in str(raised.value)
    assert "'prod'" in str(raised.value)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"password": "hidden"', b"\xff\xfe{", b"[" * 9999]
)
def test_bad_json_is_one_line_without_secrets(content: bytes) -> None:
    with pytest.raises(ContextError, match="context 'prod' is not JSON") as raised:
        parse_context("prod", content, HOME)
    assert "hidden" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_json_of_another_kind() -> None:
    with pytest.raises(ContextError, match="is not a JSON object"):
        parse_context("prod", b"[]", HOME)


def test_what_we_cannot_do_is_said_rather_than_left_out() -> None:
    found = parsed(socks_proxy="127.0.0.1:1080", nsc="nsc://a/b/c", windows_cert_store="")
    assert found.not_served == ("looks its login up with nsc", "goes through a SOCKS proxy")


def test_no_secret_is_shown() -> None:
    found = parsed(user="u", password="hidden", token="hidden", user_seed="hidden")
    assert "hidden" not in repr(found)
    assert "hidden" not in f"{found}"


def files(root: Path, selected: str = "", **contents: str) -> ContextFiles:
    directory = root / "nats" / "context"
    directory.mkdir(parents=True)
    for name, content in contents.items():
        (directory / f"{name}.json").write_text(content)
    if selected:
        (root / "nats" / "context.txt").write_text(f"{selected}\n")
    return ContextFiles({"XDG_CONFIG_HOME": str(root)})


def test_names_and_the_selected_one(tmp_path: Path) -> None:
    found = files(tmp_path, selected="dev", prod="{}", dev='{"url": "a"}')
    (found.directory / "notes.txt").write_text("x")
    (found.directory / "folder.json").mkdir()
    assert found.names() == ("dev", "prod")
    assert found.selected() == "dev"
    assert found.read("dev").url == "a"


def test_nothing_there(tmp_path: Path) -> None:
    found = ContextFiles({"XDG_CONFIG_HOME": str(tmp_path)})
    assert found.names() == ()
    assert found.selected() == ""
    with pytest.raises(ContextError, match="there is no context 'prod', and none at all in"):
        found.read("prod")


def test_without_xdg_they_lie_below_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ContextFiles({}).directory == tmp_path / ".config" / "nats" / "context"


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    found = files(tmp_path, prod="{}", dev="{}", **{"evil\x1b": "{}"})
    with pytest.raises(ContextError) as raised:
        found.read("prd")
    assert "did you mean 'prod'? there are dev, 'evil\\x1b', prod" in str(raised.value)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", "..", "a\x00b"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContextError, match="cannot be a context's name"):
        files(tmp_path).read(name)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    found = files(tmp_path)
    (found.directory / "prod.json").mkdir()
    with pytest.raises(ContextError, match=r"'prod' cannot be read from .*prod\.json: is a dir"):
        found.read("prod")
