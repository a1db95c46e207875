"""Nothing secret is in the repository: every tracked text is searched for the shapes that secrets have."""

import math
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.checks import ROOT

SHAPES = {
    "key of a storage account": re.compile(r"(?<![\w+/])[\w+/]{86}==(?![\w=])"),
    "connection string": re.compile(r"(?:AccountKey|SharedAccessKey)=[\w+/%]{16,}", re.IGNORECASE),
    "shared access signature": re.compile(r"[?&]sig=[\w%+/-]{32,}", re.IGNORECASE),
    "instrumentation key": re.compile(r"InstrumentationKey=[0-9a-f]{8}-", re.IGNORECASE),
    "secret of an Entra application": re.compile(r"(?<![\w~.-])[\w~.-]{3}8Q~[\w~.-]{31,34}"),
    "token of GitHub": re.compile(r"\bgh[pousr]_\w{36}|\bgithub_pat_\w{60,}"),
    "token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\n[\w+/]"),
}
#: A string in quotes of letters of both cases and digits in which nearly every character is another.
LITERAL = re.compile(r"""["'`=]([A-Za-z0-9+_~-]{32,})=*["'`\s]""")
ENTROPY = 4.6
#: Pinned hashes, outputs of a run in base64, weights: long, random and public.
PUBLIC = re.compile(r"requirements.*\.txt|.*package-lock\.json|.*\.ipynb|model_store/models/.*")
#: The account of Azurite, the same on every machine and in Microsoft's documentation.
AZURITE = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq"

PLANTED = {
    "key of a storage account": "k" * 40 + "Ab1+/" * 9 + "x" + "==",
    "connection string": "AccountName=a;Account" + "Key=" + "a1B2" * 8,
    "shared access signature": "https://a.blob.core.windows.net/c?sv=1&si" + "g=" + "aB1%2F" * 8,
    "instrumentation key": "Instrumentation" + "Key=00000000-0000-0000-0000-000000000000",
    "secret of an Entra application": "abc8" + "Q~" + "d" * 34,
    "token of GitHub": "gh" + "p_" + "a" * 36,
    "token": "eyJ" + "hbGciOiJIUzI1" + ".eyJ" + "zdWIiOiIxMjM0" + ".abcdefghijkl",
    "private key": "-----BEGIN " + "PRIVATE KEY-----\nMII",
    "random literal": '"' + "q7Rz2Lw9Xk4Tn8Vb3Yp6" + "Hc1Jd5Gs0Mf7Q" + '"',
}


def test_no_tracked_file_has_a_secret():
    files = _tracked()
    assert len(files) > 150
    assert [f"{file}: {what}" for file in files for what in _found(file)] == []


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_secret_is_found(what):
    assert what in set(_secrets(f"first line\nvalue {PLANTED[what]}\nlast line\n"))


def test_every_shape_has_been_planted():
    assert set(PLANTED) == {*SHAPES, "random literal"}


def _found(file: Path) -> Iterator[str]:
    if PUBLIC.fullmatch(file.as_posix()):
        return
    try:
        text = (ROOT / file).read_text("utf-8")
    except UnicodeDecodeError:
        return  # a picture or an archive
    yield from _secrets(text)


def _secrets(text: str) -> Iterator[str]:
    text = text.replace(AZURITE, "")
    yield from (what for what, shape in SHAPES.items() if shape.search(text))
    if any(_random(match[1]) for match in LITERAL.finditer(text)):
        yield "random literal"


def _random(text: str) -> bool:
    """Whether it looks drawn by chance: Shannon's entropy of its characters, in bits."""
    kinds = (str.islower, str.isupper, str.isdigit)
    if not all(any(map(kind, text)) for kind in kinds):
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) > ENTROPY


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)(
            "this is no checkout, so nobody knows what is tracked"
        )
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
