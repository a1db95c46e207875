"""A small internet in a network namespace: a DNS server, web servers, and links to follow in it.

    unshare -Urnm python -m tests.hostile.internet < CASES

Nothing of `inference.links` is replaced here: the system's resolver asks the DNS server on port 53,
the ports are 80 and 443, the addresses are those of the public internet and of everything that a
link must not reach. All of them belong to the loopback device of the namespace, and a web server
answers at each: whatever gets past the checks would be answered.

CASES is {"zone": {name: [answers]}, "links": [url]}; an answer is a list of addresses or a CNAME, and
the last of a name's answers is given again and again. Printed are the outcomes and who was asked.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from inference.errors import ServiceError
from inference.links import fetch

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(1000)
PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07::1")
SECRET = b"what only the inside may read"

type Zone = dict[str, list[list[str]]]


class NameServer(socketserver.ThreadingUDPServer):
    """Answers A and AAAA questions from a zone and counts them by name and type."""

    def __init__(self, zone: Zone) -> None:
        self.zone, self.asked = zone, Counter[str]()
        super().__init__(("127.0.0.1", 53), _Question)


class _Question(socketserver.BaseRequestHandler):
    server: NameServer

    def handle(self) -> None:
        query, sock = self.request
        labels, at = [], 12
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length])
            at += 1 + length
        name = b".".join(labels).decode().lower()
        [kind] = struct.unpack(">H", query[at + 1 : at + 3])
        answers = self.server.zone.get(name)
        number = self.server.asked[f"{name} {kind}"]
        self.server.asked[f"{name} {kind}"] += 1
        records, owner = [], b"\xc0\x0c"
        for value in answers[min(number, len(answers) - 1)] if answers else ():
            if value.startswith("CNAME "):
                target = b"".join(
                    bytes([len(label)]) + label.encode() for label in value[6:].split(".")
                )
                head = owner + struct.pack(">HHLH", 5, 1, 0, len(target) + 1)
                records.append(head + target + b"\0")
                owner = target + b"\0"
                continue
            address = ipaddress.ip_address(value)
            if kind == {4: 1, 6: 28}[address.version]:
                packed = address.packed
                records.append(owner + struct.pack(">HHLH", kind, 1, 0, len(packed)) + packed)
        flags = 0x8180 if answers else 0x8183  # no such name
        head = query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        sock.sendto(head + query[12 : at + 5] + b"".join(records), self.client_address)


class Web(BaseHTTPRequestHandler):
    """At a public address the picture, or a redirect to where the path says; elsewhere the secret."""

    asked: Counter[str]

    def do_GET(self) -> None:
        here = self.connection.getsockname()[0].removeprefix("::ffff:")
        self.asked[here] += 1
        if here not in PUBLIC:
            self._send(200, SECRET)
        elif self.path.startswith("/to/"):
            self._send(302, SECRET, unquote(self.path[4:], "latin-1"))
        else:
            self._send(200, PICTURE)

    def _send(self, status: int, body: bytes, location: str | None = None) -> None:
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _WebServer(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def main() -> None:
    """Build the internet, follow the links, print what came of it."""
    cases = json.load(sys.stdin)
    names = _names(cases["zone"])
    asked: Counter[str] = Counter()
    handler = type("Handler", (Web,), {"asked": asked})
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cases["certificate"])
    for port in (80, 443):
        server = _WebServer(("::", port), handler)
        if port == 443:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    outcomes = []
    for url in cases["links"]:
        before = asked.copy(), names.asked.copy()
        outcome = _outcome(url)
        seen = dict(asked - before[0]), dict(names.asked - before[1])
        outcomes.append([outcome, *seen])
    print(json.dumps(outcomes))
    sys.stdout.flush()
    os._exit(0)  # the servers have no end of their own


def _outcome(url: str) -> str:
    try:
        content = fetch(url, allowed_hosts=(), max_bytes=100_000)
    except ServiceError as error:
        told = error.detail + error.log
        return f"{error.code}, and tells" if SECRET.decode() in told else error.code
    return {PICTURE: "picture", SECRET: "SECRET"}.get(content, "something else")


def _names(zone: Zone) -> NameServer:
    """Give the loopback device every address of the zone, and start the name server."""
    addresses = {
        value for answers in zone.values() for each in answers for value in each if value[0] != "C"
    }
    lines = ["link set lo up"]
    for address in sorted(addresses | set(PUBLIC)):
        ip = ipaddress.ip_address(address)
        if not (ip.is_loopback or ip.is_unspecified or ip.is_multicast):
            nodad = " nodad" if ip.version == 6 else ""
            lines.append(f"addr add {address}/{ip.max_prefixlen} dev lo{nodad}")
    # Some addresses no device takes (240.0.0.1); that they are refused is then up to two.
    subprocess.run(
        ["ip", "-force", "-batch", "-"],
        input="\n".join(lines),
        text=True,
        capture_output=True,
        check=False,
    )
    resolver = Path(os.environ["INTERNET_FOLDER"], "resolv.conf")
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:1\n")
    subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)
    server = NameServer(zone)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


if __name__ == "__main__":
    main()
