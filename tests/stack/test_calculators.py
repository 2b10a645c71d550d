"""Pure calculators: subnets, sizes, tags."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.compute import broken_size_rule, closest_sizes
from stack.subnets import plan_subnets
from stack.tags import REQUIRED_TAGS, make_tags

ZONES = [f"cn-hangzhou-{letter}" for letter in "bghijk"]


@given(st.integers(8, 25), st.integers(2, 6))
def test_subnets_lie_inside_and_apart(prefix: int, zones: int) -> None:
    cidr = IPv4Network(f"10.0.0.0/{prefix}")
    plan = plan_subnets(cidr, ZONES[:zones])
    assert [subnet.zone for subnet in plan.functions] == ZONES[:zones]
    assert plan.populator.zone == ZONES[0]
    for subnet in plan.everything:
        assert subnet.cidr.subnet_of(cidr)
        assert 16 <= subnet.cidr.prefixlen <= 29
    for one, other in combinations(plan.everything, 2):
        assert not one.cidr.overlaps(other.cidr)


def test_another_zone_moves_nothing() -> None:
    cidr = IPv4Network("10.20.0.0/16")
    two, three = plan_subnets(cidr, ZONES[:2]), plan_subnets(cidr, ZONES[:3])
    assert three.functions[:2] == two.functions
    assert three.populator == two.populator
    assert str(two.functions[0].cidr) == "10.20.0.0/20"
    assert str(two.populator.cidr) == "10.20.240.0/20"


def test_given_ranges_are_taken() -> None:
    ranges = [IPv4Network("10.20.1.0/24"), IPv4Network("10.20.2.0/24")]
    plan = plan_subnets(IPv4Network("10.20.0.0/16"), ZONES[:2], ranges, IPv4Network("10.20.3.0/24"))
    assert [str(subnet.cidr) for subnet in plan.everything] == [
        "10.20.1.0/24",
        "10.20.2.0/24",
        "10.20.3.0/24",
    ]


def test_too_small_a_range_says_how_large() -> None:
    with pytest.raises(ValueError, match="at least a /25"):
        plan_subnets(IPv4Network("10.0.0.0/26"), ZONES[:2])


@pytest.mark.parametrize(
    ("cpu", "memory", "about"),
    [
        (0.05, 128, None),
        (0.35, 512, None),
        (0.35, 1408, None),
        (0.35, 1472, "memory"),
        (1, 1024, None),
        (1, 960, "memory"),
        (1, 4096, None),
        (1, 4160, "memory"),
        (16, 32_768, None),
        (0.07, 128, "cpu"),
        (0.1, 100, "memory"),
    ],
)
def test_sizes_that_function_compute_takes(cpu: float, memory: int, about: str | None) -> None:
    broken = broken_size_rule(cpu, memory)
    assert (broken.about if broken else None) == about


@given(st.integers(1, 160), st.integers(1, 600))
def test_the_closest_size_is_right(steps: int, memory_steps: int) -> None:
    text = closest_sizes(steps * 0.05, memory_steps * 64 + 1)
    cpu, memory = text.removesuffix(" MB").split(" vCPU with ")
    assert broken_size_rule(float(cpu), int(memory)) is None, text


def test_required_tags_win() -> None:
    tags = make_tags("dev", "team", {"project": "other", "cost": "1"})
    assert tags["project"] == "agent-commander"
    assert tags["cost"] == "1"
    assert set(REQUIRED_TAGS) <= set(tags)
