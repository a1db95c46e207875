"""What the host writes tells nothing of a patient, a caller or a key."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import drawing
from tests.app.asking import Client, in_json
from tests.app.conftest import CopyApp
from tests.tools.running import REPOSITORY, StartHost

CHEST = drawing.draw_chest(300, 260, seed=9)
JPEG = drawing.encode_jpeg(CHEST)
#: In every place where a request can hold something that is nobody's business.
NAME = "Lovelace"
TAGS = {
    "PatientName": f"{NAME}^Ada",
    "PatientID": NAME,
    "PatientAddress": NAME,
    "AccessionNumber": NAME,
}
ODD_TAGS: list[dict[str, Any]] = [
    {"ViewPosition": NAME},
    {"PatientAge": NAME},
    {"PatientBirthDate": NAME},
    {"PhotometricInterpretation": NAME.upper()},
]


def ask_everything(client: Client) -> list[int]:
    """Requests of every kind with NAME in them; the statuses of their answers."""
    code = {"code": f"{NAME}-key"}
    headers = {"User-Agent": NAME, "Cookie": f"a={NAME}", "Referer": f"https://{NAME}.example/"}

    def ask(body: bytes | None = None, **options: Any) -> int:
        options["params"] = code | options.get("params", {})
        options["headers"] = headers | options.get("headers", {})
        return client.predict(body, **options).status_code

    def dicom(**elements: Any) -> bytes:
        return drawing.encode_dicom(CHEST, **TAGS, **elements)

    blank = drawing.encode_png(np.zeros((200, 200), np.uint8))
    statuses = [
        ask(JPEG),
        ask(files={"image": (f"{NAME}.jpg", JPEG)}),
        ask(files={"image": (f"{NAME}.jpg", JPEG[:3000])}),
        ask(files={"image": (f"{NAME}.jpg", blank)}),
        ask(files={NAME: (f"{NAME}.jpg", JPEG)}),
        ask(json=in_json(JPEG)),
        ask(json=in_json(JPEG) | {NAME: NAME}),
        ask(json={"image": f"{NAME}, not base64"}),
        ask(f'{{"{NAME}": '.encode(), headers={"Content-Type": "application/json"}),
        ask(NAME.encode(), headers={"Content-Type": f"text/{NAME}"}),
        ask(NAME.encode(), headers={"Content-Type": f"multipart/form-data; boundary={NAME}"}),
        ask(JPEG, params={"size": NAME, NAME: NAME, "explain": NAME}),
        ask(dicom()),
        ask(dicom()[:-5000]),
        *(ask(dicom(**odd)) for odd in ODD_TAGS),
        ask(json={"image_url": f"http://127.0.0.1/{NAME}.png?{NAME}={NAME}"}),
        ask(json={"image_url": f"ftp://{NAME}.example/{NAME}.png"}),
        ask(json={"image_url": f"https://{NAME}.invalid/{NAME}.png"}),
        ask(JPEG, params={"code": NAME}),
    ]
    paths = [f"/{NAME}", f"/api/model/{NAME}?{NAME}={NAME}", f"/?{NAME}={NAME}", "/api/model"]
    return statuses + [client.get(path, headers=headers).status_code for path in paths]


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_logs_hold_no_name_query_base64_tag_link_or_key(start_host: StartHost) -> None:
    host = start_host(REPOSITORY, "--enable-auth", "--key", f"{NAME}-key")
    statuses = ask_everything(Client(host))
    assert set(statuses) >= {200, 400, 401, 403, 404, 415, 422}
    assert host.stop() == 0
    assert host.process.stdout is not None
    written = host.banner + host.process.stdout.read() + host.log()
    # Each request in turn, but the last predict, whose key is wrong, and what was no predict at all.
    assert [line["status"] for line in host.events("predict")] == statuses[:-5]
    assert NAME.lower() not in written.lower()
    assert base64.b64encode(JPEG).decode()[100:124] not in written
    assert "Traceback" not in written


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_neither_does_the_trace_of_a_defect(start_host: StartHost, copy_app: CopyApp) -> None:
    app: Path = copy_app()
    (app / "inference" / "dicom.py").write_text("def decode(:\n")
    host = start_host(app, "--enable-auth", "--key", f"{NAME}-key")
    assert 500 in ask_everything(Client(host))
    assert "Traceback" in host.log()
    assert NAME.lower() not in host.log().lower()
