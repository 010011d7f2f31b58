"""The files for service managers say what the programs do, and the tools accept them."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from natsconsole.receiver.archive import OPEN_FILES
from natsconsole.receiver.receiver import DRAIN_LIMIT

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
UNIT = PACKAGING / "systemd/natsconsole-receive.service"
ROTATION = PACKAGING / "logrotate/natsconsole-receive"


def service() -> dict[str, str]:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(UNIT.read_text().replace("\\\n", " "))
    return dict(unit["Service"])


def test_the_unit_gives_the_receiver_what_it_needs_and_no_more() -> None:
    found = service()
    command = shlex.split(found["ExecStart"])

    assert found["ReadWritePaths"] == command[command.index("--dir") + 1]
    assert found["ProtectSystem"] == "strict"
    assert found["NoNewPrivileges"] == "true"
    assert found["KillSignal"] == "SIGTERM"
    assert float(found["TimeoutStopSec"]) > 2 * DRAIN_LIMIT
    assert int(found["LimitNOFILE"]) > 1024
    assert (found["Type"], found["Restart"]) == ("notify", "on-failure")
    assert "AF_UNIX" in found["RestrictAddressFamilies"]


def test_nothing_is_turned_on_that_needs_an_extra() -> None:
    """Without it the programs end at once, and the services would start them again for ever."""
    assert "--metrics" not in service()["ExecStart"]
    config = tomllib.loads((PACKAGING / "shipper/shipper.toml").read_text())
    assert "metrics" not in config
    for path in (UNIT, PACKAGING / "shipper/shipper.toml"):
        assert "natsconsole[metrics]" in path.read_text()
        assert ":9100" not in path.read_text(), "node_exporter listens there"


def test_the_unit_allows_the_files_that_the_receiver_holds_open() -> None:
    assert f"({OPEN_FILES})" in UNIT.read_text()
    assert int(service()["LimitNOFILE"]) > OPEN_FILES


def test_the_sdist_has_what_its_tests_read() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"tests", "docs", "packaging"} <= set(included)
    assert {path.name for path in ROOT.glob("*.md")} <= set(included)
    assert all((ROOT / name).exists() for name in included)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/sh", UNIT.read_text()))
    done = subprocess.run(
        ["/usr/bin/env", "systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="needs logrotate")
def test_logrotate_renames_and_never_copies(tmp_path: Path) -> None:
    log = tmp_path / "logs/web1/app.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"line\n")
    inode = log.stat().st_ino
    rules = ROTATION.read_text().replace("/srv/logs", str(tmp_path / "logs"))
    user = f"{os.getuid()} {os.getgid()}"
    rules = re.sub(r"(?m)^    su .*\n", "", rules).replace("natsconsole natsconsole", user)
    (tmp_path / "rules").write_text(rules)
    (tmp_path / "rules").chmod(0o644)
    subprocess.run(
        ["/usr/bin/env", "logrotate", "--force", "--state", str(tmp_path / "state"),
         str(tmp_path / "rules")],
        check=True, capture_output=True,
    )  # fmt: skip

    (rotated,) = log.parent.glob("app.log-*")
    assert rotated.stat().st_ino == inode
    assert rotated.read_bytes() == b"line\n"
    assert (log.read_bytes(), log.stat().st_mode & 0o777) == (b"", 0o640)


def test_the_unit_gives_only_flags_that_there_are() -> None:
    from natsconsole.cli.receive import receive

    command = shlex.split(service()["ExecStart"])
    given = {word for word in command if word.startswith("--")}
    known = {name for parameter in receive.params for name in parameter.opts}

    assert given <= known


def test_the_shippers_unit_and_configuration_are_taken_by_the_shipper() -> None:
    from shipper.cli import main
    from shipper.config import read_config

    unit = (PACKAGING / "systemd/shipper.service").read_text()
    command = re.search(r"(?m)^ExecStart=(.*)$", unit)
    assert command is not None
    flags = {option for parameter in main.params for option in parameter.opts}
    assert {word for word in shlex.split(command[1]) if word.startswith("--")} <= flags
    assert "StateDirectory=shipper" in unit
    assert "NoNewPrivileges=true" in unit
    names = [parameter.name or "" for parameter in main.params]
    config = read_config(PACKAGING / "shipper/shipper.toml", names)
    assert len(config.patterns) == 4
    assert {pattern.host for pattern in config.patterns} == {"", "{dir}"}
