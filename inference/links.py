"""Link → bytes: fetch an image from a public web server, and from nowhere else.

Whoever follows links for strangers can be made to read what only he can reach (server-side request
forgery, CWE-918): the cloud's metadata service, the network around him, himself. So a name is
looked up once, all addresses behind it must be public, and one of these is connected to.

The standard library's HTTP client does this in few lines, because it speaks over any socket that it
is given, and costs no start-up time, because the framework has imported it already. `requests` and
`requests-hardened` check only the first address and only inside a connection pool, start their
time-out anew with every byte, and what they add (proxies, .netrc, cookies) would be switched off.
"""

import gzip
import ipaddress
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from io import BytesIO
from urllib.parse import quote, urljoin, urlsplit

from inference.errors import LinkFailed, LinkForbidden, LinkTimeout, TooLarge

_BLOCK = 64 * 1024  # bytes read at a time
_HOST = re.compile(r"[a-z0-9._:-]+")
_HEADERS = {
    "Accept": "image/*, application/dicom, application/octet-stream;q=0.9",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "chest-xray-classifier",
}
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291; NAT64 and mapped IPv4 lie outside
_NEVER = [  # public by the registries' word, and still no place for a stranger's link
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's agent, DNS and probes in every network
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments, with a cloud's metadata service
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays (RFC 7526)
    ipaddress.ip_network("2001::/23"),  # protocol assignments: Teredo (RFC 4380), ORCHID
    ipaddress.ip_network("2002::/16"),  # 6to4, with an IPv4 address inside (RFC 3056)
    ipaddress.ip_network("3fff::/20"),  # documentation (RFC 9637)
]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet and to nothing that only we can reach.

    IPv6 addresses with an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo) never do:
    what they lead to is up to the routers on the way.
    """
    ip = ipaddress.ip_address(address)
    if ip.version == 6 and ip not in _GLOBAL_UNICAST:
        return False
    special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _NEVER)
    return ip.is_global and not special


def look_up(host: str, port: int) -> list[str]:
    """Every address of a host, those first that the system prefers."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True)
class Policy:
    """What a link may lead to and how long it may take.

    Attributes:
        ports: The ports that may be connected to.
        allows: Tells of an address whether it may be connected to.
        look_up: Finds the addresses of a host; the time that it takes counts.
        redirects: How many redirects are followed.
        connect_seconds: For connecting to an address of a host.
        total_seconds: From the first look-up to the last byte, redirects included.
        ca_file: The certificates to trust; None for the system's.
    """

    ports: tuple[int, ...] = (80, 443)
    allows: Callable[[str], bool] = is_public
    look_up: Callable[[str, int], list[str]] = look_up
    redirects: int = 3
    connect_seconds: float = 5.0
    total_seconds: float = 10.0
    ca_file: str | None = None


INTERNET = Policy()


def fetch(
    url: str, *, allowed_hosts: tuple[str, ...], max_bytes: int, policy: Policy = INTERNET
) -> bytes:
    """Fetch what an http(s) URL leads to.

    Args:
        url: What the client sent; anything.
        allowed_hosts: Names in ASCII, lower case; every host on the way must have one of them. Empty: any.
        max_bytes: Of the content, decompressed.
        policy: Tests and closed networks bring their own.

    Raises:
        LinkForbidden: Not http(s), another port, credentials in it, a host that is not allowed, an
            address that is not public, or too many redirects.
        LinkTimeout: Too slow, in whichever part.
        LinkFailed: Anything else that went wrong; nothing of the other server's answer is told.
        TooLarge: More than `max_bytes`.
    """
    connections = _Connections()
    content: Future[bytes] = Future()

    def work() -> None:
        try:
            content.set_result(_follow(url, allowed_hosts, max_bytes, policy, connections))
        except Exception as error:
            content.set_exception(error)

    # A look-up cannot be interrupted, and a socket's time-out starts anew with every byte. So the
    # work has a thread of its own, to be left behind when time is up; closing ends its reading.
    threading.Thread(target=work, name="link", daemon=True).start()
    try:
        return content.result(policy.total_seconds)
    except TimeoutError as error:
        raise LinkTimeout from error
    except (OSError, HTTPException, EOFError, zlib.error, ValueError) as error:
        raise LinkFailed(
            "The other server could not be reached, or its answer could not be read.",
            log=f"link failed: {type(error).__name__}",
        ) from error
    finally:
        connections.close()


