"""What all tests share."""

import os
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the maintainers' images, so that `-m "not shared"` leaves out all of it."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The maintainers' folder of real images beside the checkout; STRICT=1 makes it a must."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)(
            "there is no folder 'shared' beside the checkout"
        )
    return folder
