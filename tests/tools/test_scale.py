"""The plan past one machine: the simulation against what is known in closed form, and against the sums."""

import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from archive.prices import Prices
from tools import radiographs
from tools.scale.__main__ import CEILINGS, main
from tools.scale.fluid import enough, plan
from tools.scale.model import Platform, Work, alone, dollars, limits
from tools.scale.simulation import simulate

ROOT = Path(__file__).parents[2]
PRICES = Prices()
#: One image a message, a tenth of a second of a core, no waits: ten messages a second and instance.
PLAIN = Work(
    predict_ms=100,
    read_ms=0,
    wait_ms=0,
    message_ms=0,
    image_bytes=0,
    images_a_message=1,
    spread=0,
)
#: Nothing is in the way but instances with one slot, which are there from the start.
BARE = Platform(
    slots=1,
    maximum=1,
    account_requests=1e9,
    queue_messages=1e9,
    submitted=1e9,
    start_seconds=0,
    decision_seconds=1e6,
)


class TestClosedForms:
    @pytest.mark.parametrize(("instances", "seconds"), [(1, 100.0), (4, 25.0), (7, 14.3)])
    def test_constant_times_take_messages_by_instances_rounded_up(self, instances, seconds):
        run = simulate(1000, PLAIN, replace(BARE, maximum=instances), ready=instances)
        assert run.seconds == pytest.approx(seconds, abs=1e-3)
        assert run.instance_seconds == pytest.approx(100)

    @pytest.mark.parametrize(
        ("instances", "arrivals", "waited"),
        # M/M/c, ten a second each: Erlang's C is 0.5, 0.355 and 0.378, Wq = C / (10 c - arrivals).
        [(1, 5, 0.1), (3, 18, 0.02956), (5, 35, 0.02519)],
    )
    def test_waits_in_line_are_those_of_erlang(self, instances, arrivals, waited):
        here = replace(BARE, maximum=instances)
        runs = [
            simulate(
                20_000,
                replace(PLAIN, spread=1),
                here,
                ready=instances,
                arrivals=arrivals,
                seed=seed,
            )
            for seed in range(6)
        ]
        assert mean(run.waited for run in runs) == pytest.approx(waited, rel=0.05)

    @pytest.mark.parametrize(("slots", "rate"), [(1, 5.0), (2, 8.0), (4, 9.846)])
    def test_a_core_in_series_with_waits_is_the_repairman_model(self, slots, rate):
        # As much wait as work: 1 - B of 1/2, 1/5 and 1/65 (Erlang's B for one erlang), times ten a second.
        work = replace(PLAIN, wait_ms=100, spread=1)
        here = replace(BARE, slots=slots)
        assert alone(work, here) == pytest.approx(rate, abs=1e-3)
        run = simulate(20_000, work, here, ready=1)
        assert run.done / run.seconds == pytest.approx(rate, rel=0.02)

    def test_two_cores_do_twice_as_much_and_a_quarter_of_one_a_quarter(self):
        for memory, seconds in ((512, 400.0), (2048, 100.0), (4096, 50.0)):
            run = simulate(1000, PLAIN, replace(BARE, memory=memory, slots=2), ready=1)
            assert run.seconds == pytest.approx(seconds, abs=1e-3)


class TestLimits:
    @pytest.mark.parametrize(
        ("limit", "rate"),
        # A message is one read, three calls for its record and three of the queue: seven requests.
        [
            ({"account_requests": 700}, 100.0),
            ({"queue_messages": 150}, 50.0),
            ({"submitted": 40}, 40.0),
        ],
    )
    def test_no_number_of_instances_gets_past_what_storage_takes(self, limit, rate):
        here = replace(BARE, maximum=50, **limit)
        run = simulate(5000, PLAIN, here, ready=50)
        assert run.done / run.seconds == pytest.approx(rate, rel=0.01)

    def test_egress_is_counted_in_gigabits(self):
        work = replace(PLAIN, image_bytes=1_000_000)
        assert limits(work, replace(BARE, egress_gbps=8))["egress of the storage account"] == 1000

    def test_the_region_gives_so_many_cores_and_not_instances(self):
        assert [Platform(maximum=1000, memory=memory).ceiling for memory in (512, 2048, 4096)] == [
            1000,
            250,
            125,
        ]
        assert Platform(maximum=10).ceiling == 10

    def test_more_instances_are_of_no_use_once_storage_is_at_its_limit(self):
        # 2,000 calls of the queue a second are 666 messages, each put, got and deleted: 67 times ten.
        assert enough(PLAIN, replace(BARE, queue_messages=2000)) == 67


