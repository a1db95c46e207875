"""A bad release is taken back: with the real app in the real host, its packages and its models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model_store.store import BUNDLED, FolderStore
from tests.tools.running import REPOSITORY
from tests.tools.slot import KEY, Cloud, Slot
from tools.package.building import contents, write
from tools.release import model
from tools.release.__main__ import main, models_of, revision_of
from tools.release.infrastructure import OUTPUTS, Infrastructure, OutputsError
from tools.release.rollout import Outcome, ReleaseError, Rollout, Steps, roll_out
from tools.smoke.asking import Service
from tools.smoke.checks import Limits, smoke
from tools.smoke.reference import Reference
from tools.smoke.report import Check, Report

OLDER, NEWER = "2026.11.2", "2026.11.5"
LIMITS = ["--wait", "0", "--answers", "2", "--p95-ms", "60000"]


def report(*, passed: bool = True) -> Report:
    return Report("https://service.example", "1", (Check("answers", passed, "found", 0.1),))


class Told:
    """Steps that note what was done; what `fails` names raises, what `unfit` names fails its test."""

    def __init__(self, fails: str = "", unfit: str = "", *, before: bool = True) -> None:
        self.done: list[str] = []
        self._fails, self._unfit = fails.split(), unfit.split()
        self.steps = Steps(
            deploy=self._act("deploy"),
            verify=self._test("verify"),
            restore=self._act("restore") if before else None,
            verify_restored=self._test("verify_restored"),
            keep=self._act("keep"),
        )

    def _act(self, name: str) -> Callable[[], None]:
        def act() -> None:
            self.done.append(name)
            if name in self._fails:
                raise ReleaseError(f"{name} failed")

        return act

    def _test(self, name: str) -> Callable[[], Report]:
        def test() -> Report:
            self._act(name)()
            return report(passed=name not in self._unfit)

        return test

    def roll_out(self) -> Rollout:
        return roll_out(self.steps, say=lambda _: None)


class TestTheOrderOfARelease:
    def test_what_is_fit_goes_live_and_is_kept_to_go_back_to(self) -> None:
        told = Told()
        assert told.roll_out().outcome is Outcome.LIVE
        assert told.done == ["deploy", "verify", "keep"]

    @pytest.mark.parametrize(
        ("told", "done"),
        [
            (Told(unfit="verify"), ["deploy", "verify", "restore", "verify_restored"]),
            (Told(fails="verify"), ["deploy", "verify", "restore", "verify_restored"]),
            (Told(fails="deploy"), ["deploy", "restore", "verify_restored"]),
        ],
    )
    def test_what_is_not_fit_is_taken_back_and_never_kept(
        self, told: Told, done: list[str]
    ) -> None:
        rollout = told.roll_out()
        assert rollout.outcome is Outcome.TAKEN_BACK
        assert rollout.outcome.exit_status == 1
        assert told.done == done

    @pytest.mark.parametrize(
        "told",
        [
            Told(unfit="verify", before=False),
            Told(unfit="verify verify_restored"),
            Told(unfit="verify", fails="restore"),
        ],
    )
    def test_where_nothing_fit_serves_in_the_end_it_says_so(self, told: Told) -> None:
        rollout = told.roll_out()
        assert rollout.outcome is Outcome.BROKEN
        assert rollout.outcome.exit_status == 3
        assert "keep" not in told.done

    def test_what_is_live_but_could_not_be_kept_stays_and_is_told(self) -> None:
        told = Told(fails="keep")
        rollout = told.roll_out()
        assert rollout.outcome is Outcome.NOT_KEPT
        assert rollout.outcome.exit_status == 1
        assert rollout.story[-1] == "to keep it: keep failed"
        assert told.done == ["deploy", "verify", "keep"]

    def test_a_defect_of_the_test_itself_leaves_no_untested_release_in_its_place(self) -> None:
        told = Told()

        def defect() -> Report:
            raise ZeroDivisionError

        steps = Steps(told.steps.deploy, defect, told.steps.restore, told.steps.verify_restored)
        with pytest.raises(ZeroDivisionError):
            roll_out(steps, say=lambda _: None)
        assert told.done == ["deploy", "restore", "verify_restored"]

    def test_the_summary_tells_what_happened_with_every_test(self) -> None:
        text = Told(unfit="verify").roll_out().to_markdown()
        assert text.startswith(
            "## Release: the new release was not fit; the one before serves again\n\n"
            "- the new release: not fit (answers)\n"
            "- the release before: fit\n"
        )
        assert text.count("### Smoke test") == 2


def packaged(folder: Path, name: str, changes: dict[str, tuple[str, str]]) -> Path:
    """The app as a package, without dependencies, with pieces of files replaced by others."""
    source = folder / name
    source.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.keras")
    for each in ("inference", "model_store", "web"):
        shutil.copytree(REPOSITORY / each, source / each, ignore=ignored)
    for each in ("function_app.py", "host.json", ".funcignore"):
        shutil.copy(REPOSITORY / each, source)
    for file, (old, new) in changes.items():
        text = (source / file).read_text()
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
        (source / file).write_text(text.replace(old, new))
    (source / "none").mkdir()
    files = contents(source, source / "none", folder / f"{name}-bytecode", f"commit of {name}")
    return write(files, folder / f"{name}.zip", level=1).path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the two bundled versions, of which the newer is in use."""
    folder = tmp_path_factory.mktemp("store") / "models"
    shutil.copytree(BUNDLED, folder)
    (folder / "ACTIVE").write_text(f"{NEWER}\n{OLDER}\n")
    return folder


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slot]:
    slot = Slot(tmp_path_factory.mktemp("slot"))
    yield slot
    slot.close()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, slot: Slot) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("cloud"), slot)
    yield cloud
    cloud.close()


