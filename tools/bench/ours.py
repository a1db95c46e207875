"""Our way, in a process of its own: what `function_app.predict` does, without the web.

python -m tools.bench.ours IMAGE ANSWERS
"""

import sys
from pathlib import Path

from inference.course import Course
from inference.service import Service
from inference.settings import Settings
from tools.bench import answering
from tools.bench.measurement import QUERY


def main(image: Path, answers: int) -> None:
    """Open the service and answer."""
    data = image.read_bytes()
    service = Service(Settings.from_environment())

    def answer() -> bytes:
        return service.answer(None, data, QUERY, Course("bench")).to_bytes()

    answering.give(answer, answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
