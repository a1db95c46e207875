"""Fetching, by kagglehub itself from a server on this machine that answers as Kaggle does."""

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.training.conftest import Python, draw_folders
from training.__main__ import main
from training.data import DataError, read_dataset
from training.data.fetching import fetch

TOKEN = "a token"


class Kaggle(BaseHTTPRequestHandler):
    """The two calls that kagglehub makes for a data set; who has another token is refused."""

    archive = b""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(401, "application/json", b'{"code": 401, "message": "Unauthorized"}')
        elif self.path.endswith("DatasetApiService/GetDataset"):
            assert asked["ownerSlug"] == "jtiptj"
            assert asked["datasetSlug"] == "chest-xray-pneumoniacovid19tuberculosis"
            self._answer(200, "application/json", b'{"currentVersionNumber": 1}')
        else:
            assert self.path.endswith("DatasetApiService/DownloadDataset")
            self._answer(200, "application/zip", self.archive)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def kaggle(tmp_path: Path) -> Iterator[int]:
    """The port of a server that answers in Kaggle's place, with drawn images."""
    root = draw_folders(tmp_path / "drawn", {"train": 2, "val": 1, "test": 1})
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in root.rglob("*.png"):
            archive.write(file, Path("inside") / file.relative_to(root))
    Kaggle.archive = content.getvalue()
    with ThreadingHTTPServer(("127.0.0.1", 0), Kaggle) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def settings(home: Path, token: str, port: int = 9) -> dict[str, object]:
    """Of a user who has no file of Kaggle's at home; whatever is asked goes to that port.

    kagglehub's test environment has a fixed port, which may be taken, so the server is its proxy. At
    port 9 nobody listens.
    """
    return {
        "HOME": home,
        "KAGGLEHUB_CACHE": home / "cache",
        "KAGGLE_API_ENVIRONMENT": "TEST",
        "KAGGLE_API_TOKEN": token,
        "KAGGLE_USERNAME": "",
        "KAGGLE_KEY": "",
        "KAGGLE_CONFIG_DIR": home,
        "http_proxy": f"http://127.0.0.1:{port}",
        "no_proxy": "",
        "NO_PROXY": "",
    }


def test_the_set_is_fetched_into_a_folder_that_is_read_as_it_is(
    tmp_path: Path, python: Python, kaggle: int
) -> None:
    to = tmp_path / "mine" / "kaggle"
    known = settings(tmp_path, TOKEN, kaggle)
    done = python("-m", "training", "data", "fetch", "--to", to, **known)
    assert done.returncode == 0, done.stderr
    assert f"16 images are in {to}. Next: python -m training data check {to}" in done.stdout
    examples = read_dataset(to)
    assert len(examples) == 16
    assert {each.source for each in examples} == {"kaggle"}
    assert to / "train" / "TURBERCULOSIS" / "1.png" in {each.path for each in examples}


def test_a_token_that_kaggle_refuses_is_said_with_where_to_get_one(
    tmp_path: Path, python: Python, kaggle: int
) -> None:
    known = settings(tmp_path, "another", kaggle)
    done = python("-m", "training", "data", "fetch", "--to", "x", **known)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "training data: Kaggle refused your API token; make one at https://www.kaggle.com/settings"
    )
    assert "Traceback" not in done.stderr


def test_without_a_token_one_sentence_says_where_to_get_one(tmp_path: Path, python: Python) -> None:
    done = python("-m", "training", "data", "fetch", "--to", "x", **settings(tmp_path, ""))
    assert done.returncode == 2
    assert done.stderr == (
        "training data: Kaggle asks for your API token; make one at "
        "https://www.kaggle.com/settings/api and put it into the environment variable "
        "KAGGLE_API_TOKEN or the file ~/.kaggle/access_token.\n"
    )


def test_a_kaggle_that_cannot_be_reached_is_said(tmp_path: Path, python: Python) -> None:
    done = python("-m", "training", "data", "fetch", "--to", "x", **settings(tmp_path, TOKEN))
    assert done.returncode == 2
    assert "training data: Kaggle could not be reached; try again" in done.stderr


def test_without_kagglehub_one_sentence_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # as if it were not installed
    assert main(["data", "fetch", "--to", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err == (
        "training data: kagglehub is missing; install it: pip install kagglehub\n"
    )


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty; name a folder that does not exist yet"):
        fetch(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
