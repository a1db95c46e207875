"""The service opens its model once, at the first prediction, and says how it is."""

import base64
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from inference.course import Course
from inference.errors import BadRequest, NoImage
from inference.reading import Options
from inference.service import Service
from inference.settings import Settings
from tests.drawing import draw_chest, encode_dicom, encode_jpeg, encode_png, encode_tiff
from tests.tools.running import events
from tests.waiting import until

ROOT = Path(__file__).parents[2]
JPEG = encode_jpeg(draw_chest(300, 250))
STARTING = {"status": "starting", "model": None, "reason": None, "revision": None}


def run(program: str, folder: Path) -> list:
    """Run a program in a fresh interpreter that imports from `folder`; the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        input=JPEG,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


IMPORTS = """
import json, sys
import azure.functions as func
import function_app

HEAVY = ["numpy", "cv2", "PIL", "pydicom", "ai_edge_litert", "keras", "tensorflow",
         "azure.core", "azure.storage", "azure.identity", "msal"]
loaded = lambda: [name for name in HEAVY if name in sys.modules]
functions = {each.get_function_name(): each.get_user_function() for each in
             function_app.app.get_functions()}

class Context:
    invocation_id = "1"

def ask(name, method="GET", body=b""):
    request = func.HttpRequest(
        method, "http://localhost/", headers={"content-type": "image/jpeg"}, body=body
    )
    return functions[name](request, Context()).status_code

seen = {"import": loaded()}
answers = [ask("page"), ask("health"), ask("openapi_document")]
seen["page, health, openapi"] = loaded()
answers.append(ask("predict", "POST", sys.stdin.buffer.read()))
seen["predict"] = loaded()
print(json.dumps([answers, seen]))
"""


def test_nothing_heavy_is_imported_before_the_first_prediction_and_tensorflow_and_azure_never():
    answers, seen = run(IMPORTS, ROOT)
    assert answers == [200, 200, 200, 200]
    assert seen == {
        "import": [],
        "page, health, openapi": [],
        "predict": ["numpy", "cv2", "PIL", "ai_edge_litert"],
    }


# Health


def version_of(service: Service) -> str:
    return service.predict(JPEG, Options(explain="none"), "1").model.manifest.version


def test_a_service_is_starting_until_the_first_prediction_and_then_ready(bundled):
    service = Service(Settings())
    assert service.health() == STARTING
    assert service.labels() == ("covid19", "normal", "pneumonia", "tuberculosis")
    assert service.health() == STARTING
    version = version_of(service)
    assert version == bundled.manifest.version
    model = {"name": bundled.manifest.name, "version": version}
    assert service.health() == STARTING | {"status": "ready", "model": model}


def test_a_store_in_a_folder_serves_its_active_version_or_the_asked_one(make_store):
    make_store("1.0")
    store = str(make_store("2.0"))
    assert version_of(Service(Settings(model_store=store))) == "2.0"
    assert version_of(Service(Settings(model_store=store, model_version="1.0"))) == "1.0"


def test_a_request_that_is_wrong_opens_the_model_all_the_same():
    service = Service(Settings())
    with pytest.raises(NoImage):
        service.answer("image/jpeg", b"", {}, Course("1"))
    assert service.health()["status"] == "ready"


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / "model.tflite").write_bytes(b"x"), "model.tflite has 1 bytes"),
        (lambda folder: (folder / "model.tflite").unlink(), "model.tflite is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json"),
        (lambda folder: shutil.rmtree(folder), "There is no version '2.0'"),
    ],
    ids=["network damaged", "network gone", "manifest damaged", "version gone"],
)
@pytest.mark.parametrize("stand_in", ["1.0", None])
def test_a_broken_version_gives_way_to_the_last_good_or_the_bundled_one(
    harm, reason, stand_in, make_store, bundled
):
    if stand_in:
        make_store(stand_in)
    store = make_store("2.0")
    harm(store / "2.0")
    service = Service(Settings(model_store=str(store)))
    assert version_of(service) == (stand_in or bundled.manifest.version)
    health = service.health()
    assert health["status"] == "degraded"
    assert health["model"]["version"] == (stand_in or bundled.manifest.version)
    assert reason in health["reason"]
    assert "In its place serves" in health["reason"]


def test_a_version_for_another_preprocessing_is_not_served(make_store, bundled):
    store = str(make_store("2.0", preprocessing="squash-0"))
    service = Service(Settings(model_store=store))
    assert version_of(service) == bundled.manifest.version
    assert service.health()["status"] == "degraded"
    assert (
        "Model 2.0 expects the preprocessing squash-0; this code has" in service.health()["reason"]
    )


@pytest.mark.parametrize("refresh", [0, 86_400])
def test_an_outage_passes_however_rarely_promotions_are_followed(
    refresh, make_store, monkeypatch, bundled
):
    monkeypatch.setattr("inference.service.RETRY_SECONDS", 0.01)
    make_store("1.0")
    store = make_store("2.0")
    network = store / "2.0" / "model.tflite"
    whole = network.read_bytes()
    network.write_bytes(b"x")
    (store / "ACTIVE").write_text("2.0\n")
    service = Service(Settings(model_store=str(store), model_refresh_seconds=refresh))
    assert version_of(service) == bundled.manifest.version
    network.write_bytes(whole)
    until(lambda: service.health()["status"] == "ready")
    assert version_of(service) == "2.0"
    (store / "ACTIVE").write_text("1.0\n")
    for _ in range(3):
        time.sleep(0.05)
        assert version_of(service) == "2.0"


UNAVAILABLE = """
import json, shutil, sys
from inference.errors import ModelUnavailable
from inference.reading import Options
from inference.service import Service
from inference.settings import Settings

