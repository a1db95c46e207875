"""No trick of addresses, names or redirects leads a link inside: real DNS, real servers, real ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from urllib.parse import quote

import pytest
import trustme

from tests.hostile.internet import PUBLIC
from tests.tools.running import REPOSITORY

IPV4, IPV6 = PUBLIC

#: What a name may lead to and a link must not, by what it is.
INSIDE = {
    "this host": "0.0.0.0", "this network": "0.1.2.3", "loopback": "127.0.0.1",
    "another loopback": "127.99.1.2", "private, 10": "10.0.0.1", "private, 172": "172.16.0.1",
    "the end of private, 172": "172.31.255.254", "private, 192": "192.168.0.1",
    "carriers' NAT": "100.64.0.1", "a cloud's metadata, in carriers' NAT": "100.100.100.200",
    "the end of carriers' NAT": "100.127.255.254", "metadata": "169.254.169.254",
    "ECS metadata": "169.254.170.2", "link-local": "169.254.1.1", "Azure's agent": "168.63.129.16",
    "protocol assignments": "192.0.0.8", "a cloud's metadata, in 192": "192.0.0.192",
    "documentation 1": "192.0.2.1", "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1", "6to4 relays": "192.88.99.1", "benchmarks": "198.18.0.1",
    "the end of benchmarks": "198.19.255.254", "multicast": "224.0.0.1", "SSDP": "239.255.255.250",
    "reserved": "240.0.0.1", "broadcast": "255.255.255.255",
    "v6 nothing": "::", "v6 loopback": "::1", "v4-compatible loopback": "::7f00:1",
    "v4-compatible public": "::5db8:d70e", "v4-mapped loopback": "::ffff:127.0.0.1",
    "v4-mapped metadata": "::ffff:169.254.169.254", "v4-mapped public": f"::ffff:{IPV4}",
    "v4-translated": "::ffff:0:7f00:1", "NAT64 of loopback": "64:ff9b::7f00:1",
    "NAT64 of metadata": "64:ff9b::a9fe:a9fe", "NAT64 of a public one": "64:ff9b::5db8:d70e",
    "local NAT64": "64:ff9b:1::7f00:1", "discard": "100::1", "Teredo": "2001:0:4136:e378::1",
    "ORCHID": "2001:20::1", "v6 benchmarks": "2001:2::1", "v6 documentation": "2001:db8::1",
    "new v6 documentation": "3fff::1", "6to4 of loopback": "2002:7f00:1::1",
    "6to4 of private": "2002:a00:1::1", "6to4 of a public one": "2002:5db8:d70e::1",
    "segment routing": "5f00::1", "unique local": "fc00::1", "metadata, v6": "fd00:ec2::254",
    "v6 link-local": "fe80::1", "site-local": "fec0::1", "v6 multicast": "ff02::1",
    "no unicast": "4000::1",
}  # fmt: skip

#: How an inside address may be written in a link.
SPELLINGS = [
    "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://0x7f.1/", "http://0x7f000001/",
    "http://0177.0.0.1/", "http://0177.1/", "http://2130706433/", "http://017700000001/",
    "http://127.0.0.1./", "http://127.00000.0.1/", "http://0/", "http://0.0/", "http://00000000/",
    "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://１２７.0.0.1/", "http://LOCALHOST/",
    "http://localhost./", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://0xa9fea9fe/", "http://2852039166/",
    "http://0251.0376.0251.0376/", "http://0xA9.0xFE.43518/", "http://169.254.43518/",
    "http://169.16689662/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/",
    "http://[0000::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/", "http://[64:ff9b::169.254.169.254]/", "http://[fe80::1%25lo]/",
    "http://[fe80::1%lo]/", "http://[v1.::1]/", "http://%31%32%37.0.0.1/", "http://127.0.0.1%00.a.test/",
    "http://127.0.0.1#@public.test/", "http://127.0.0.1?@public.test/", "http://127.0.0.1\\@public.test/",
    "http://public.test@127.0.0.1/", "http://public.test:80@127.0.0.1/", "http://public.test%40127.0.0.1/",
    "http://127.0.0.1:80/", "http://127.0.0.1:/", "http://127.0.0.1:00080/", "http://127.0.0.1:443/",
    "https://127.0.0.1/", "HTTP://127.0.0.1/", "http:/127.0.0.1/", "http:127.0.0.1", "http:////127.0.0.1/",
    "//127.0.0.1/", "\thttp://127.0.0.1/", "ht\ntp://127.0.0.1/", "http://127.0.\t0.1/",
    "http://127.0.0.1\r\nHost:public.test/", "http://public.test:22/", "http://public.test:8080/",
    "http://public.test:65536/", "http://user:word@public.test/", "ftp://public.test/",
    "file:///etc/passwd", "gopher://127.0.0.1:80/_GET", "dict://127.0.0.1:80/", "ldap://127.0.0.1/",
    "jar:http://127.0.0.1/!/", "unix:///var/run/docker.sock", "data:image/png;base64,AAAA",
    "javascript:alert(1)", "", "/", "public.test", "http://", "http:///", "http://.../", "http://-/",
]  # fmt: skip

#: Names with more to them than an address: the answers to the first and to later questions.
NAMES = {
    "public.test": [[IPV4]],
    "v6.public.test": [[IPV6]],
    "both.public.test": [[IPV4, IPV6]],
    "alias.public.test": [["CNAME public.test", IPV4]],
    "rebinding.test": [[IPV4], ["127.0.0.1"]],
    "rebinding-6.test": [[IPV6], ["::1"]],
    "rebound.test": [["169.254.169.254"], [IPV4]],
    "second-private.test": [[IPV4, "10.0.0.1"]],
    "first-private.test": [["10.0.0.1", IPV4]],
    "private-in-v6.test": [[IPV4, "fd00:ec2::254"]],
    "private-in-v4.test": [["192.168.0.1", IPV6]],
    "alias.test": [["CNAME metadata.test", "169.254.169.254"]],
    "metadata.google.internal": [["169.254.169.254"]],
    "127.0.0.1.nip.test": [["127.0.0.1"]],
    "xn--e1afmkfd.test": [["127.0.0.1"]],
    "localhost.test": [["127.0.0.1"]],
}
MIXED = [name for name in NAMES if "public" not in name and not name.startswith("rebinding")]

REDIRECTS = [
    "http://127.0.0.1/", "//127.0.0.1/", "https://127.0.0.1/", "http://0x7f.1/", "http://2130706433/",
    "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/metadata/instance",
    "http://metadata.google.internal/", "http://alias.test/", "http://second-private.test/",
    "http://first-private.test/", "http://user:word@public.test/", "http://public.test:22/",
    "http://public.test@127.0.0.1/", "file:///etc/passwd", "ftp://public.test/", "gopher://127.0.0.1/",
    "data:image/png;base64,AAAA", "javascript:alert(1)", "\\\\127.0.0.1\\", "http:\\\\127.0.0.1/",
    "/to/http://127.0.0.1/", "/to//to//to//to//x", "http://localhost/", "http://①②⑦.⓪.⓪.①/",
]  # fmt: skip

DOWNLOADS = [
    "http://public.test/x.png", "https://public.test/x.png", "http://v6.public.test/x.png",
    "https://both.public.test/x.png", "http://alias.public.test/x.png", "http://PUBLIC.test./x.png",
    "http://public.test:80/x.png", f"http://{IPV4}/x.png", f"http://[{IPV6}]/x.png",
    "http://public.test/to/https://v6.public.test/x.png", "http://public.test/to//x.png",
    "http://public.test/to//to//to//x.png",
]  # fmt: skip

type Outcome = tuple[str, dict[str, int], dict[str, int]]


def _name(what: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in what.lower()) + ".test"


ZONE = NAMES | {_name(what): [[address]] for what, address in INSIDE.items()}
LINKS = {
    "inside": [f"http://{_name(what)}/" for what in INSIDE],
    "spelled": SPELLINGS,
    "mixed": [f"http://{name}/" for name in MIXED],
    "redirected": [f"http://public.test/to/{quote(to, safe='/:')}" for to in REDIRECTS]
    + [f"http://public.test/to/http://{_name(what)}/" for what in INSIDE],
    "downloads": DOWNLOADS,
    "rebinding": ["http://rebinding.test/x.png", "http://rebinding-6.test/x.png"],
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What came of each link, which web servers it asked, and which names it looked up."""
    folder = tmp_path_factory.mktemp("internet")
    authority = trustme.CA()
    hosts = [name for name in NAMES if "public" in name]
    certificate = authority.issue_cert(*hosts, IPV4)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    links = [link for each in LINKS.values() for link in each]
    done = subprocess.run(
        [*_namespace(), f"INTERNET_FOLDER={folder}", f"SSL_CERT_FILE={folder / 'ca.pem'}",
         sys.executable, "-m", "tests.hostile.internet"],
        cwd=REPOSITORY,
        input=json.dumps({"zone": ZONE, "links": links, "certificate": str(folder / "server.pem")}),
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(links, map(tuple, json.loads(done.stdout)), strict=True))


