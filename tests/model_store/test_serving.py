import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from model_store import FolderStore, Model, Once, Serving, open_serving, serving
from model_store.errors import NoModel, StoreUnavailable


def litert(model: Model) -> bytes:
    return model.read("model.tflite")


def damage(store: FolderStore, version: str) -> None:
    (store.path / version / "model.tflite").write_bytes(b"a small network for LiteR?")


def test_the_asked_version_serves_and_is_not_degraded(store: FolderStore, bundled: Path) -> None:
    store.promote("2.0")
    serving = open_serving(litert, str(store.path), bundled=bundled)
    assert serving.manifest.version == "2.0"
    assert serving.loaded == b"a small network for LiteRT"
    assert serving.degraded is None
    exact = open_serving(litert, str(store.path), "3.0", bundled=bundled)
    assert (exact.manifest.version, exact.degraded) == ("3.0", None)


def test_the_bundled_store_serves_by_default_name(bundled: Path) -> None:
    serving = open_serving(litert, bundled=bundled)
    assert (serving.manifest.version, serving.degraded) == ("0.9", None)


def test_in_place_of_a_damaged_version_the_last_good_one_serves(
    store: FolderStore, bundled: Path
) -> None:
    for version in ("1.0", "2.0", "3.0"):
        store.promote(version)
    damage(store, "3.0")
    shutil.rmtree(store.path / "2.0")
    serving = open_serving(litert, str(store.path), bundled=bundled)
    assert serving.manifest.version == "1.0"
    assert serving.degraded is not None
    assert "3.0/model.tflite does not have the SHA-256 of its manifest" in serving.degraded
    assert "There is no version '2.0'" in serving.degraded
    assert serving.degraded.endswith("In its place serves version 1.0.")


def test_in_place_of_a_version_that_is_not_there_the_active_one_serves(
    store: FolderStore, bundled: Path
) -> None:
    store.promote("1.0")
    serving = open_serving(litert, str(store.path), "9.9", bundled=bundled)
    assert serving.manifest.version == "1.0"
    assert serving.degraded is not None
    assert serving.degraded.startswith("There is no version '9.9'")


def test_where_no_version_of_the_store_is_good_the_bundled_one_serves(
    store: FolderStore, bundled: Path
) -> None:
    store.promote("1.0")
    damage(store, "1.0")
    serving = open_serving(litert, str(store.path), bundled=bundled)
    assert serving.manifest.version == "0.9"
    assert serving.degraded == (
        "1.0/model.tflite does not have the SHA-256 of its manifest; "
        "copy or export the version anew. In its place serves the bundled version 0.9."
    )


def test_a_version_that_serves_goes_on_where_it_is_no_longer_good_in_the_store(
    store: FolderStore, bundled: Path
) -> None:
    for version in ("1.0", "2.0", "3.0"):
        store.promote(version)
    first = open_serving(litert, str(store.path), "2.0", bundled=bundled)
    shutil.rmtree(store.path / "2.0")
    kept = open_serving(litert, str(store.path), "2.0", bundled=bundled, before=first)
    assert kept.loaded is first.loaded
    assert kept.manifest.version == "2.0"
    assert str(kept.degraded).startswith("There is no version '2.0'")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{}", "1.0/manifest.json: there is no schema_version"), (b"\xff", "is not UTF-8 text")],
)
def test_a_bad_manifest_is_a_reason_like_any_other(
    store: FolderStore, bundled: Path, content: bytes, message: str
) -> None:
    (store.path / "1.0" / "manifest.json").write_bytes(content)
    serving = open_serving(litert, str(store.path), "1.0", bundled=bundled)
    assert serving.manifest.version == "0.9"
    assert message in str(serving.degraded)


@pytest.mark.parametrize("where", ["https://account.blob.core.windows.net", "no/such/folder"])
def test_in_place_of_a_store_that_cannot_be_opened_the_bundled_one_serves(
    bundled: Path, where: str
) -> None:
    serving = open_serving(litert, where, bundled=bundled)
    assert serving.manifest.version == "0.9"
    assert str(serving.degraded).startswith(f"The store {where} ")


def test_an_empty_store_or_a_damaged_active_leaves_the_bundled_one(
    store: FolderStore, bundled: Path
) -> None:
    for content in (b"", b"../1.0"):
        (store.path / "ACTIVE").write_bytes(content)
        assert open_serving(litert, str(store.path), bundled=bundled).manifest.version == "0.9"