service, image, seen = Service(Settings()), sys.stdin.buffer.read(), []
def ask():
    for question in (service.labels, service.model, lambda: service.predict(image, Options(), "1")):
        try:
            seen.append(bool(question()))
        except ModelUnavailable as error:
            seen.append([error.status, error.code, error.headers, error.detail, error.log])
    seen.append(service.health())

seen.append(service.health())
ask()
shutil.copytree("later", "model_store/models")
ask()
print(json.dumps(seen))
"""


def test_without_any_model_the_service_is_unavailable_until_there_is_one(tmp_path, bundled):
    no_models = shutil.ignore_patterns("models", "__pycache__")
    for package in ("inference", "model_store"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=no_models)
    version = bundled.manifest.version
    shutil.copytree(bundled.folder, tmp_path / "later" / version)
    (tmp_path / "later" / "ACTIVE").write_text(f"{version}\n")

    first, *before, health, labels, model, prediction, recovered = run(UNAVAILABLE, tmp_path)
    assert first == STARTING
    for status, code, headers, detail, log in before:
        assert (status, code, headers) == (503, "model_unavailable", {"Retry-After": "30"})
        assert detail == "The service has no model at the moment; try again later."
        assert log.startswith("No model can be loaded.")
    assert len(before) == 3
    assert (health["status"], health["model"]) == ("unavailable", None)
    assert health["reason"].startswith("No model can be loaded.")
    assert (labels, model, prediction) == (True, True, True)
    assert recovered["status"] == "ready"
    assert recovered["model"]["version"] == version


def test_first_requests_at_once_open_the_model_once(make_store, caplog):
    # Opening a stand-in is logged, so that the log tells how often it was opened.
    store = str(make_store("2.0", preprocessing="squash-0"))
    service = Service(Settings(model_store=store))
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(16) as pool:
        versions = list(pool.map(lambda _: version_of(service), range(32)))
    assert len(set(versions)) == 1
    events = [json.loads(record.getMessage())["event"] for record in caplog.records]
    assert events == ["degraded"]


def test_requests_at_once_have_the_answers_that_they_have_alone():
    service = Service(Settings())
    files = [encode_jpeg(draw_chest(200 + 40 * seed, 260, seed)) for seed in range(6)]

    def told(file: bytes) -> dict:
        answer = service.predict(file, Options(explain="all", size=128), "1").to_json()
        return {key: answer[key] for key in ("probabilities", "explanations", "input")}

    alone = [told(file) for file in files]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(told, files * 8))
    assert together == alone * 8


# What it answers


def test_a_request_is_read_and_answered():
    query = {"explain": "all", "size": "256", "overlay": "png"}
    answer = Service(Settings()).answer("image/jpeg", JPEG, query, Course("4711")).to_json()
    assert answer["request_id"] == "4711"
    assert [each["width"] for each in answer["explanations"]] == [256] * 4
    steps = ["read", "decode", "preprocess", "run", "gate", "explain", "total"]
    assert list(answer["timing_ms"]) == steps


def test_wrong_parameters_are_told_all_at_once():
    with pytest.raises(BadRequest) as caught:
        Service(Settings()).answer(
            "image/jpeg", JPEG, {"explain": "cancer", "size": "9"}, Course("1")
        )
    assert "explain" in caught.value.detail
    assert "size" in caught.value.detail


def test_the_models_facts_are_those_of_its_manifest(bundled):
    manifest = json.loads((bundled.folder / "manifest.json").read_text())
    same = ("name", "version", "created", "architecture", "classes", "input", "preprocessing")
    same += ("temperature", "threshold", "metrics", "training_data", "licence")
    facts = json.loads(json.dumps(Service(Settings()).model(), allow_nan=False))
    assert facts == {
        **{key: manifest[key] for key in same},
        "sha256": manifest["files"]["model.tflite"]["sha256"],
        "notice": "Research use only. Not a medical device; not for diagnosis.",
    }


# Traces

ASK_AND_WATCH = """
import base64, gc, json, logging, os, sys
written, gone, held = [], [], []

