"""Requests made up from the OpenAPI document, good and bad: no answer that is not in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import requests

from tests.tools.running import REPOSITORY, StartHost

# Bytes that fit the document are rarely an image, links to made-up hosts are not followed, most files are
# not there, and of one address the document says itself that it takes another method.
# Azure has a bare 404 for a wrong method, where HTTP has 405 and Allow.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["200", "400", "403", "404", "405", "413", "415", "422"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "413", "415", "422"]
unsupported_method.enabled = false
"""


def test_every_answer_to_what_can_be_made_up_from_the_document_is_in_it(
    start_host: StartHost, tmp_path: Path
) -> None:
    # No link leaves this machine.
    host = start_host(REPOSITORY, "--enable-auth", "--key", "s3cret", LINK_HOSTS="images.invalid")
    config, document = tmp_path / "schemathesis.toml", tmp_path / "openapi.json"
    config.write_text(CONFIG)
    document.write_text(requests.get(f"{host.url}/api/openapi.json", timeout=30).text)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [str(document), "--url", host.url, "--header", "x-functions-key: s3cret"]
    command += ["--generation-deterministic", "--max-examples", "300", "--continue-on-failure"]
    command += ["--no-shrink", "--no-color", "--request-timeout", "30"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Selected: 8/8" in done.stdout
    assert "Traceback" not in host.log()