@pytest.fixture
def outputs(
    tmp_path: Path, store: Path, slot: Slot, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The outputs of the infrastructure, and the Azure CLI that knows it."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    values = {
        "RESOURCE_GROUP": "rg",
        "functioN_APP_NAME": "app",  # as some of Azure's serialisers write it
        "SERVICE_URL": slot.url,
        "MODEL_STORE": str(store),
        "STORAGE_ACCOUNT_NAME": "account",
        "DEPLOYMENT_CONTAINER": "packages",
    }
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({name: {"value": value} for name, value in values.items()}))
    return file


def release(package: Path, outputs: Path, *options: str) -> int:
    return main(["app", str(package), "--outputs", str(outputs), *LIMITS, *options])


class TestAPackage:
    """In this order: each release finds what the one before it left."""

    def test_that_is_the_first_and_not_fit_has_nothing_to_go_back_to(
        self, outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        raises = {"function_app.py": ("import functools\n", "raise RuntimeError('no start')\n")}
        assert release(packaged(tmp_path, "first", raises), outputs) == 3
        assert "no start" in capsys.readouterr().out

    def test_that_is_fit_goes_live_and_is_kept(
        self, outputs: Path, tmp_path: Path, cloud: Cloud, slot: Slot
    ) -> None:
        good = packaged(tmp_path, "good", {})
        summary, as_json = tmp_path / "summary.md", tmp_path / "smoke.json"
        options = ("--summary", str(summary), "--json", str(as_json))
        assert release(good, outputs, *options) == 0
        assert (cloud.blobs / "last-good" / "package.zip").read_bytes() == good.read_bytes()
        assert summary.read_text().startswith("## Release: the new release is live\n")
        assert json.loads(as_json.read_text())["passed"] is True
        assert KEY not in summary.read_text() + as_json.read_text()

    @pytest.mark.parametrize(
        ("name", "changes", "said"),
        [
            (
                "nonsense",
                {
                    "inference/report.py": (
                        "self.classification.probabilities.tolist()",
                        "self.classification.probabilities[::-1].tolist()",
                    )
                },
                "the new release: not fit (answers)",
            ),
            (
                "no-start",
                {"function_app.py": ("import functools\n", "raise RuntimeError('no start')\n")},
                "the new release: az functionapp deployment source config-zip failed",
            ),
            (
                "code-before",
                {"inference/revision.py": ('FILE = "REVISION"', 'FILE = "LATER"')},
                "the new release: not fit (the expected version serves)",
            ),
            (
                "wrong-model",
                {"model_store/models/ACTIVE": (f"{NEWER}\n", "")},
                "the new release: not fit (the expected version serves)",
            ),
        ],
    )
    def test_that_is_not_fit_is_taken_back_and_the_one_before_serves_again(
        self,
        outputs: Path,
        tmp_path: Path,
        cloud: Cloud,
        slot: Slot,
        capsys: pytest.CaptureFixture[str],
        name: str,
        changes: dict[str, tuple[str, str]],
        said: str,
    ) -> None:
        kept = (cloud.blobs / "last-good" / "package.zip").read_bytes()
        assert release(packaged(tmp_path, name, changes), outputs) == 1
        out = capsys.readouterr().out
        assert said in out
        assert "the release before: fit" in out
        assert (cloud.blobs / "last-good" / "package.zip").read_bytes() == kept
        again = smoke(Service(slot.url, KEY), Reference.open("bundled"), Limits(0, 60_000, 1))
        assert again.passed

    def test_that_is_none_is_told_before_azure_is_asked_for_anything(
        self, cloud: Cloud, outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = cloud.log.read_text()
        assert release(tmp_path / "nowhere.zip", outputs) == 1
        assert (
            "nowhere.zip is no package; one is made with: make package" in capsys.readouterr().err
        )
        assert cloud.log.read_text() == before

    def test_is_never_handled_with_a_key_of_the_storage_account(self, cloud: Cloud) -> None:
        commands = [json.loads(line) for line in cloud.log.read_text().splitlines()]
        storage = [words for words in commands if words[0] == "storage"]
        assert len(storage) >= 4
        for words in storage:
            assert words[words.index("--auth-mode") + 1] == "login"
            assert not {"--account-key", "--connection-string", "--sas-token"} & {*words}


class TestAModel:
    @pytest.fixture
    def target(self, tmp_path: Path) -> FolderStore:
        """A store where the older version alone is, and is in use."""
        shutil.copytree(BUNDLED / OLDER, tmp_path / "target" / OLDER)
        (tmp_path / "target" / "ACTIVE").write_text(f"{OLDER}\n")
        return FolderStore(tmp_path / "target")

    def test_that_is_worse_than_the_active_one_is_not_even_copied(
        self, target: FolderStore
    ) -> None:
        with pytest.raises(ReleaseError, match=rf"{NEWER} is worse than {OLDER}"):
            model.bring(NEWER, FolderStore(BUNDLED), target, force=False)
        assert target.versions() == (OLDER,)

    def test_that_is_forced_is_copied_with_what_speaks_against_it_but_not_promoted(
        self, target: FolderStore
    ) -> None:
        against = model.bring(NEWER, FolderStore(BUNDLED), target, force=True)
        assert against[0].startswith(f"{NEWER} is worse than {OLDER}")
        assert target.versions() == (OLDER, NEWER)
        assert target.active() == OLDER

    def test_may_be_there_from_an_attempt_before_but_not_as_another_one(
        self, target: FolderStore
    ) -> None:
        model.bring(NEWER, FolderStore(BUNDLED), target, force=True)
        model.bring(NEWER, FolderStore(BUNDLED), target, force=True)
        manifest = target.path / NEWER / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"temperature": ', '"temperature": 1'))
        with pytest.raises(ReleaseError, match="a version never changes"):
            model.bring(NEWER, FolderStore(BUNDLED), target, force=True)

    def test_that_is_not_fit_is_rolled_back(self, target: FolderStore) -> None:
        model.bring(NEWER, FolderStore(BUNDLED), target, force=True)
        model.promote(NEWER, target)
        model.take_back(NEWER, OLDER, target)
        assert target.active() == OLDER

    def test_is_not_rolled_back_over_what_somebody_else_has_promoted(
        self, target: FolderStore
    ) -> None:
        model.bring(NEWER, FolderStore(BUNDLED), target, force=True)
        target.promote(NEWER)
        with pytest.raises(ReleaseError, match=f"{NEWER} is in use by now"):
            model.take_back("another", OLDER, target)
        assert target.active() == NEWER

    def test_is_put_into_an_empty_store_once(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        empty = FolderStore(tmp_path / "empty")
        assert model.seed(FolderStore(BUNDLED), empty) == FolderStore(BUNDLED).active()
        assert model.seed(FolderStore(BUNDLED), empty) is None
        assert empty.history() == (FolderStore(BUNDLED).active(),)

    def test_that_the_service_does_not_take_up_is_rolled_back_by_the_command(
        self, outputs: Path, store: Path, slot: Slot, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # What serves has its model from its package and looks into no store.
        line = ["model", OLDER, "--outputs", str(outputs), "--force", *LIMITS]
        assert main(line) == 1
        assert "the release before: fit" in capsys.readouterr().out
        assert FolderStore(store).active() == NEWER


def test_of_a_package_with_its_own_model_that_model_is_expected(tmp_path: Path) -> None:
    older = {"model_store/models/ACTIVE": (f"{NEWER}\n", "")}
    place = Infrastructure("rg", "app", "https://service.example", "bundled", "account", "packages")
    models = models_of(place, packaged(tmp_path, "older", older), tmp_path / "models")
    assert Reference.open(models).manifest.version == OLDER


def test_the_revision_that_is_expected_is_the_one_in_the_package(tmp_path: Path) -> None:
    assert revision_of(packaged(tmp_path, "any", {})) == "commit of any"
    assert revision_of(write({}, tmp_path / "older.zip").path) is None


def test_outputs_that_are_missing_are_named() -> None:
    given = {name: {"value": "x"} for name in OUTPUTS if name != "SERVICE_URL"}
    with pytest.raises(OutputsError, match=r"infra/main\.bicep has no output SERVICE_URL\."):
        Infrastructure.from_outputs(given)