def _namespace() -> list[str]:
    """The command that gives a program a network of its own, without privileges or by sudo."""
    for way in (["unshare", "-Urnm"], ["sudo", "-n", "unshare", "-nm"]):
        try:
            if (
                subprocess.run([*way, "ip", "link"], capture_output=True, check=False).returncode
                == 0
            ):
                return [*way, "env"]
        except FileNotFoundError:
            continue
    reason = "a network namespace is needed: Linux with `ip`, and user namespaces or sudo"
    return (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)(reason)


def test_there_are_more_than_two_hundred_different_tricks() -> None:
    refused = {
        link
        for kind, links in LINKS.items()
        if kind not in ("downloads", "rebinding")
        for link in links
    }
    assert len(refused) > 200


@pytest.mark.parametrize("link", LINKS["inside"] + LINKS["mixed"])
def test_a_name_that_leads_inside_is_forbidden_and_nobody_is_asked(
    outcomes: dict[str, Outcome], link: str
) -> None:
    assert outcomes[link][:2] == ("link_forbidden", {})


@pytest.mark.parametrize("link", SPELLINGS)
def test_no_spelling_of_an_address_gets_past_the_check(
    outcomes: dict[str, Outcome], link: str
) -> None:
    code, asked, _ = outcomes[link]
    # A few of them the resolver takes for names that nobody knows.
    assert code in ("link_forbidden", "link_failed")
    assert asked == {}


@pytest.mark.parametrize("link", LINKS["redirected"])
def test_no_redirect_leads_inside_and_nothing_of_it_is_told(
    outcomes: dict[str, Outcome], link: str
) -> None:
    code, asked, _ = outcomes[link]
    assert code in ("link_forbidden", "link_failed")
    assert set(asked) == {IPV4}


@pytest.mark.parametrize("link", DOWNLOADS)
def test_what_is_public_is_fetched_by_the_same_code(
    outcomes: dict[str, Outcome], link: str
) -> None:
    code, asked, _ = outcomes[link]
    assert code == "picture"
    assert set(asked) <= {IPV4, IPV6}


@pytest.mark.parametrize(
    ("link", "address"), list(zip(LINKS["rebinding"], (IPV4, IPV6), strict=True))
)
def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_connected_to(
    outcomes: dict[str, Outcome], link: str, address: str
) -> None:
    code, asked, looked_up = outcomes[link]
    assert (code, asked) == ("picture", {address: 1})
    assert set(looked_up.values()) == {1}
