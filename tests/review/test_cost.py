"""The bill, against sums made by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.cost.book import Book, BookError, Price, Usage, load_book, load_usage
from review.cost.reckon import METERS, reckon
from review.plan import Plan, read

STACK = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"


def plan(*resources: tuple[str, dict[str, Any]]) -> Plan:
    steps = [{"op": "create", "newState": {"urn": STACK, "type": "pulumi:pulumi:Stack"}}]
    for number, (kind, inputs) in enumerate(resources):
        urn = f"urn:pulumi:dev::p::{kind}::r{number}"
        state = {"urn": urn, "type": kind, "custom": True, "parent": STACK, "inputs": inputs}
        steps.append({"op": "create", "newState": state})
    return read({"steps": steps})


def usage(**changes: Any) -> Usage:
    return load_usage("prod").model_copy(update={k: Decimal(v) for k, v in changes.items()})


FUNCTION = "alicloud:fc/v3Function:V3Function"
COMMANDER = {"functionName": "agent-dev-commander", "cpu": 2, "memorySize": 4096, "diskSize": 512}


@pytest.mark.parametrize(
    ("seconds", "yuan"),
    # 30,000 calls of 2 vCPU and 4 GB: (2 + 4 * 0.15) CU a second and 0.0075 CU a call, at 0.00011
    [("5", "42.92"), ("30", "257.42"), ("300", "2574.02")],
)
def test_the_commander_costs_what_the_facts_reckon(seconds: str, yuan: str) -> None:
    bill = reckon(
        plan((FUNCTION, COMMANDER)),
        usage(tasks_a_day="1000", heavy_share="1", heavy_seconds=seconds),
        load_book(),
    )
    assert bill.total.quantize(Decimal("0.01")) == Decimal(yuan)


def test_a_provisioned_instance_pays_for_its_idle_memory() -> None:
    provision = {"functionName": "agent-dev-commander", "target": 1}
    bill = reckon(
        plan(
            (FUNCTION, COMMANDER),
            ("alicloud:fc/v3ProvisionConfig:V3ProvisionConfig", provision),
        ),
        usage(tasks_a_day="0"),
        load_book(),
    )
    # 4 GB * 0.15 CU * 2,592,000 s * 0.00011
    assert bill.fixed.quantize(Decimal("0.01")) == Decimal("171.07")
    assert bill.total == bill.fixed


def test_what_has_no_price_is_listed_and_is_not_zero() -> None:
    bill = reckon(plan(("alicloud:ots/instance:Instance", {})), usage(), load_book())
    assert {line.item for line in bill.unpriced} == {"tablestore_write_cu", "tablestore_gb_month"}
    assert all(line.cost is None for line in bill.unpriced)


def test_free_quota_is_not_billed() -> None:
    gateway = ("alicloud:apigateway/group:Group", {})
    assert reckon(plan(gateway), usage(tasks_a_day="100"), load_book()).total == 0
    # 2 * 30 * 100,000 calls, a million of them free, at 6 a million
    assert reckon(plan(gateway), usage(tasks_a_day="100000"), load_book()).total == Decimal(30)


def test_every_meter_uses_items_of_the_book() -> None:
    resources = [(kind, {"functionName": "x-commander", "target": 1}) for kind in METERS]
    bill = reckon(plan(*resources), usage(), load_book())
    used = {line.item for line in bill.lines}
    assert used == set(load_book().prices)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_use_never_costs_less(one: int, other: int) -> None:
    resources = [(kind, {"functionName": "x-commander", "target": 1}) for kind in METERS]
    less, more = sorted((one, other))
    book: Book = load_book()
    cheap = reckon(plan(*resources), usage(tasks_a_day=str(less)), book).total
    dear = reckon(plan(*resources), usage(tasks_a_day=str(more)), book).total
    assert cheap <= dear


def test_a_price_without_a_source_is_refused() -> None:
    with pytest.raises(ValueError, match="source"):
        Price(unit="x", price=Decimal(1), note="")


def test_a_wrong_profile_names_the_field(tmp_path: Any) -> None:
    path = tmp_path / "usage.yaml"
    path.write_text("default: {tasks_a_day: -1}\n")
    with pytest.raises(BookError, match="tasks_a_day"):
        load_usage("dev", path)