def watch(event, arguments):
    if event == "open" and not isinstance(arguments[0], int) and arguments[0] != os.devnull and (
        any(letter in (arguments[1] or "") for letter in "wax+")
        or (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    ):
        written.append(str(arguments[0]))

sys.addaudithook(watch)
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
import azure.functions as func
import function_app

[predict] = [each.get_user_function() for each in function_app.app.get_functions()
             if each.get_function_name() == "predict"]

class Context:
    invocation_id = "1"

class Body(bytes):
    def __del__(self):
        gone.append(number)

answers, hashes = [], []
gc.disable()  # it comes as it likes, and until then what keeps itself stays
for number, (content_type, body, query) in enumerate(json.load(sys.stdin)):
    request = func.HttpRequest(
        "POST", "http://localhost/api/predict", headers={"content-type": content_type},
        params=query, body=Body(base64.b64decode(body)),
    )
    answer = predict(request, Context())
    content = json.loads(answer.get_body())
    answers.append([answer.status_code, content.get("code")])
    hashes += [content["input"]["sha256"]] if "input" in content else []
    del request
    if number not in gone:
        held.append(number)
logging.debug("the end")
print(json.dumps([answers, hashes, written, held]))
"""

SECRET = "Mustermann"
CHEST = draw_chest(300, 250)


def form(data: bytes) -> tuple[str, bytes]:
    """A multipart form with a file whose name tells whose it is."""
    return in_form("image", data, f'; filename="{SECRET}.dcm"')


def in_form(name: str, value: bytes, more: str = "") -> tuple[str, bytes]:
    head = f'Content-Disposition: form-data; name="{name}"{more}'
    body = b"--x\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n--x--\r\n"
    return "multipart/form-data; boundary=x", body


def in_json(**members: str) -> tuple[str, bytes]:
    return "application/json", json.dumps(members).encode()


def dicom(**elements) -> bytes:
    names = {"PatientName": f"{SECRET}^Erika", "PatientID": SECRET, "StudyDescription": SECRET}
    return encode_dicom(CHEST, **(names | elements))


def with_exif() -> bytes:
    """A JPEG whose EXIF and comment hold the name."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = exif[ExifTags.Base.Artist] = SECRET
    file = io.BytesIO()
    Image.fromarray(CHEST).save(file, "JPEG", exif=exif, comment=SECRET)
    return file.getvalue()


def with_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET)
    text.add_itxt("Title", SECRET)
    return encode_png(CHEST, pnginfo=text)


