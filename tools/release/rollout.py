"""The order of things in a release: put it there, test it, and take it back if it is not fit.

It knows nothing of clouds: what is done is handed in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tools.smoke.report import Report


class ReleaseError(Exception):
    """A step of a release failed; the text says which and why."""


class Outcome(Enum):
    """How a release ended."""

    LIVE = "the new release is live"
    NOT_KEPT = (
        "the new release is live, but was not kept: the next one would go back to the one before"
    )
    TAKEN_BACK = "the new release was not fit; the one before serves again"
    BROKEN = "the new release was not fit, and nothing that is fit serves: act now"

    @property
    def exit_status(self) -> int:
        """Of the command: 0 for a success, 3 where somebody is needed at once."""
        return {Outcome.LIVE: 0, Outcome.BROKEN: 3}.get(self, 1)


@dataclass(frozen=True)
class Steps:
    """What a release does. Each step raises ReleaseError where it fails.

    Attributes:
        deploy: Put the new release there.
        verify: Test what serves, as the new release.
        restore: Put the one before back; None where there is none.
        verify_restored: Test what serves, as the one before.
        keep: Remember the new release as the one to go back to; called for what passed its test only.
    """

    deploy: Callable[[], None]
    verify: Callable[[], Report]
    restore: Callable[[], None] | None
    verify_restored: Callable[[], Report]
    keep: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Rollout:
    """What came of a release: the outcome, a line for each thing that happened, and the tests' reports."""

    outcome: Outcome
    story: tuple[str, ...]
    reports: tuple[Report, ...]

    def to_markdown(self) -> str:
        """For the summary of a job."""
        lines = [f"## Release: {self.outcome.value}", "", *(f"- {line}" for line in self.story), ""]
        return "\n".join([*lines, *(report.to_markdown() for report in self.reports), ""])


def roll_out(steps: Steps, say: Callable[[str], None] = print) -> Rollout:
    """Release, and take back what is not fit.

    A deployment that fails counts as one that is not fit: half of it may be there. Only a ReleaseError is an
    answer of the service or of the cloud; anything else is a defect of these tools, but is no reason to leave
    an untested release in its place either, so it is raised only after the one before is back.

    Args:
        steps: What is done.
        say: Called with each line as it happens.

    Returns:
        What came of it. Only `Outcome.LIVE` is a success.
    """
    story: list[str] = []
    reports: list[Report] = []

    def tell(line: str) -> None:
        story.append(line)
        say(line)

    def attempt(what: str, act: Callable[[], None], test: Callable[[], Report]) -> bool:
        try:
            act()
            report = test()
        except ReleaseError as error:
            tell(f"{what}: {error}")
            return False
        reports.append(report)
        failed = [check.name for check in report.checks if not check.passed]
        tell(f"{what}: {'fit' if report.passed else f'not fit ({"; ".join(failed)})'}")
        return report.passed

    def done(outcome: Outcome) -> Rollout:
        say(outcome.value)
        return Rollout(outcome, tuple(story), tuple(reports))

    def take_back() -> Outcome:
        if steps.restore is None:
            tell("there is no release before it to go back to")
            return Outcome.BROKEN
        fit = attempt("the release before", steps.restore, steps.verify_restored)
        return Outcome.TAKEN_BACK if fit else Outcome.BROKEN

    try:
        fit = attempt("the new release", steps.deploy, steps.verify)
    except BaseException:
        take_back()
        raise
    if not fit:
        return done(take_back())
    try:
        steps.keep()
    except ReleaseError as error:
        tell(f"to keep it: {error}")
        return done(Outcome.NOT_KEPT)
    return done(Outcome.LIVE)
