"""Azurite as a process of its own, with an account whose key is drawn anew, over HTTP or HTTPS."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import until

HERE = Path(__file__).parent
# Not by the links of npm, which are no longer links in a copy of this folder.
PROGRAMS = HERE / "node_modules" / "azurite" / "dist" / "src"
INSTALL = "npm ci --prefix tests/azurite"
ACCOUNT = "tester"


def missing() -> str | None:
    """Why Azurite cannot run here, None if it can."""
    if shutil.which("node") is None:
        return f"Azurite needs Node 20 or newer; install it, then: {INSTALL}"
    if not PROGRAMS.exists():
        return f"Azurite is not installed; install it with: {INSTALL}"
    return None


@dataclass
class Azurite:
    """A running emulator; `key` opens the account `tester`."""

    port: int
    key: str
    process: subprocess.Popen[bytes]
    scheme: str

    @classmethod
    def start(
        cls, folder: Path, *options: str, scheme: str = "http", service: str = "blob"
    ) -> Azurite:
        """Start its blob or queue service and wait until it listens; what it stores is in memory."""
        key = base64.b64encode(os.urandom(64)).decode()
        command = [
            *("node", str(PROGRAMS / service / "main.js"), "--inMemoryPersistence"),
            *("--skipApiVersionCheck", "--silent", "--disableTelemetry"),
            *(f"--{service}Host", "127.0.0.1", f"--{service}Port", "0"),
        ]
        log_file = folder / f"{service}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [*command, *options],
                cwd=folder,
                env=os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
                stdout=log,
                stderr=log,
            )

        def port() -> int | None:
            said = log_file.read_text()
            assert process.poll() is None, said
            found = re.search(r"successfully listens on \S+:(\d+)\n", said)
            return int(found[1]) if found else None

        return cls(until(port), key, process, scheme)

    def url(self, container: str, port: int | None = None) -> str:
        """The address of a container, as MODEL_STORE takes it; `port` is that of a relay."""
        return f"{self.scheme}://127.0.0.1:{port or self.port}/{ACCOUNT}/{container}"

    def stop(self) -> None:
        """End it at once, as a machine does that fails."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Azure:
    """Azurite over HTTPS, opened by tokens, as Azure is; `authority` is whom clients must trust."""

    server: Azurite
    authority: Path

    @classmethod
    def start(cls, folder: Path) -> Azure:
        """Start its blob service with a certificate that is made for it."""
        import trustme

        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(folder / "authority.pem")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        for part in certificate.cert_chain_pems:
            part.write_to_path(folder / "certificate.pem", append=True)
        return cls(_by_token(folder, folder, "blob"), folder / "authority.pem")

    def start_queue(self, folder: Path) -> Azurite:
        """Start a queue service beside it, with the same certificate."""
        return _by_token(folder, self.authority.parent, "queue")


def _by_token(folder: Path, certificates: Path, service: str) -> Azurite:
    by_token = ("--oauth", "basic")
    certificate = ("--cert", str(certificates / "certificate.pem"))
    key = ("--key", str(certificates / "key.pem"))
    return Azurite.start(folder, *by_token, *certificate, *key, scheme="https", service=service)
