"""What share of the mutants the tests have noticed, from what mutmut counted.

    python -m tests.mutation mutants/mutmut-cicd-stats.json build/mutation.json

Exit status 1 below the bar.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

BAR = 0.85


def main(counted: str, result: str) -> int:
    """Write `killed` (0 to 1), `survived` and `mutants`; the exit status."""
    counts = json.loads(Path(counted).read_text())
    total = counts["total"]
    killed = sum(counts[what] for what in ("killed", "timeout", "segfault"))
    found = {"killed": round(killed / total, 4), "survived": total - killed, "mutants": total}
    Path(result).write_text(json.dumps(found, indent=2) + "\n")
    print(f"{killed} of {total} mutants were noticed: {killed / total:.1%} (bar: {BAR:.0%})")
    return int(killed < BAR * total)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
