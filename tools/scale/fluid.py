"""An archive as water: in every moment as many images as the narrowest part lets through."""

from collections import defaultdict, deque
from dataclasses import dataclass, replace
from math import ceil

from archive.prices import Prices
from tools.scale.model import Platform, Work, alone, dollars, limits

_LONGEST_STEP = 1.0  # seconds


@dataclass(frozen=True)
class Plan:
    """What becomes of an archive: seconds, most instances that work, US$, and what held it up the longest."""

    images: int
    instances: int
    seconds: float
    dollars: float
    limit: str


def plan(images: int, work: Work, platform: Platform, prices: Prices) -> Plan:
    """Work an archive off.

    Args:
        images: How many there are; one submitter lists them while the first are worked off.
    """
    messages = images / work.images_a_message
    one, ceilings = alone(work, platform), limits(work, platform)
    submitted = ceilings.pop("the submitter")
    narrowest = min(ceilings, key=lambda name: ceilings[name])
    storage = ceilings[narrowest]
    step = min(_LONGEST_STEP, platform.decision_seconds)
    starting: deque[tuple[float, int]] = deque()
    held: dict[str, float] = defaultdict(float)
    asked = running = 0
    now, done, busy, decision = 0.0, 0.0, 0.0, 0.0
    while messages - done > 1e-9:
        put = min(messages, 1 + submitted * now)
        if now >= decision:
            wanted = min(platform.ceiling, ceil((put - done) / platform.slots))
            if more := min(platform.step, max(0, wanted - asked)):
                starting.append((now + platform.start_seconds, more))
                asked += more
            decision += platform.decision_seconds
        while starting and starting[0][0] <= now:
            running += starting.popleft()[1]
        able = min(running * one, storage)
        there = min(messages, put + submitted * step) - done
        passed = min(able * step, there)
        if able * step > there and put < messages:
            held["the submitter"] += step
        elif running * one > storage:
            held[narrowest] += step
        else:
            held[_ceiling(platform) if running == platform.ceiling else "starting instances"] += (
                step
            )
        # An instance that waits for storage with messages in hand is paid for; one without any is not.
        busy += step * min(running, there / platform.slots)
        done += passed
        now += step if done < messages - 1e-9 else passed / able
    return Plan(
        images,
        running,
        now,
        dollars(images, max(busy, messages / one), work, platform, prices),
        max(held, key=lambda name: held[name]),
    )


def enough(work: Work, platform: Platform) -> int:
    """Instances from which on more of them do nothing, because something else lets no more through."""
    ceiling = replace(platform, maximum=1000).ceiling
    return min(ceiling, ceil(min(limits(work, platform).values()) / alone(work, platform)))


def _ceiling(platform: Platform) -> str:
    by_cores = int(platform.region_cores / platform.cores) < platform.maximum
    return "cores of the region" if by_cores else "maximumInstanceCount"
