import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model_store import FolderStore
from model_store.__main__ import main

ROOT = Path(__file__).parents[2]


def model_store(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model_store", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def damage(store: FolderStore, version: str) -> None:
    (store.path / version / "model.keras").write_bytes(b"the same NETWORK for Keras")


def test_list_shows_a_table_with_a_star_at_the_active_version(store: FolderStore) -> None:
    store.promote("2.0")
    done = model_store("list", "--store", store.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "   VERSION  CREATED               ARCHITECTURE    SIZE  ACCURACY  MACRO-F1",
        "   1.0      2026-11-23T14:05:00Z  mobilenet     0.0 MB     91.2%     88.3%",
        "*  2.0      2026-11-23T14:05:00Z  mobilenet     0.0 MB     91.2%     88.3%",
        "   3.0      2026-11-23T14:05:00Z  mobilenet     0.0 MB     91.2%     88.3%",
    ]


def test_list_shows_a_broken_manifest_and_the_others(store: FolderStore) -> None:
    (store.path / "2.0" / "manifest.json").write_text("{}")
    done = model_store("list", "--store", store.path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[2].split() == ["2.0", "-", "-", "-", "-", "-"]
    assert done.stderr.startswith("2.0: 2.0/manifest.json: there is no schema_version")


def test_list_is_json_for_programs(store: FolderStore) -> None:
    store.promote("1.0")
    (store.path / "2.0" / "manifest.json").unlink()
    done = model_store("list", "--json", "--store", store.path)
    assert json.loads(done.stdout)[:2] == [
        {
            "active": True,
            "version": "1.0",
            "created": "2026-11-23T14:05:00Z",
            "architecture": "mobilenet",
            "size": 69,
            "accuracy": 0.912,
            "macro_f1": 0.883,
            "problem": None,
        },
        {
            "active": False,
            "version": "2.0",
            "created": None,
            "architecture": None,
            "size": None,
            "accuracy": None,
            "macro_f1": None,
            "problem": "2.0/manifest.json is missing; every version has one.",
        },
    ]


def test_the_store_may_be_named_before_the_command(store: FolderStore) -> None:
    store.promote("2.0")
    before, after = (
        model_store("--store", store.path, "--json", "list"),
        model_store("list", "--json", "--store", store.path),
    )
    assert before.stdout == after.stdout
    assert [each["version"] for each in json.loads(before.stdout)] == ["1.0", "2.0", "3.0"]


def test_list_of_an_empty_store_says_so(tmp_path: Path) -> None:
    done = model_store("list", "--store", tmp_path)
    assert (done.returncode, done.stdout) == (0, f"There is no version in {tmp_path}.\n")
    assert json.loads(model_store("list", "--json", "--store", tmp_path).stdout) == []


def test_list_warns_of_a_damaged_active(store: FolderStore) -> None:
    (store.path / "ACTIVE").write_text("../1.0")
    done = model_store("list", "--store", store.path)
    assert done.returncode == 0
    assert "*" not in done.stdout
    assert done.stderr.startswith("warning: ACTIVE has '../1.0', no version's name")


def test_verify_names_what_is_damaged_and_fails(store: FolderStore) -> None:
    assert model_store("verify", "--store", store.path).stdout == "1.0  ok\n2.0  ok\n3.0  ok\n"
    damage(store, "2.0")
    done = model_store("verify", "--store", store.path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "1.0  ok",
        (
            "2.0  2.0/model.keras does not have the SHA-256 of its manifest; "
            "copy or export the version anew."
        ),
        "3.0  ok",
    ]
    assert model_store("verify", "3.0", "--store", store.path).returncode == 0
    assert model_store("verify", "2.0", "--store", store.path).returncode == 1
    found = json.loads(model_store("verify", "--json", "--store", store.path).stdout)
    assert [each["problem"] is None for each in found] == [True, False, True]


def test_verify_finds_an_active_version_that_is_gone(store: FolderStore) -> None:
    (store.path / "ACTIVE").write_text("4.0\n")
    done = model_store("verify", "--store", store.path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[3].startswith("ACTIVE  There is no version '4.0' in ")


def test_verify_of_an_empty_store_fails(tmp_path: Path) -> None:
    done = model_store("verify", "--store", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: There is no version in {tmp_path}.\n"


def test_promote_and_rollback_change_the_active_version(store: FolderStore) -> None:
    done = model_store("promote", "1.0", "--store", store.path)
    assert (done.returncode, done.stdout) == (0, "Version 1.0 is active.\n")
    done = model_store("promote", "2.0", "--store", store.path, "--json")
    assert json.loads(done.stdout) == {"active": "2.0"}
    assert store.history() == ("2.0", "1.0")
    done = model_store("rollback", "--store", store.path)
    assert (done.returncode, done.stdout) == (0, "Version 1.0 is active.\n")
    assert store.history() == ("1.0",)


PROMOTE = "put one into use with: python -m model_store promote VERSION"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["promote", "4.0"], "error: There is no version '4.0' in "),
        (["promote", "../store/1.0"], "error: There is no version '../store/1.0' in "),
        (["promote", "3.0"], "error: 3.0/model.keras does not have the SHA-256"),
        (["rollback"], f"error: No other version was active before; {PROMOTE} --store "),
        (["verify", "active"], None),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_1(
    store: FolderStore, arguments: list[str], message: str | None
) -> None:
    damage(store, "3.0")
    done = model_store(*arguments, "--store", store.path)
    assert done.returncode == 1
    if message:
        assert done.stderr.startswith(message)
        assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert not (store.path / "ACTIVE").exists()


@pytest.mark.parametrize("arguments", [[], ["promote"], ["remove", "1.0"], ["list", "--stor"]])
def test_a_wrong_command_is_status_2_with_the_usage(arguments: list[str]) -> None:
    done = model_store(*arguments)
    assert done.returncode == 2
    assert "usage: python -m model_store" in done.stderr


def test_a_store_that_does_not_exist_is_named() -> None:
    done = model_store("list", "--store", "no/such/folder")
    assert done.returncode == 1
    assert done.stderr == (
        "error: The store no/such/folder is not a folder; use one that is (mkdir makes one), "
        "'bundled', or https://ACCOUNT.blob.core.windows.net/CONTAINER.\n"
    )


@pytest.mark.parametrize("command", [[], ["list"], ["verify"], ["promote"], ["rollback"], ["add"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    done = model_store(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m model_store")
    assert ("--store STORE" if command else "exit status:") in done.stdout


def test_importing_the_store_loads_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import model_store, model_store.__main__\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names - {'model_store'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_who_is_not_signed_in_reads_one_line_that_says_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("IDENTITY_ENDPOINT", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")  # looks nowhere else
    store = "https://account.blob.core.windows.net/models"
    done = model_store("list", "--store", store)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: The store {store} cannot be read: no token was given for it: it does not know who "
        "asks; an app needs an identity, and you sign in with: az login.\n"
    )


def test_who_interrupts_reads_a_line_and_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderStore, "versions", interrupted)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == (
        "Interrupted; nothing is half there, and the same command may be given again.\n"
    )


def test_who_has_read_enough_gets_no_trace(store: FolderStore) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    line = [sys.executable, "-m", "model_store", "list", "--store", str(store.path)]
    done = subprocess.run(line, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
