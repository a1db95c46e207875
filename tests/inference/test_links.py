"""Links are followed to the public internet and nowhere else; the servers here are real ones."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from inference.errors import LinkFailed, LinkForbidden, LinkTimeout, TooLarge
from inference.links import INTERNET, Policy, fetch, is_public, look_up
from inference.settings import Settings
from tests.waiting import until

PNG = b"\x89PNG\r\n\x1a\n" + bytes(1000)
LIMIT = 100_000


class TestPublicAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "8.8.8.8",
            "1.1.1.1",
            "20.60.0.1",
            "100.63.255.255",
            "100.128.0.0",
            "168.63.129.15",
            "172.15.255.255",
            "172.32.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a01:111::1",
        ],
    )
    def test_are_those_of_the_internet(self, address):
        assert is_public(address)

    @pytest.mark.parametrize(
        "address",
        [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",  # shared by carriers
            "100.100.100.200",  # a cloud's metadata service in the carriers' range
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",  # Azure's agent
            "169.254.169.254",  # metadata services
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.9",
            "192.0.0.192",  # a cloud's metadata service
            "192.0.2.1",  # documentation
            "192.88.99.1",  # 6to4 relays
            "192.168.0.1",
            "198.18.0.1",  # benchmarking
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",  # multicast
            "233.252.0.1",
            "239.255.255.250",
            "240.0.0.1",  # reserved
            "255.255.255.255",
            "::",
            "::1",
            "::8.8.8.8",  # IPv4-compatible
            "::127.0.0.1",
            "::ffff:127.0.0.1",  # IPv4-mapped
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",  # IPv4-translated
            "64:ff9b::a9fe:a9fe",  # NAT64
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::1",
            "100::1",  # discard
            "2001::1",  # Teredo
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:10::1",  # ORCHID
            "2001:20::1",
            "2001:db8::1",  # documentation
            "3fff::1",
            "2002:7f00:1::1",  # 6to4
            "2002:808:808::1",
            "5f00::1",  # segment routing
            "fc00::1",  # unique local
            "fd00:ec2::254",  # a cloud's metadata service
            "fe80::1",  # link-local
            "fe80::1%eth0",
            "fec0::1",  # site-local
            "ff02::1",  # multicast
        ],
    )
    def test_are_none_of_the_others(self, address):
        assert not is_public(address)


class TestForbiddenLinks:
    """Refused by the policy of the internet, before a byte is sent to anyone."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/",
            "https://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://0/",
            "http://127.0.0.1./",
            "http://①②⑦.⓪.⓪.①/",
            "http://127。0。0。1/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://169.254.169.254/metadata/instance",
            "http://0xa9.254.0xa9fe/",
            "http://168.63.129.16/machine",
            "http://10.0.0.1/",
            "http://100.64.0.1/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[fe80::1%25lo]/",
            "http://127.0.0.1#@8.8.8.8/",
            "http://127.0.0.1?@8.8.8.8/",
            "\thttp://127.0.0.1/",
            "http:\n//127.0.0.1/",
        ],
    )
    def test_lead_to_an_address_that_is_not_public_however_it_is_spelled(self, url):
        with pytest.raises(LinkForbidden):
            fetch(url, allowed_hosts=(), max_bytes=LIMIT)

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("", "Only complete http and https links"),
            ("example.org/x.png", "Only complete http and https links"),
            ("//example.org/x.png", "Only complete http and https links"),
            ("http:///x.png", "Only complete http and https links"),
            ("http:example.org", "Only complete http and https links"),
            ("ftp://example.org/x.png", "Only complete http and https links"),
            ("file:///etc/passwd", "Only complete http and https links"),
            ("gopher://example.org/", "Only complete http and https links"),
            ("javascript:alert(1)", "Only complete http and https links"),
            ("data:image/png;base64,AAAA", "Only complete http and https links"),
            ("http://exa mple.org/", "Only complete http and https links"),
            ("http://127.0.0.1\\.example.org/", "Only complete http and https links"),
            ("http://127.0.0.1%2f.example.org/", "Only complete http and https links"),
            ("http://user@example.org/", "user name or a password"),
            ("http://user:secret@example.org/", "user name or a password"),
            ("http://@example.org/", "user name or a password"),
            ("http://example.org\\@127.0.0.1/", "user name or a password"),
            ("http://example.org:8080/", "another port"),
            ("http://example.org:22/", "another port"),
            ("http://example.org:0/", "another port"),
            ("http://example.org:65536/", "no valid URL"),
            ("http://example.org:x/", "no valid URL"),
            ("http://[::1/", "no valid URL"),
            ("http://[example.org]/", "no valid URL"),
            (f"http://{'a' * 64}.org/", "no valid URL"),
            ("http://a..b/", "no valid URL"),
        ],
    )
    def test_are_no_plain_http_links(self, url, said):
        with pytest.raises(LinkForbidden, match=said):
            fetch(url, allowed_hosts=(), max_bytes=LIMIT)

    @pytest.mark.parametrize(
        "addresses", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700:4700::1111", "::1"]]
    )
    def test_lead_to_a_host_with_even_one_address_that_is_not_public(self, addresses):
        policy = Policy(look_up=lambda host, port: addresses)
        with pytest.raises(LinkForbidden, match="not public"):
            fetch("http://example.org/", allowed_hosts=(), max_bytes=LIMIT, policy=policy)

    @pytest.mark.parametrize(
        "url",
        [
            "https://example.org/",
            "https://images.example.org.evil.test/",
            "https://xn--images-.example.org/",
            "https://sub.images.example.org/",
        ],
    )
    def test_lead_to_a_host_that_is_not_allowed(self, url):
        with pytest.raises(LinkForbidden, match="this host"):
            fetch(url, allowed_hosts=("images.example.org",), max_bytes=LIMIT)

    @pytest.mark.parametrize(
        ("url", "detail"),
        [
            ("http://[::1/", "The link is no valid URL."),
            ("ftp://example.org/", "Only complete http and https links are followed."),
            (
                "http://user@example.org/",
                "A link with a user name or a password in it is not followed.",
            ),
            (
                "http://example.org:22/",
                "Links to another port than 80 and 443 are not followed.",
            ),
            ("http://other.example/", "Links to this host are not followed."),
            ("http://example.org/", "The link leads to an address that is not public."),
        ],
    )
    def test_are_told_why_in_a_sentence(self, url, detail):
        policy = Policy(look_up=lambda host, port: ["10.0.0.1"])
        with pytest.raises(LinkForbidden) as caught:
            fetch(url, allowed_hosts=("example.org",), max_bytes=LIMIT, policy=policy)
        assert caught.value.detail == detail


