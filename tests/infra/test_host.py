"""What the Functions host is told about the queue of archives."""

import json

from archive.here import ATTEMPTS
from tests.infra.checks import ROOT

HOST = json.loads((ROOT / "host.json").read_text())


def test_queue_triggers_come_with_the_extension_bundle():
    assert HOST["extensionBundle"] == {
        "id": "Microsoft.Azure.Functions.ExtensionBundle",
        "version": "[4.*, 5.0.0)",
    }


def test_messages_are_base64_as_event_grid_and_submitters_put_them():
    assert HOST["extensions"]["queues"]["messageEncoding"] == "base64"


def test_a_message_has_five_attempts_and_waits_half_a_minute_between():
    queues = HOST["extensions"]["queues"]
    assert (queues["maxDequeueCount"], queues["visibilityTimeout"]) == (5, "00:00:30")
    assert queues["maxDequeueCount"] == ATTEMPTS  # so the function knows which is the last


def test_an_archive_does_not_fill_the_logs_and_still_warns():
    levels = HOST["logging"]["logLevel"]
    # The host's own warnings, such as of a message that is put aside, come by the default.
    assert (levels["Function.archive"], levels["default"]) == ("Warning", "Warning")
