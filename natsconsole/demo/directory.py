"""Where everything of a demo lies, and who may use it: one demo at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from natsconsole.demo.problems import DemoError

_LOCK_NAME = "demo.lock"
_ROTATION = re.compile(r"(?<=\.log)\.\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLogPaths:
    """One log of one host, at both ends of the pipeline."""

    host: str
    source: Path
    """The file that is written now; rotated ones lie beside it."""
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDirectory:
    """The layout, and the lock that children inherit: it is free once the last one has ended."""

    root: Path
    is_temporary: bool
    lock: int
    """Open file whose lock says that the directory is in use."""

    @classmethod
    def claim(cls, wanted: Path | None) -> DemoDirectory:
        """Make and lock the directory, a temporary one where none is named.

        Raises:
            DemoError: it cannot be made or written, or another demo uses it.
        """
        root = wanted
        try:
            if root is None:
                root = Path(tempfile.mkdtemp(prefix="natsconsole-demo-"))
            root = root.absolute()
            for name in ("server", "hosts", "shipper", "received", "logs"):
                (root / name).mkdir(parents=True, exist_ok=True)
            lock = os.open(root / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if wanted is None and root is not None:
                shutil.rmtree(root, ignore_errors=True)
            reason = (error.strerror or type(error).__name__).lower()
            where = repr(str(root)) if root is not None else "a temporary directory"
            raise DemoError(f"the demo cannot write in {where}: {reason}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise DemoError(f"another demo is using {str(root)!r}; end it first") from None
        return cls(root=root, is_temporary=wanted is None, lock=lock)

    @property
    def lock_path(self) -> Path:
        return self.root / _LOCK_NAME

    @property
    def server(self) -> Path:
        """The nats-server's configuration and store."""
        return self.root / "server"

    @property
    def hosts(self) -> Path:
        """The sources: ``<host>/<log>.log``, rotated ones beside it."""
        return self.root / "hosts"

    @property
    def shipper(self) -> Path:
        """The shipper's state."""
        return self.root / "shipper"

    @property
    def received(self) -> Path:
        """What the receiver writes: ``<host>/<log>.log``."""
        return self.root / "received"

    @property
    def logs(self) -> Path:
        """What the demo's own programs have to say: ``<program>.log``."""
        return self.root / "logs"

    def host_logs(self) -> list[HostLogPaths]:
        """Return every log that has been written, in order of host and name."""
        found = {
            (file.parent.name, _ROTATION.sub("", file.name)) for file in self.hosts.glob("*/*.log*")
        }
        return [
            HostLogPaths(
                host=host, source=self.hosts / host / log, output=self.received / host / log
            )
            for host, log in sorted(found)
        ]

    def release(self) -> None:
        """Let others use it."""
        with contextlib.suppress(OSError):
            os.close(self.lock)

    def remove(self) -> None:
        """Remove it if it is temporary."""
        if self.is_temporary:
            shutil.rmtree(self.root, ignore_errors=True)