@pytest.mark.parametrize("setting", ["Bücher.example", "xn--bcher-kva.example", "BÜCHER.example."])
@pytest.mark.parametrize(
    "host", ["bücher.example", "XN--bcher-kva.example.", "bu\u0308cher.example"]
)
def test_a_host_that_the_setting_allows_is_asked_however_it_is_written(setting, host):
    asked = []

    def note(host: str, port: int) -> list[str]:
        asked.append(host)
        return []

    hosts = Settings.from_environment({"LINK_HOSTS": setting}).link_hosts
    with pytest.raises(LinkFailed):
        fetch(f"https://{host}/", allowed_hosts=hosts, max_bytes=LIMIT, policy=Policy(look_up=note))
    assert asked == ["xn--bcher-kva.example"]


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443), ("HTTPS", 443)])
def test_a_link_without_a_port_goes_to_that_of_its_scheme(scheme, port):
    asked = []

    def note(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["10.0.0.1"]

    with pytest.raises(LinkForbidden):
        fetch(
            f"{scheme}://example.org/",
            allowed_hosts=(),
            max_bytes=LIMIT,
            policy=Policy(look_up=note),
        )
    assert asked == [("example.org", port)]


def test_the_system_is_asked_for_each_address_once():
    assert look_up("127.0.0.1", 80) == ["127.0.0.1"]
    assert look_up("::1", 443) == ["::1"]


class Handler(BaseHTTPRequestHandler):
    """Answers as the test says and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    answers: dict[str, Callable[["Handler"], None]]
    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self):
        self.asked.append((self.path, {name.lower(): text for name, text in self.headers.items()}))
        self.close_connection = True
        self.answers[self.path](self)

    def send(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.drip(body)

    def drip(self, *pieces: bytes, pause: float = 0) -> None:
        """Write the pieces until the other side has had enough."""
        try:
            for piece in pieces:
                self.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


class Server:
    """A web server on the loopback address; `policy` knows it as `host` and leads nowhere else."""

    host = "images.example.test"

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Callable[[Handler], None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.looked_up: list[str] = []
        handler = type("Handler", (Handler,), {"answers": self.answers, "asked": self.asked})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def look_up(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        return ["127.0.0.1"] if host == self.host else [host]

    @property
    def policy(self) -> Policy:
        return Policy(
            ports=(self.port,),
            allows=lambda address: address == "127.0.0.1",
            look_up=self.look_up,
            total_seconds=60,
        )

    def get(self, path: str, **changes: object) -> bytes:
        return fetch(
            f"http://{self.host}:{self.port}{path}",
            allowed_hosts=(),
            max_bytes=LIMIT,
            policy=replace(self.policy, **changes),
        )


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


class TestFollowedLinks:
    def test_bring_the_bytes(self, server):
        server.answers["/x.png"] = lambda answer: answer.send(PNG, Content_Length=str(len(PNG)))
        assert server.get("/x.png") == PNG

    def test_may_have_no_path(self, server):
        server.answers["/"] = server.answers["/?q=1"] = lambda answer: answer.send(PNG)
        assert server.get("") == server.get("?q=1") == PNG

    def test_say_who_asks_and_nothing_more(self, server, monkeypatch, tmp_path):
        (tmp_path / ".netrc").write_text(f"machine {server.host} login me password secret")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        server.answers["/x.png"] = lambda answer: answer.send(PNG, Set_Cookie="a=b")
        server.get("/x.png")
        server.get("/x.png")
        headers = {
            "accept": "image/*, application/dicom, application/octet-stream;q=0.9",
            "accept-encoding": "identity",
            "connection": "close",
            "host": f"{server.host}:{server.port}",
            "user-agent": "chest-xray-classifier",
        }
        assert server.asked == [("/x.png", headers), ("/x.png", headers)]

    def test_look_a_host_up_once_and_connect_to_what_was_checked(self, server):
        answers = iter([["127.0.0.1"], ["10.0.0.1"]])
        server.answers["/x.png"] = lambda answer: answer.send(PNG)
        assert server.get("/x.png", look_up=lambda host, port: next(answers)) == PNG

    def test_try_the_next_address_where_one_does_not_answer(self, server):
        server.answers["/x.png"] = lambda answer: answer.send(PNG)
        addresses = ["127.0.0.2", "127.0.0.1"]
        policy = {"look_up": lambda host, port: addresses, "allows": addresses.__contains__}
        assert server.get("/x.png", **policy) == PNG

    def test_may_have_spaces_and_letters_of_any_language(self, server):
        server.answers["/%C3%A4%20b.png?q=%E2%82%AC&r=%20"] = lambda answer: answer.send(PNG)
        assert server.get("/ä b.png?q=€&r=%20#part") == PNG

    def test_cannot_smuggle_a_header(self, server):
        server.answers["/%0D%0AX:%20y"] = lambda answer: answer.send(PNG)
        server.answers["/X:%20y"] = lambda answer: answer.send(PNG)
        assert server.get("/%0D%0AX:%20y") == PNG
        assert server.get("/\r\nX: y") == PNG
        assert all("x" not in headers for _, headers in server.asked)

    def test_are_unzipped(self, server):
        zipped = gzip.compress(PNG)
        server.answers["/x.png"] = lambda answer: answer.send(zipped, Content_Encoding="gzip")
        assert server.get("/x.png") == PNG

    def test_are_put_together_from_chunks(self, server):
        chunks = b"8\r\n" + PNG[:8] + b"\r\n3e8\r\n" + PNG[8:] + b"\r\n0\r\n\r\n"
        server.answers["/x"] = lambda answer: answer.send(chunks, Transfer_Encoding="chunked")
        assert server.get("/x") == PNG

    def test_may_have_as_many_bytes_as_the_limit_and_no_more(self, server):
        server.answers["/most"] = lambda answer: answer.send(b"x" * LIMIT)
        server.answers["/more"] = lambda answer: answer.send(b"x" * (LIMIT + 1))
        server.answers["/announced"] = lambda answer: answer.send(
            b"x" * LIMIT, Content_Length=str(LIMIT)
        )
        assert server.get("/most") == server.get("/announced") == b"x" * LIMIT
        with pytest.raises(TooLarge, match="more than 100,000 bytes"):
            server.get("/more")

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_may_redirect(self, server, status):
        server.answers["/a/x"] = lambda answer: answer.send(status=status, Location="../b/x.png")
        server.answers["/b/x.png"] = lambda answer: answer.send(PNG)
        assert server.get("/a/x") == PNG

    def test_may_redirect_three_times_and_no_more(self, server):
        for step in range(4):
            target = f"/{step + 1}"
            server.answers[f"/{step}"] = lambda answer, target=target: answer.send(
                status=302, Location=target
            )
        server.answers["/4"] = lambda answer: answer.send(PNG)
        assert server.get("/1") == PNG
        with pytest.raises(LinkForbidden, match="more than 3 times"):
            server.get("/0")

    def test_may_not_redirect_in_a_circle(self, server):
        server.answers["/x"] = lambda answer: answer.send(status=302, Location="/x")
        with pytest.raises(LinkForbidden, match="more than 3 times"):
            server.get("/x")
        assert len(server.asked) == 4

    @pytest.mark.parametrize(
        "location",
        [
            "http://169.254.169.254/metadata/instance",
            "http://127.0.0.1/",
            "//10.0.0.1/",
            "http://user:secret@images.example.test/",
            "file:///etc/passwd",
            "gopher://images.example.test/",
        ],
    )
    def test_may_not_redirect_to_where_no_link_may_lead(self, server, location):
        server.answers["/x"] = lambda answer: answer.send(status=302, Location=location)
        with pytest.raises(LinkForbidden):
            server.get("/x")

    def test_may_not_redirect_on_an_allowed_port_to_a_private_address(self, server):
        location = f"http://10.0.0.1:{server.port}/"
        server.answers["/x"] = lambda answer: answer.send(status=302, Location=location)
        with pytest.raises(LinkForbidden, match="not public"):
            server.get("/x")
        assert server.looked_up == [server.host, "10.0.0.1"]

    def test_may_not_redirect_from_an_allowed_host_to_another(self, server):
        location = f"http://other.example.test:{server.port}/"
        server.answers["/x"] = lambda answer: answer.send(status=302, Location=location)
        with pytest.raises(LinkForbidden, match="this host"):
            fetch(
                f"http://{server.host}:{server.port}/x",
                allowed_hosts=(server.host,),
                max_bytes=LIMIT,
                policy=server.policy,
            )
        assert server.looked_up == [server.host]


SECRET = b"what the other server said"


class TestHostileServers:
    @pytest.mark.parametrize(
        "answer",
        [
            lambda answer: answer.send(SECRET, status=404),
            lambda answer: answer.send(SECRET, status=500),
            lambda answer: answer.send(SECRET, status=206),
            lambda answer: answer.send(status=204),
            lambda answer: answer.send(status=304),
            lambda answer: answer.send(status=302),
            lambda answer: answer.send(status=302, Location="http://[::1"),
            lambda answer: answer.send(b""),
            lambda answer: answer.send(SECRET, Content_Length="1000"),
            lambda answer: answer.send(SECRET, Transfer_Encoding="chunked"),
            lambda answer: answer.send(b"5\r\nwhat", Transfer_Encoding="chunked"),
            lambda answer: answer.send(b"-5\r\nwhat", Transfer_Encoding="chunked"),
            lambda answer: answer.send(b"5" * 100_000, Transfer_Encoding="chunked"),
            lambda answer: answer.send(SECRET, Content_Encoding="gzip"),
            lambda answer: answer.send(gzip.compress(PNG)[:-9], Content_Encoding="gzip"),
            lambda answer: answer.send(SECRET, Content_Encoding="gzip, gzip"),
            lambda answer: answer.send(SECRET, Content_Encoding="br"),
            lambda answer: answer.send(**{f"X-{number}": "y" for number in range(200)}),
            lambda answer: answer.drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000),
            lambda answer: answer.drip(SECRET + b"\r\n"),
            lambda answer: answer.drip(b"\xff\x00\r\n\r\n"),
            lambda answer: answer.drip(b"HTTP/1.1 999999 OK\r\n\r\n"),
            lambda answer: answer.drip(b""),
        ],
    )
    def test_that_answer_nonsense_fail_and_are_not_quoted(self, server, answer):
        server.answers["/x"] = answer
        with pytest.raises(LinkFailed) as caught:
            server.get("/x")
        assert "said" not in caught.value.detail + caught.value.log
        assert "example.test" not in caught.value.detail + caught.value.log

    def test_that_are_not_there_fail(self, server):
        server.close()
        with pytest.raises(LinkFailed, match="could not be reached"):
            server.get("/x")

    def test_that_nobody_knows_fail(self, server):
        with pytest.raises(LinkFailed) as caught:
            server.get("/x", look_up=unknown_host)
        assert caught.value.detail == (
            "The other server could not be reached, or its answer could not be read."
        )
        assert caught.value.log == "link failed: gaierror"

    def test_that_have_no_address_fail(self, server):
        with pytest.raises(LinkFailed) as caught:
            server.get("/x", look_up=lambda host, port: [])
        assert caught.value.log == "link failed: OSError"

    def test_that_send_no_image_fail_with_a_sentence(self, server):
        server.answers["/gone"] = lambda answer: answer.send(status=410)
        server.answers["/nothing"] = lambda answer: answer.send(Content_Length="0")
        with pytest.raises(LinkFailed) as gone:
            server.get("/gone")
        with pytest.raises(LinkFailed) as nothing:
            server.get("/nothing")
        assert gone.value.detail == "The other server did not answer with an image."
        assert nothing.value.detail == "The other server sent nothing."

    def test_that_never_end_are_cut_off_at_the_limit(self, server):
        def endless(answer: Handler) -> None:
            answer.send()
            answer.drip(*[b"x" * 10_000] * 10_000)

        server.answers["/x"] = endless
        with pytest.raises(TooLarge):
            server.get("/x")

    def test_that_announce_too_much_are_not_read(self, server):
        server.answers["/x"] = lambda answer: answer.send(Content_Length=str(LIMIT + 1))
        with pytest.raises(TooLarge):
            server.get("/x")

    def test_that_send_a_gzip_bomb_are_cut_off_at_the_limit(self, server):
        bomb = gzip.compress(bytes(50_000_000))
        assert len(bomb) < LIMIT
        server.answers["/x"] = lambda answer: answer.send(bomb, Content_Encoding="gzip")
        with pytest.raises(TooLarge):
            server.get("/x")

    @pytest.mark.parametrize(
        "first",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nX: ",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ],
        ids=["status line", "header", "body", "body of a length", "chunk"],
    )
    def test_that_drip_are_given_up_when_the_time_is_over(self, server, first):
        server.answers["/x"] = lambda answer: answer.drip(first, *[b"1"] * 600, pause=0.05)
        begin = time.monotonic()
        with pytest.raises(LinkTimeout, match="in time"):
            server.get("/x", total_seconds=0.5)
        assert time.monotonic() - begin < 20

    def test_that_say_nothing_are_given_up_when_the_time_is_over(self, server):
        server.answers["/x"] = lambda answer: time.sleep(30)
        with pytest.raises(LinkTimeout):
            server.get("/x", total_seconds=0.3)

    def test_that_redirect_slowly_are_given_up_when_the_time_is_over(self, server):
        def slow(answer: Handler) -> None:
            time.sleep(0.3)
            answer.send(status=302, Location="/x")

        server.answers["/x"] = slow
        with pytest.raises(LinkTimeout):
            server.get("/x", total_seconds=0.5, redirects=100)

    def test_whose_name_is_looked_up_slowly_are_given_up_when_the_time_is_over(self, server):
        go_on = threading.Event()

        def slow(host: str, port: int) -> list[str]:
            go_on.wait(60)
            return ["127.0.0.1"]

        with pytest.raises(LinkTimeout) as caught:
            server.get("/x", look_up=slow, total_seconds=0.2)
        assert caught.value.detail == "The other server did not answer in time."
        # What cannot be interrupted must not keep the process from ending.
        assert {each.daemon for each in fetching()} == {True}
        go_on.set()
        until(lambda: not fetching())
        assert server.asked == []

    def test_that_let_nobody_in_are_given_up_when_the_time_to_connect_is_over(self, server):
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            policy = replace(server.policy, ports=(port,), connect_seconds=0.3)
            url = f"http://{server.host}:{port}/"
            begin = time.monotonic()
            with pytest.raises(LinkTimeout):
                fetch(url, allowed_hosts=(), max_bytes=LIMIT, policy=policy)
            assert time.monotonic() - begin < policy.total_seconds
            for each in waiting:
                each.close()


def fetching() -> list[threading.Thread]:
    """The threads of fetches that go on."""
    return [thread for thread in threading.enumerate() if thread.name == "link"]


def unknown_host(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_after_a_fetch_no_connection_and_no_thread_is_left(server):
    server.answers["/x.png"] = lambda answer: answer.send(PNG)
    server.answers["/drip"] = lambda answer: answer.drip(*[b"1"] * 6000, pause=0.05)
    server.get("/x.png")
    with pytest.raises(LinkTimeout):
        server.get("/drip", total_seconds=0.2)
    until(lambda: not fetching())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for the server's host, for those who know it."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(Server.host).configure_cert(context)
    server = Server(context)
    server.answers["/x.png"] = lambda answer: answer.send(PNG)
    yield server
    server.close()


class TestTls:
    def get(self, server: Server, host: str, ca_file: str | None) -> bytes:
        policy = replace(server.policy, ca_file=ca_file, look_up=lambda host, port: ["127.0.0.1"])
        url = f"https://{host}:{server.port}/x.png"
        return fetch(url, allowed_hosts=(), max_bytes=LIMIT, policy=policy)

    def test_is_spoken_with_the_host_of_the_link(self, tls_server, ca_file):
        assert self.get(tls_server, Server.host, ca_file) == PNG

    def test_is_refused_for_a_host_that_the_certificate_does_not_name(self, tls_server, ca_file):
        with pytest.raises(LinkFailed):
            self.get(tls_server, "other.example.test", ca_file)
        with pytest.raises(LinkFailed):
            self.get(tls_server, "127.0.0.1", ca_file)
        assert tls_server.asked == []

    def test_is_refused_with_a_certificate_that_nobody_vouches_for(self, tls_server):
        with pytest.raises(LinkFailed):
            self.get(tls_server, Server.host, None)
        assert tls_server.asked == []

    def test_that_never_comes_about_is_given_up_when_the_time_is_over(self, server):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            policy = replace(server.policy, ports=(port,), total_seconds=0.3)
            url = f"https://{server.host}:{port}/"
            with pytest.raises(LinkTimeout):
                fetch(url, allowed_hosts=(), max_bytes=LIMIT, policy=policy)


def test_the_internet_may_be_asked_for_ten_seconds_on_its_two_ports():
    assert INTERNET.ports == (80, 443)
    assert INTERNET.allows is is_public
    assert (INTERNET.connect_seconds, INTERNET.total_seconds, INTERNET.redirects) == (5, 10, 3)
