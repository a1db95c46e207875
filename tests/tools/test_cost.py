"""What a call costs: sums that can be done by hand, and the table of docs/deploy.md."""

import re
from pathlib import Path

import pytest

from archive.prices import Prices
from tests.infra.bicep import parameter_file, read
from tools.cost import (
    CORES,
    Use,
    always_ready,
    bursts,
    busy,
    ceiling,
    fits,
    idle,
    isolated,
    main,
    table,
)

ROOT = Path(__file__).parents[2]
PRICES = Prices()
USE = Use()


@pytest.mark.parametrize(("memory", "dollars"), [(512, 1.34), (2048, 5.24), (4096, 10.44)])
def test_an_isolated_call_costs_the_least_that_the_platform_takes(memory, dollars):
    # 0.5 GB x 1 s x 0.000026 + 0.0000004 = 0.0000134
    assert isolated(memory, 100_000, PRICES, USE) == pytest.approx(dollars)


def test_an_isolated_call_of_more_than_a_second_costs_its_time():
    slow = Use(answer_ms=1500)
    assert isolated(2048, 1_000_000, PRICES, slow) == pytest.approx(78.40)
    assert isolated(512, 1_000_000, PRICES, slow) == pytest.approx(78.40)  # four times as long


def test_calls_that_come_together_share_a_second():
    assert bursts(512, 1_000_000, PRICES, Use(concurrency=8)) == pytest.approx(13 / 8 + 0.4)
    assert bursts(512, 1_000_000, PRICES, Use(concurrency=1)) == pytest.approx(13.4)


def test_a_busy_instance_costs_the_time_of_its_core():
    # 10,000 s x 2 GB x 0.000026 + 0.40; a quarter of a core takes four times as long at a quarter of
    # the price, and a second core is of no use to one process.
    use = Use(answer_ms=10)
    assert busy(2048, 1_000_000, PRICES, use) == pytest.approx(0.92)
    assert busy(512, 1_000_000, PRICES, use) == pytest.approx(0.92)
    assert busy(4096, 1_000_000, PRICES, use) == pytest.approx(1.44)


def test_idle_instances_cost_nothing_and_warm_ones_by_the_month():
    assert idle(PRICES, USE) == pytest.approx({"functions": 0, "storage": 0.0546, "alerts": 2.0})
    assert always_ready(2048, PRICES) == pytest.approx(20.736)


def test_the_number_of_instances_is_a_ceiling():
    assert ceiling(2048, 10, PRICES) == pytest.approx(44.928)


def test_four_hundred_mebibytes_are_the_most_for_the_smallest_instance():
    assert fits(512, Use(peak_mib=400))
    assert not fits(512, Use(peak_mib=401))
    assert fits(2048, Use(peak_mib=401))


def test_the_document_has_the_table():
    assert table(PRICES, USE) in (ROOT / "docs/deploy.md").read_text()


def test_the_readme_has_the_time_that_the_table_comes_from():
    row = re.search(
        r"warm: 1024 px JPEG to JSON .*?\| ([\d.]+) ms", (ROOT / "README.md").read_text()
    )
    assert row is not None
    assert float(row[1]) == USE.answer_ms


def test_the_table_is_of_what_is_deployed():
    parameters = read(ROOT / "infra" / "main.bicep").parameters
    assert USE.concurrency == parameters["httpConcurrency"].default
    for instances, file in (
        (USE.dev_instances, "main.bicepparam"),
        (USE.prod_instances, "prod.bicepparam"),
    ):
        assert parameter_file(ROOT / "infra" / file)["maximumInstanceCount"] == instances
    # Who names no ceiling has the lower one.
    assert parameters["maximumInstanceCount"].default == USE.dev_instances
    memory = parameters["instanceMemoryMB"]
    # The smallest that has a whole core, and room for the measured peak.
    sizes = [size for size in memory.decorators["allowed"][0] if CORES[size] >= 1]
    assert memory.default == next(size for size in sizes if fits(size, USE))


def test_every_price_and_figure_is_an_option(capsys):
    assert main(["--gb-second", "0.00004", "--minimum-ms", "100", "--peak-mib", "300"]) == 0
    printed = capsys.readouterr().out
    assert "| room for the measured peak of 300 MiB | yes | yes | yes |" in printed
    assert "| 100,000 calls, each isolated | US$ 0.24 | US$ 0.84 | US$ 1.64 |" in printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--alert", "-1"], "-1 is not a number from 0 on"),
        (["--concurrency", "0"], "0 is not a number from 1 on"),
        (["--concurrency", "1.5"], "invalid whole number value: '1.5'"),
        (["--answer-ms", "nan"], "nan is not a number from 0 on"),
    ],
)
def test_a_wrong_figure_is_told(capsys, arguments, told):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


def test_the_help_says_what_is_not_counted(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Not counted: the free grants" in capsys.readouterr().out