def test_a_version_that_verifies_but_cannot_be_loaded_is_passed_over(
    store: FolderStore, bundled: Path
) -> None:
    store.promote("1.0")
    store.promote("2.0")
    tried = []

    def load(model: Model) -> str:
        tried.append(model.manifest.version)
        if model.manifest.version == "2.0":
            raise ValueError("it was made for another preprocessing.")
        return "an interpreter"

    serving = open_serving(load, str(store.path), bundled=bundled)
    assert serving.loaded == "an interpreter"
    assert tried == ["2.0", "1.0"]
    assert serving.degraded == (
        "Version 2.0 cannot be loaded: ValueError: it was made for another preprocessing. "
        "In its place serves version 1.0."
    )


def test_every_version_is_tried_once_in_the_order_of_the_history(
    store: FolderStore, bundled: Path
) -> None:
    for version in ("2.0", "1.0", "2.0", "3.0"):
        store.promote(version)
    tried = []

    def load(model: Model) -> None:
        tried.append(model.manifest.version)
        raise RuntimeError("no runtime")

    with pytest.raises(NoModel, match=r"Version 0\.9 cannot be loaded: RuntimeError: no runtime"):
        open_serving(load, str(store.path), bundled=bundled)
    assert tried == ["3.0", "2.0", "1.0", "0.9"]


def test_a_version_without_the_file_that_is_needed_is_passed_over(
    store: FolderStore, bundled: Path
) -> None:
    store.promote("1.0")
    path = store.path / "2.0" / "manifest.json"
    value = json.loads(path.read_text())
    del value["files"]["model.keras"]
    path.write_text(json.dumps(value))
    files = ("model.keras",)
    serving = open_serving(
        lambda model: model.read("model.keras"), str(store.path), "2.0", files, bundled
    )
    assert serving.loaded == b"the same network for Keras"
    assert str(serving.degraded).startswith("Version 2.0 has no model.keras; it has:")


def test_where_nothing_can_be_loaded_every_reason_is_given(
    store: FolderStore, bundled: Path
) -> None:
    store.promote("1.0")
    damage(store, "1.0")
    shutil.rmtree(bundled)
    with pytest.raises(NoModel) as error:
        open_serving(litert, str(store.path), bundled=bundled)
    assert str(error.value).startswith("No model can be loaded. 1.0/model.tflite does not have")
    assert "bundled cannot be read: No such file or directory" in str(error.value)


def test_thirty_two_first_requests_load_once_and_get_the_same_model(
    store: FolderStore, bundled: Path
) -> None:
    store.promote("1.0")
    loads = []
    asked = threading.Barrier(32)
    got: list[Serving[bytes]] = []

    def load(model: Model) -> bytes:
        loads.append(model.manifest.version)
        return litert(model)

    serving = Once(lambda: open_serving(load, str(store.path), bundled=bundled))

    def request() -> None:
        asked.wait()
        got.append(serving.get())

    threads = [threading.Thread(target=request) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["1.0"]
    assert len(got) == 32
    assert all(each is got[0] for each in got)


# A store elsewhere


def test_what_serves_is_remembered_and_where_it_cannot_be_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copies = FolderStore(tmp_path)
    serving._remember(copies, "1.0")
    assert copies.history() == ("1.0",)
    assert caplog.records == []
    gone = FolderStore(tmp_path / "gone")
    serving._remember(gone, "1.0")
    [record] = caplog.records
    assert record.levelname == "WARNING"
    line = json.loads(record.getMessage())
    assert (line["event"], line["model_version"]) == ("not_remembered", "1.0")
    assert line["reason"].endswith("cannot be written: No such file or directory.")


class TestWaiting:
    def test_all_questions_together_wait_no_longer_than_it_has_patience(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        ask, go_on = serving._Waiting("there", 60), threading.Event()

        def slowly() -> int:
            nonlocal now
            now += 59.9
            return 7

        assert ask(slowly) == 7
        with pytest.raises(StoreUnavailable, match=r"^The store there did not answer in 60 s.$"):
            ask(lambda: go_on.wait(30))  # what is left of its patience is less
        go_on.set()

    def test_what_is_gone_is_not_asked_again(self) -> None:
        ask, gone = serving._Waiting("there", 30), StoreUnavailable("The store is gone.")
        asked: list[int] = []

        def question() -> None:
            asked.append(1)
            raise gone

        for _ in range(2):
            with pytest.raises(StoreUnavailable) as refused:
                ask(question)
            assert refused.value is gone
        assert asked == [1]

    def test_whom_it_waits_for_does_not_keep_the_process(self) -> None:
        ask = serving._Waiting("there", 30)
        assert ask(lambda: threading.current_thread().daemon) is True
