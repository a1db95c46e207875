"""What share of the mutants the tests have noticed, a module at a time, from what mutmut says of each.

    python -m mutmut results --all true | python -m tests.mutation build/mutation.json

Modules whose mutants were not tried are left out. Exit status 1 where one is below the bar.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

BAR = 0.85
#: A mutant that never ends, or ends the process, has been noticed, too.
NOTICED = ("killed", "timeout", "segfault")

_LINE = re.compile(r"\s*([\w.]+)\.[^.\s]+__mutmut_\d+: (.+)")


def main(lines: Iterable[str], result: str) -> int:
    """Write `killed` (0 to 1), `survived` and `mutants`, of all and of each module; the exit status."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        if (found := _LINE.match(line)) and found[2] != "not checked":
            counts[found[1]][found[2]] += 1
    if not counts:
        print("No mutants were tried.")
        return 1
    modules = {module: _share(each) for module, each in sorted(counts.items())}
    whole = _share(sum(counts.values(), Counter()))
    Path(result).write_text(json.dumps(whole | {"modules": modules}, indent=2) + "\n")
    for module, share in modules.items():
        killed = share["mutants"] - share["survived"]
        print(f"{module}: {killed:.0f} of {share['mutants']:.0f} noticed: {share['killed']:.1%}")
    print(f"all: {whole['killed']:.1%} (bar for each: {BAR:.0%})")
    return int(any(share["killed"] < BAR for share in modules.values()))


def _share(counts: Counter[str]) -> dict[str, float]:
    total = counts.total()
    killed = sum(counts[what] for what in NOTICED)
    return {"killed": round(killed / total, 4), "survived": total - killed, "mutants": total}


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.argv[1]))