class _Connections:
    """The connections of one fetch, to be ended by another thread than the one that reads."""

    def __init__(self) -> None:
        self._handles: list[socket.socket] = []
        self._closed = False

    def add(self, sock: socket.socket) -> None:
        self._handles.append(sock.dup())  # a second handle outlives the wrapping in TLS
        if self._closed:
            self.close()

    def close(self) -> None:
        self._closed = True
        for handle in self._handles:
            with suppress(OSError), handle:
                handle.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class _Target:
    """A URL that was checked, in the parts that a request needs."""

    tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def _follow(
    url: str,
    allowed_hosts: tuple[str, ...],
    max_bytes: int,
    policy: Policy,
    connections: _Connections,
) -> bytes:
    for _ in range(policy.redirects + 1):
        target = _check(url, allowed_hosts, policy)
        with _connect(target, policy, connections) as sock, _ask(sock, target) as response:
            location = response.getheader("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location:
                return _read(response, max_bytes)
            url = urljoin(url, location)
    raise LinkForbidden(f"The link redirects more than {policy.redirects} times.")


def _check(url: str, allowed_hosts: tuple[str, ...], policy: Policy) -> _Target:
    """Take a URL apart, once, and refuse it unless it is a plain http(s) one of an allowed host."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii").lower().removesuffix(".")
        port = parts.port
    except ValueError as error:
        raise LinkForbidden("The link is no valid URL.") from error
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise LinkForbidden("Only complete http and https links are followed.")
    if "@" in parts.netloc:
        raise LinkForbidden("A link with a user name or a password in it is not followed.")
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    if port not in policy.ports:
        raise LinkForbidden("Links to another port than 80 and 443 are not followed.")
    if allowed_hosts and host not in allowed_hosts:
        raise LinkForbidden("Links to this host are not followed.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(parts.scheme == "https", host, port, quote(path, safe="/?%:@!$&'()*+,;=~"))


def _connect(target: _Target, policy: Policy, connections: _Connections) -> socket.socket:
    """Connect to the first address that answers, if all of the host's addresses are allowed."""
    addresses = policy.look_up(target.host, target.port)
    if not all(map(policy.allows, addresses)):
        raise LinkForbidden
    end = time.monotonic() + policy.connect_seconds
    failure = OSError()
    for address in addresses:
        try:
            left = max(end - time.monotonic(), 0.001)
            sock = socket.create_connection((address, target.port), timeout=left)
        except OSError as error:
            failure = error
            continue
        connections.add(sock)
        sock.settimeout(policy.total_seconds)
        if target.tls:
            sock = _trust(policy.ca_file).wrap_socket(sock, server_hostname=target.host)
        return sock
    raise failure


@cache
def _trust(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def _ask(sock: socket.socket, target: _Target) -> HTTPResponse:
    connection = HTTPConnection(target.host, target.port)
    connection.sock = sock  # having one, it looks nothing up and connects to nothing
    connection.request("GET", target.path, headers=_HEADERS | {"Host": target.authority})
    return connection.getresponse()


def _read(response: HTTPResponse, max_bytes: int) -> bytes:
    """Read the content, unzipped, and stop where it gets too long."""
    too_large = TooLarge(f"The link leads to more than {max_bytes:,} bytes.")
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if response.status != 200 or encoding not in ("identity", "gzip"):
        raise LinkFailed
    if (response.length or 0) > max_bytes:
        raise too_large
    stream = gzip.GzipFile(fileobj=response) if encoding == "gzip" else response
    content = BytesIO()
    while block := stream.read(_BLOCK):
        content.write(block)
        if content.tell() > max_bytes:
            raise too_large
    if response.length:  # what is missing of the length that the other server announced
        raise EOFError
    if not content.tell():
        raise LinkFailed("The other server sent nothing.")
    return content.getvalue()
