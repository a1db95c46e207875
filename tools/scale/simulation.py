"""An archive message by message: a simulation by events.

A message waits in the queue until an instance has a slot for it. There it waits for storage, which gives no
more than its limits, then for a core of its instance, in the order of arrival, and is done. The controller
looks at the queue every so often and starts as many instances as it may; each comes after its cold start. A
message whose instance dies comes back after the time for which it was hidden. Times are drawn from gamma
distributions, of which `spread` 1 is the exponential and 0 a constant.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import ceil, inf
from random import Random

from tools.scale.model import Platform, Work, limits


@dataclass
class Run:
    """What was seen.

    Attributes:
        seconds: From the first message to the last.
        done: Messages that were worked off, each counted once.
        instances: Most instances at a time.
        instance_seconds: Seconds for which instances had a message in hand, added up.
        waited: Mean seconds of a message in the queue, without those that came back.
        again: Messages that came back because their instance died.
        course: Every decision: seconds, instances that run, messages done until then.
    """

    seconds: float = 0.0
    done: int = 0
    instances: int = 0
    instance_seconds: float = 0.0
    waited: float = 0.0
    again: int = 0
    course: list[tuple[float, int, int]] = field(default_factory=list)


class _Instance:
    """Slots that are free, and when each of its cores will be."""

    def __init__(self, slots: int, cores: int) -> None:
        self.slots, self.free, self.cores, self.since = slots, slots, [0.0] * cores, 0.0


def simulate(
    messages: int,
    work: Work,
    platform: Platform,
    *,
    ready: int = 0,
    arrivals: float = inf,
    lost: float = 0.0,
    seed: int = 0,
    told: Callable[[], object] = lambda: None,
) -> Run:
    """Work `messages` off.

    Args:
        ready: Instances that run from the start.
        arrivals: Messages a second that come in, at random; `inf`: all that the submitter can.
        lost: Share of messages under which their instance dies.
        told: Called after each message.
    """
    random = Random(seed)
    servers, speed = max(1, int(platform.cores)), min(1.0, platform.cores)
    ceilings = limits(work, platform)
    storage = min(each for name, each in ceilings.items() if name != "the submitter")
    run, queue, idle = Run(), deque[float](), deque[_Instance]()
    events: list[tuple[float, int, str, _Instance | None]] = []
    number = count()
    asked = running = 0
    granted = waited = 0.0

    def at(when: float, what: str, instance: _Instance | None = None) -> None:
        heappush(events, (when, next(number), what, instance))

    def drawn(mean: float) -> float:
        if not (mean and work.spread):
            return mean
        shape = work.spread**-2
        return random.gammavariate(shape, mean / shape)

    def start(now: float) -> None:
        nonlocal granted, waited
        while queue and idle:
            instance = idle[0]
            came = queue.popleft()
            if came >= 0:
                waited += now - came
            if instance.free == instance.slots:
                instance.since = now
            instance.free -= 1
            # One after the other, so that no instance is filled up while another is empty.
            idle.rotate(-1)
            if not instance.free:
                idle.remove(instance)
            granted = max(now, granted) + 1 / storage
            at(granted + drawn(work.wait_seconds), "read", instance)

    def leave(instance: _Instance, now: float) -> None:
        if not instance.free:
            idle.append(instance)
        instance.free += 1
        if instance.free == instance.slots:
            run.instance_seconds += now - instance.since

    for _ in range(ready):
        at(0.0, "up")
    at(0.0, "put")
    at(0.0, "decide")
    asked, to_come = ready, messages
    while run.done < messages:
        now, _, what, instance = heappop(events)
        if what == "put":
            queue.append(now)
            to_come -= 1
            if to_come:
                gap = (
                    1 / ceilings["the submitter"]
                    if arrivals == inf
                    else random.expovariate(arrivals)
                )
                at(now + gap, "put")
        elif what == "back":
            queue.append(-1.0)
        elif what == "decide":
            # The length of the queue counts what is being worked on, too.
            wanted = min(platform.ceiling, ceil((messages - to_come - run.done) / platform.slots))
            for _ in range(min(platform.step, max(0, wanted - asked))):
                at(now + platform.start_seconds, "up")
                asked += 1
            run.course.append((now, running, run.done))
            at(now + platform.decision_seconds, "decide")
        elif what == "up":
            running += 1
            idle.append(_Instance(platform.slots, servers))
        elif what == "read":
            assert instance is not None
            core = min(range(servers), key=instance.cores.__getitem__)
            end = max(now, instance.cores[core]) + drawn(work.core_seconds / speed)
            instance.cores[core] = end
            at(end, "lost" if lost and random.random() < lost else "done", instance)
        else:
            assert instance is not None
            leave(instance, now)
            if what == "lost":
                run.again += 1
                at(now + platform.hidden_seconds, "back")
            else:
                run.done += 1
                run.seconds = now
                told()
        start(now)
    run.instances = running
    run.waited = waited / messages
    run.course.append((run.seconds, running, run.done))
    return run
