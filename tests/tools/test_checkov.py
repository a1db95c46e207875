"""What checkov says is judged: what it cannot read counts, and what is accepted has a reason."""

from pathlib import Path

import pytest

from tools.checkov import judge, main

FILES = [Path("infra/modules/app.bicep"), Path("infra/main.bicep")]


def check(reason: str | None = None) -> dict[str, object]:
    """One check, as checkov 3.3 prints it."""
    return {
        "check_id": "CKV_AZURE_222",
        "check_name": "Ensure that Azure Web App public network access is disabled",
        "check_result": {"result": "SKIPPED", "suppress_comment": reason} if reason else {},
        "file_path": "/modules/app.bicep",
        "file_line_range": [90, 160],
    }


PASSED = {"passed_checks": [check()]}


def test_nothing_found_is_right():
    assert judge({"results": PASSED}, FILES) == ([], [])


def test_a_file_that_cannot_be_read_is_wrong():
    wrong, _ = judge({"results": PASSED | {"parsing_errors": ["infra/main.bicep"]}}, FILES)
    assert wrong == ["infra/main.bicep: cannot be read by checkov"]


def test_a_failed_check_is_wrong():
    (wrong,), _ = judge({"results": PASSED | {"failed_checks": [check()]}}, FILES)
    assert wrong.startswith("modules/app.bicep:90: CKV_AZURE_222 Ensure that Azure Web App public")


def test_what_is_accepted_is_told_with_its_reason():
    skipped = {"skipped_checks": [check("It is a public service.")]}
    wrong, accepted = judge({"results": PASSED | skipped}, FILES)
    assert wrong == []
    assert [line.rpartition(": ")[2] for line in accepted] == ["It is a public service."]


@pytest.mark.parametrize("reason", ["ok", "No bicep"])
def test_what_is_accepted_without_a_reason_is_wrong(reason):
    wrong, _ = judge({"results": PASSED | {"skipped_checks": [check(reason)]}}, FILES)
    assert len(wrong) == 1
    assert wrong[0].endswith("(accepted without a reason)")


@pytest.mark.parametrize("report", [{}, {"results": {}}, {"passed": 0, "failed": 0}])
def test_a_report_of_no_checks_is_wrong(report):
    assert judge(report, FILES)[0] == ["checkov checked nothing of 2 files"]


def test_a_missing_checkov_is_told(capsys, tmp_path):
    assert main(["--command", str(tmp_path / "checkov")]) == 2
    assert "`make checkov` installs it." in capsys.readouterr().err
