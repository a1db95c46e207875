"""Settings: defaults that work, and a sentence for every value that does not."""

import json
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from inference.settings import Settings, SettingsError

ROOT = Path(__file__).parents[2]
NAMES = [field.name.upper() for field in fields(Settings)]


@pytest.mark.parametrize("environ", [{}, dict.fromkeys(NAMES, ""), dict.fromkeys(NAMES, "  ")])
def test_unset_or_empty_means_the_default(environ):
    assert Settings.from_environment(environ) == Settings(
        inference_runtime="litert",
        model_store="bundled",
        model_version="active",
        model_refresh_seconds=60,
        max_image_bytes=10_485_760,
        max_image_pixels=40_000_000,
        allow_links=True,
        link_hosts=(),
        predict_auth="function",
        runtime_threads=1,
        log_predictions=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("INFERENCE_RUNTIME", "tensorflow", "tensorflow"),
        ("INFERENCE_RUNTIME", " LiteRT ", "litert"),
        ("MODEL_STORE", "bundled", "bundled"),
        ("MODEL_STORE", str(ROOT), str(ROOT)),
        (
            "MODEL_STORE",
            "https://account.blob.core.windows.net/models",
            "https://account.blob.core.windows.net/models",
        ),
        ("MODEL_VERSION", "active", "active"),
        ("MODEL_VERSION", "2026.11.1-rc_1", "2026.11.1-rc_1"),
        ("MODEL_STORE", "https://127.0.0.1:10000/account/c", "https://127.0.0.1:10000/account/c"),
        ("MODEL_REFRESH_SECONDS", "0", 0),
        ("MODEL_REFRESH_SECONDS", "86400", 86_400),
        ("MAX_IMAGE_BYTES", "1048576", 1048576),
        ("MAX_IMAGE_PIXELS", "4096", 4096),
        ("ALLOW_LINKS", "False", False),
        ("ALLOW_LINKS", "true", True),
        ("LINK_HOSTS", "A.example.org, b.example.org,", ("a.example.org", "b.example.org")),
        ("LINK_HOSTS", "Bücher.example,a_b.example.", ("xn--bcher-kva.example", "a_b.example")),
        ("PREDICT_AUTH", "anonymous", "anonymous"),
        ("RUNTIME_THREADS", "16", 16),
        ("LOG_PREDICTIONS", "true", True),
        ("LOG_PREDICTIONS", "FALSE", False),
        (
            "ARCHIVE_STORE",
            "https://account.blob.core.windows.net/",
            "https://account.blob.core.windows.net/",
        ),
    ],
)
def test_a_setting_is_read(name, value, expected):
    settings = Settings.from_environment({name: value})
    assert getattr(settings, name.lower()) == expected


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("INFERENCE_RUNTIME", "onnx", "one of: litert, tensorflow"),
        ("INFERENCE_RUNTIME", "litert,tensorflow", "one of: litert, tensorflow"),
        ("MODEL_STORE", "/no/such/folder", "'bundled', a folder that exists, or https://ACCOUNT."),
        (
            "MODEL_STORE",
            "http://account.blob.core.windows.net/c",
            "a folder that exists, or https:",
        ),
        ("MODEL_STORE", __file__, "a folder that exists"),
        ("MODEL_STORE", "https://account.blob.core.windows.net", "windows.net/CONTAINER"),
        ("MODEL_STORE", "https://a.blob.core.windows.net/c?sv=1&sig=x", "without a key"),
        ("MODEL_STORE", "https://user:password@host/c", "without a key or a signature"),
        ("MODEL_STORE", "https://[x/models", "a folder that exists, or https:"),
        ("MODEL_STORE", "https://account.blob.core.windows.net:port/m", "or https://ACCOUNT."),
        ("MODEL_STORE", "https://account.blob.core.windows.net:65536/m", "or https://ACCOUNT."),
        ("MODEL_REFRESH_SECONDS", "-1", "a whole number from 0 to 86400"),
        ("MODEL_REFRESH_SECONDS", "1.5", "a whole number from 0 to 86400"),
        ("MODEL_VERSION", "../other", "'active' or the name of a version"),
        ("MODEL_VERSION", "a\\b", "'active' or the name of a version"),
        ("MODEL_VERSION", ".hidden", "'active' or the name of a version"),
        ("MODEL_VERSION", "two words", "'active' or the name of a version"),
        ("MODEL_VERSION", "ACTIVE", "'active' or the name of a version"),
        ("MAX_IMAGE_BYTES", "10MB", "a whole number from 1024 to 209715200"),
        ("MAX_IMAGE_BYTES", "1e6", "a whole number from 1024 to 209715200"),
        ("MAX_IMAGE_BYTES", "-1", "a whole number from 1024 to 209715200"),
        ("MAX_IMAGE_BYTES", "1023", "a whole number from 1024 to 209715200"),
        ("MAX_IMAGE_BYTES", "209715201", "a whole number from 1024 to 209715200"),
        ("MAX_IMAGE_BYTES", "²", "a whole number"),
        ("MAX_IMAGE_PIXELS", "0", "a whole number from 4096 to 400000000"),
        ("MAX_IMAGE_PIXELS", "40_000_000", "a whole number from 4096 to 400000000"),
        ("MAX_IMAGE_PIXELS", "9" * 5000, "a whole number from 4096 to 400000000"),
        ("ALLOW_LINKS", "yes", "one of: true, false"),
        ("ALLOW_LINKS", "1", "one of: true, false"),
        ("LINK_HOSTS", "https://images.example.org", "bare host names"),
        ("LINK_HOSTS", "good.example.org,bad.example.org/path", "bare host names"),
        ("LINK_HOSTS", "*.example.org", "bare host names"),
        ("LINK_HOSTS", "example.org:8443", "bare host names"),
        ("LINK_HOSTS", "a..example", "bare host names"),
        ("LINK_HOSTS", "example.org／path", "bare host names"),
        ("LINK_HOSTS", f"{64 * 'ü'}.example", "bare host names"),
        ("PREDICT_AUTH", "admin", "one of: function, anonymous"),
        ("RUNTIME_THREADS", "0", "a whole number from 1 to 16"),
        ("RUNTIME_THREADS", "two", "a whole number from 1 to 16"),
        ("LOG_PREDICTIONS", "labels", "one of: true, false"),
        ("ARCHIVE_STORE", "account", "https://ACCOUNT.blob.core.windows.net"),
        ("ARCHIVE_STORE", "https://account.blob.core.windows.net/archive", "without a container"),
        ("ARCHIVE_STORE", "https://[x", "https://ACCOUNT.blob.core.windows.net"),
        ("ARCHIVE_STORE", "https://account.blob.core.windows.net:port", "https://ACCOUNT."),
        ("ARCHIVE_STORE", "https://u:secret@127.0.0.1/account", "a key or a signature"),
    ],
)
def test_a_wrong_value_is_told_with_the_settings_name_and_what_it_takes(name, value, takes):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({name: value})
    sentence = str(caught.value)
    assert sentence.startswith(f"{name} ")
    assert sentence.endswith(".")
    assert takes in sentence


@pytest.mark.parametrize("name", ["MODEL_STORE", "ARCHIVE_STORE"])
@pytest.mark.parametrize(
    "address",
    [
        "https://a.blob.core.windows.net/c?sig=secret",
        "https://u:secret@host/c",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=secret==;EndpointSuffix=x",
        "AccountKey=secret==;BlobEndpoint=https://a.blob.core.windows.net/",
    ],
)
def test_a_key_or_a_signature_in_the_stores_address_is_not_repeated(name, address):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({name: address})
    assert "secret" not in str(caught.value)


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Settings().predict_auth = "anonymous"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("runtime", "file"), [("litert", "model.tflite"), ("tensorflow", "model.keras")]
)
def test_each_runtime_has_its_file(runtime, file):
    assert Settings(inference_runtime=runtime).model_file == file


def test_local_settings_name_every_setting_with_its_default_and_hold_no_secret():
    values = json.loads((ROOT / "local.settings.json").read_text())["Values"]
    assert set(NAMES) <= set(values)
    assert Settings.from_environment(values) == Settings()
    assert "AccountKey" not in json.dumps(values)


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_names_every_setting(name):
    assert f"`{name}`" in (ROOT / "README.md").read_text()
