"""What a smoke test comes to, for a person and for a program."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One check; `said` is what was found, or what was wrong."""

    name: str
    passed: bool
    said: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """All checks of one address."""

    url: str
    version: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Everything, for `json.dumps`."""
        return {"passed": self.passed, **asdict(self)}

    def to_markdown(self) -> str:
        """A table for the summary of a job; nothing that a server said can be taken for markup."""
        verdict = "passed" if self.passed else "FAILED"
        rows = [
            f"| {'✓' if check.passed else '✗'} | {check.name} | {_cell(check.said)} | "
            f"{check.seconds:.1f} s |"
            for check in self.checks
        ]
        head = f"### Smoke test {verdict}: {self.url}, expected version {self.version}"
        return "\n".join(
            [head, "", "| | check | found | |", "| --- | --- | --- | --- |", *rows, ""]
        )

    def to_text(self) -> str:
        """Lines for a terminal."""
        width = max(len(check.name) for check in self.checks)
        rows = [
            f"{'ok  ' if check.passed else 'FAIL'}  {check.name:{width}}  {check.said}"
            for check in self.checks
        ]
        return "\n".join([*rows, f"{self.url}: {'passed' if self.passed else 'FAILED'}"])


def _cell(text: str) -> str:
    for character, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "&#124;"), ("`", "'")):
        text = text.replace(character, instead)
    return " ".join(text.split())