@pytest.fixture(scope="module")
def requests() -> dict[str, tuple[tuple[str, bytes], dict[str, str], list]]:
    """Requests that tell a name wherever one can be told, and what each is answered."""
    text = {270: SECRET, 315: SECRET}  # ImageDescription and Artist
    blank = encode_png(np.full((200, 200), 5, np.uint8))
    good, jpeg = [200, None], encode_jpeg(CHEST)
    encoded = base64.b64encode(jpeg).decode()
    raw = "application/octet-stream"
    return {
        "form": (form(jpeg), {"explain": "all"}, good),
        "JSON": (in_json(image=encoded), {"overlay": "png"}, good),
        "DICOM": (form(dicom()), {}, good),
        "DICOM with an odd age": ((raw, dicom(PatientAge=SECRET[:4])), {}, good),
        "JPEG 2000 DICOM": (
            (raw, dicom(transfer_syntax="1.2.840.10008.1.2.4.90")),
            {},
            good,
        ),
        "JPEG-LS DICOM": ((raw, dicom(transfer_syntax="1.2.840.10008.1.2.4.80")), {}, good),
        "TIFF with tags": ((raw, encode_tiff(CHEST, tiffinfo=text)), {}, good),
        "JPEG with EXIF": ((raw, with_exif()), {}, good),
        "PNG with text": ((raw, with_text()), {}, good),
        "forced": (form(blank), {"force": "true"}, good),
        "refused": (form(blank), {}, [422, "not_a_chest_xray"]),
        "cut DICOM": (form(dicom()[:-9000]), {}, [422, "undecodable"]),
        "several frames": (form(dicom(NumberOfFrames=2)), {}, [422, "undecodable"]),
        "cut JPEG": (form(with_exif()[:-3000]), {}, [422, "undecodable"]),
        "cut PNG": ((raw, with_text()[:-3000]), {}, [422, "undecodable"]),
        "cut TIFF": (
            (raw, encode_tiff(CHEST, tiffinfo=text)[:-20000]),
            {},
            [422, "undecodable"],
        ),
        "text": (form(SECRET.encode()), {}, [415, "unsupported_media"]),
        "broken base64": (in_json(image=encoded[:-3] + "*"), {}, [400, "bad_request"]),
        "no field": (in_json(**{SECRET: encoded}), {}, [400, "bad_request"]),
        "link": (
            in_json(image_url=f"https://127.0.0.1/{SECRET}.jpg"),
            {},
            [403, "link_forbidden"],
        ),
        "link in a form": (
            in_form("image_url", f"https://127.0.0.1/{SECRET}.jpg".encode()),
            {},
            [403, "link_forbidden"],
        ),
        "query": ((raw, jpeg), {"explain": SECRET, SECRET: "1"}, [400, "bad_request"]),
        "type": ((f"text/{SECRET}", jpeg), {}, [415, "unsupported_media"]),
    }


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize("predictions", ["false", "true"])
def test_no_request_leaves_a_file_a_trace_in_the_log_or_its_body_in_memory(
    requests, tmp_path, predictions
):
    folders = {name: tmp_path / name for name in ("cwd", "HOME", "TMPDIR", "XDG_CACHE_HOME")}
    for folder in folders.values():
        folder.mkdir()
    sent = [
        (content_type, base64.b64encode(body).decode(), query)
        for (content_type, body), query, _ in requests.values()
    ]
    environment = {name: str(folder) for name, folder in folders.items() if name != "cwd"}
    done = subprocess.run(
        [sys.executable, "-c", ASK_AND_WATCH],
        cwd=folders["cwd"],
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LOG_PREDICTIONS": predictions}
        | environment,
        input=json.dumps(sent).encode(),
        capture_output=True,
        check=False,
    )
    log = done.stderr.decode()
    assert done.returncode == 0, log
    answers, hashes, written, held = json.loads(done.stdout)
    expected = {name: answer for name, (_, _, answer) in requests.items()}
    assert dict(zip(requests, answers, strict=True)) == expected

    assert [list(requests)[number] for number in held] == []
    assert written == []
    assert [str(path) for path in tmp_path.rglob("*") if not path.is_dir()] == []

    lines = events(log, "predict")
    assert [[line["status"], line["code"]] for line in lines] == answers
    assert {(line["form"], line["link"]) for line in lines if line["form"]} == {
        *(("form", False), ("json", False), ("raw", False), ("form", True), ("json", True))
    }
    assert hashes
    assert not any(each in log for each in hashes)
    told = [label for label in Service(Settings()).labels() if label in log]
    assert (len(told) > 0) is (predictions == "true")
    assert "the end" in log  # debug lines are there
    assert SECRET.lower() not in log.lower()
    assert SECRET[:4] not in log
    assert not re.search(r"[A-Za-z0-9+/=]{200}", log)


@pytest.mark.parametrize("end", ["", "/", "//", "/."])
def test_a_reason_for_everybody_does_not_say_where_the_store_is(tmp_path, end):
    service = Service(Settings(model_store=str(tmp_path / "empty") + end))
    (tmp_path / "empty").mkdir()
    service.model()
    health = service.health()
    assert health["status"] == "degraded"
    assert "the store" in health["reason"]
    assert str(tmp_path) not in health["reason"]


def test_nor_where_its_copies_are(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    service = Service(Settings(model_store="https://account.blob.core.windows.net/models"))
    service.model()
    health = service.health()
    assert health["status"] == "degraded"
    assert re.search(r"model-store-\w+ cannot be written: No such file", health["reason"])
    assert str(tmp_path) not in health["reason"]
