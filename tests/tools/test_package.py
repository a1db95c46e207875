"""The package: what is in it, that it is the same each time, and that it serves with nothing beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

import pytest

from tests.tools.running import REPOSITORY
from tools.package.building import NotBuilt, contents, head, write
from tools.package.checking import NotFit, check, first_answer

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What requirements.txt pins, from where it is installed here: the same files as pip would fetch."""
    folder = tmp_path_factory.mktemp("site")
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", (REPOSITORY / "requirements.txt").read_text(), re.M)
    for name, version in pins:
        found = distribution(name)
        assert found.version == version, f"{name} {found.version} is installed; {version} is pinned"
        for file in found.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).symlink_to(Path(str(file.locate())).resolve())
    return folder


@pytest.fixture(scope="module")
def package(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, stored: to deflate it takes most of the time and says nothing here."""
    folder = tmp_path_factory.mktemp("package")
    files = contents(REPOSITORY, site, folder / "bytecode", REVISION)
    return write(files, folder / "package.zip", level=0).path


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A small repository: an app of one module, and an empty folder of packages."""
    folder = tmp_path / "repository"
    (folder / "inference").mkdir(parents=True)
    (folder / "site").mkdir()
    (folder / ".funcignore").write_text("/tests/\n/site/\n")
    (folder / "inference" / "work.py").write_text("answer = 42\n")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_work.py").write_text("assert True\n")
    return folder


def test_the_unpacked_app_answers_its_first_call_where_no_tensorflow_can_be_imported(
    package: Path,
) -> None:
    found = first_answer(package)
    assert found["status"] == 200
    assert found["label"] in ("covid19", "normal", "pneumonia", "tuberculosis")
    active = (REPOSITORY / "model_store" / "models" / "ACTIVE").read_text().split()[0]
    assert found["version"] == active
    assert found["revision"] == REVISION
    assert found["tensorflow"] is False
    assert found["outside"] == []


def test_a_package_in_which_the_dependencies_are_missing_is_not_fit(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    files = contents(REPOSITORY, tmp_path / "site", tmp_path / "cache")
    with pytest.raises(NotFit, match="No module named"):
        first_answer(write(files, tmp_path / "bare.zip", level=0).path)


def test_a_package_over_the_bar_is_not_fit(tmp_path: Path) -> None:
    large = tmp_path / "large.zip"
    with large.open("wb") as stream:
        stream.truncate(130_000_001)
    with pytest.raises(NotFit, match=r"has 130\.0 MB; the bar is 130 MB"):
        check(large)


def test_a_package_that_was_cut_is_not_fit(tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(write({}, tmp_path / "whole.zip").path.read_bytes()[:-1])
    with pytest.raises(NotFit, match=r"cut\.zip is no whole zip: "):
        check(cut)


def test_what_is_half_written_goes_and_the_package_before_stays(tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(b"the one before")
    with pytest.raises(FileNotFoundError):
        write({PurePosixPath("gone.py"): tmp_path / "gone.py"}, package)
    assert [file.name for file in tmp_path.iterdir()] == ["package.zip"]
    assert package.read_bytes() == b"the one before"


def test_the_package_holds_the_app_its_bytecode_and_its_packages_and_nothing_else(
    package: Path,
) -> None:
    names = set(zipfile.ZipFile(package).namelist())
    tag = sys.implementation.cache_tag
    assert {
        "function_app.py",
        f"__pycache__/function_app.{tag}.pyc",
        f"inference/__pycache__/pipeline.{tag}.pyc",
        "host.json",
        "web/index.html",
        "model_store/models/ACTIVE",
        ".python_packages/lib/site-packages/numpy/__init__.py",
    } <= names
    tops = {name.partition("/")[0] for name in names}
    assert not tops & {"tests", "tools", "training", "infra", ".github", "local.settings.json"}
    assert not [name for name in names if "/tensorflow/" in name or name.endswith("model.keras")]


def test_the_revision_is_the_commit_that_is_checked_out_and_says_where_files_differ(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> str:
        line = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
        return subprocess.run(line, cwd=app, capture_output=True, text=True, check=True).stdout

    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(app.parent))
    assert head(app) is None
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    git("tag", "-a", "v1", "-m", "a tag is no revision")
    commit = git("rev-parse", "HEAD").strip()
    assert head(app) == commit
    (app / "inference" / "work.py").write_text("answer = 0\n")
    assert head(app) == f"{commit}-dirty"
    monkeypatch.setenv("PATH", str(app))
    assert head(app) is None  # there is no git


def test_two_builds_of_the_same_files_are_the_same_bytes(app: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    shutil.copytree(app, again, copy_function=shutil.copy)  # with other file times
    packages = []
    for number, root in enumerate((app, again)):
        files = contents(root, root / "site", tmp_path / f"cache-{number}", REVISION)
        packages.append(write(files, tmp_path / f"{number}.zip"))
    assert packages[0].sha256 == packages[1].sha256
    assert packages[0].path.read_bytes() == packages[1].path.read_bytes()
    # 22: the end of the directory
    assert sum(packages[0].sizes.values()) + 22 == packages[0].path.stat().st_size


def test_the_bytecode_is_used_whatever_the_time_of_the_file(app: Path, tmp_path: Path) -> None:
    package = write(contents(app, app / "site", tmp_path / "cache"), tmp_path / "app.zip")
    unpacked = tmp_path / "app"
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(unpacked)
    (unpacked / "inference" / "work.py").write_text("answer = 0\n")
    line = [sys.executable, "-c", "from inference.work import answer; print(answer)"]
    done = subprocess.run(line, cwd=unpacked, capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


def test_a_module_that_does_not_compile_is_named(app: Path, tmp_path: Path) -> None:
    (app / "inference" / "wrong.py").write_text("def:\n")
    with pytest.raises(NotBuilt, match=r"does not compile: .*inference/wrong\.py"):
        contents(app, app / "site", tmp_path / "cache")


def test_tensorflow_among_the_packages_stops_the_build(app: Path, tmp_path: Path) -> None:
    (app / "site" / "tensorflow").mkdir()
    (app / "site" / "tensorflow" / "__init__.py").touch()
    with pytest.raises(NotBuilt, match="TensorFlow is in the package"):
        contents(app, app / "site", tmp_path / "cache")


def test_the_command_says_what_a_package_answered(package: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "tools.package", "--check", str(tmp_path / "none.zip"), "--json"]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "none.zip" in done.stderr


def test_what_is_left_in_of_packages_is_what_funcignore_says(app: Path, tmp_path: Path) -> None:
    (app / ".funcignore").write_text("/site/\n/tests/\n/.python_packages/**/tests/\n")
    for name in ("pkg/__init__.py", "pkg/tests/test_a.py"):
        (app / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (app / "site" / name).touch()
    found = contents(app, app / "site", tmp_path / "cache")
    inside = [name for name in found if name.parts[0] == ".python_packages"]
    assert inside == [PurePosixPath(".python_packages/lib/site-packages/pkg/__init__.py")]