class TestStarting:
    def test_four_instances_start_at_a_time_after_their_cold_start(self):
        here = replace(BARE, maximum=10, step=4, decision_seconds=10, start_seconds=3)
        run = simulate(3000, PLAIN, here)
        assert [(second, running) for second, running, _ in run.course[:5]] == [
            (0, 0),
            (10, 1),  # the first decision saw the first message alone
            (20, 5),
            (30, 9),
            (40, 10),
        ]
        assert run.instances == 10

    def test_no_more_start_than_there_are_messages_for(self):
        run = simulate(
            30, PLAIN, replace(BARE, slots=10, maximum=100, step=100, decision_seconds=1)
        )
        assert run.instances == 3

    def test_a_message_whose_instance_dies_comes_back_and_counts_once(self):
        run = simulate(2000, PLAIN, BARE, ready=1, lost=0.01, seed=3)
        assert run.done == 2000
        assert 10 <= run.again <= 35
        assert run.seconds > 600  # the last waits for its ten minutes


class TestPlan:
    @pytest.mark.parametrize("images", [10_000, 300_000])
    @pytest.mark.parametrize("maximum", CEILINGS)
    @pytest.mark.parametrize(("step", "every"), [(4, 30.0), (17, 1.0)])
    def test_sums_and_simulation_agree(self, images, maximum, step, every):
        here = Platform(maximum=maximum, step=step, decision_seconds=every)
        planned = plan(images, Work(), here, PRICES)
        run = simulate(images // 16, Work(), here)
        assert run.seconds == pytest.approx(planned.seconds, rel=0.05, abs=1.5)

    def test_a_job_costs_its_core_seconds_its_calls_and_its_requests(self):
        # 10,000 s x 2 GB x 0.000026, a million calls and shards, three million reads and calls of the queue.
        assert dollars(1_000_000, 10_000, PLAIN, Platform(), PRICES) == pytest.approx(
            0.52 + 0.40 + 1.5 + 6.5 + 1.2
        )

    @pytest.mark.parametrize(
        ("platform", "limit"),
        [
            (Platform(maximum=2), "maximumInstanceCount"),
            (Platform(maximum=1000, region_cores=5), "cores of the region"),
            (Platform(maximum=40, submitted=10), "the submitter"),
            (Platform(maximum=40, step=40, queue_messages=300), "the queue"),
            (
                Platform(maximum=40, step=40, account_requests=2000),
                "requests of the storage account",
            ),
            (Platform(maximum=40, step=40, egress_gbps=0.5), "egress of the storage account"),
            (Platform(maximum=250, step=1), "starting instances"),
        ],
    )
    def test_it_says_what_holds_the_archive_up(self, platform, limit):
        assert plan(1_000_000, Work(), platform, PRICES).limit == limit


class TestCommand:
    def test_the_page_has_the_tables_that_the_command_prints(self, capsys):
        assert main([]) == 0
        page = (ROOT / "docs" / "scale.md").read_text()
        tables = capsys.readouterr().out.strip().split("\n\n")
        assert len(tables) == 4
        assert [each.splitlines()[0] for each in tables if each not in page] == []

    def test_the_picture_is_the_one_that_the_command_draws(self, tmp_path):
        assert main(["--figure", str(tmp_path / "scale.svg")]) == 0
        drawn = (tmp_path / "scale.svg").read_text()
        assert _lines(drawn) == pytest.approx(
            _lines((ROOT / "docs" / "scale.svg").read_text()), abs=0.5
        )

    def test_the_messages_at_a_time_are_those_of_the_host(self):
        queues = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
        assert Platform().slots == queues["batchSize"] + queues["newBatchThreshold"]

    def test_it_measures_what_an_answer_costs(self, tmp_path, capsys):
        image, text = tmp_path / "chest.jpg", tmp_path / "text.jpg"
        image.write_bytes(radiographs.jpeg(radiographs.draw(256, 256)))
        text.write_text("no radiograph")
        assert main(["--measure", str(image), str(image), str(text)]) == 0
        rows = capsys.readouterr().out.splitlines()[2:]
        assert [row.split(" | ")[1:3] for row in rows] == [
            ["none", "2 of 3"],
            ["predicted", "2 of 3"],
        ]

    def test_a_number_out_of_range_is_refused(self, capsys):
        with pytest.raises(SystemExit):
            main(["--maximum", "0"])
        assert "0 is not a number from 1 on" in capsys.readouterr().err


def _lines(svg: str) -> list[float]:
    """Numbers of the first curves, in points."""
    paths = re.findall(r'<path d="(M [^"]*)" clip-path', svg)
    return [float(number) for path in paths[:40] for number in re.findall(r"-?\d+\.?\d*", path)]
