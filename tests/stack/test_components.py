"""Contracts that every component keeps, whatever the settings."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any

import pulumi_alicloud as alicloud
import pytest

import stack
from policies.rules.housekeeping import REQUIRED_TAGS, TAGGABLE
from stack.component import Component
from tests.stack.world import Registered, World, provision_stack, settings_of

EXISTING = {
    "vpc_id": "vpc-a",
    "functions": [
        {"id": "vsw-a", "zone": "cn-hangzhou-h", "cidr": "10.0.0.0/24"},
        {"id": "vsw-b", "zone": "cn-hangzhou-i", "cidr": "10.0.1.0/24"},
    ],
    "populator": {"id": "vsw-c", "zone": "cn-hangzhou-i", "cidr": "10.0.2.0/24"},
}
WARM = {
    "target": 1,
    "scheduled": [{"name": "day", "schedule": "cron(0 0 8 * * *)", "target": 2}],
    "tracked": [{"name": "load", "minimum": 1, "maximum": 3}],
}
VARIANTS: dict[str, dict[str, Any]] = {
    "dev": {},
    "prod": {"environment": "prod"},
    "everything new": {
        "image": {"new_registry": {"name": "agents"}},
        "network": {"egress": "nat"},
        "commander": {"provisioned": WARM, "reserved_concurrency": 5},
        "model": {"base_url": "https://model.example.com/v1", "name": "small"},
    },
    "nothing new": {"network": {"existing": EXISTING, "egress": "none"}},
}
# The class takes tags, terraform-provider-alicloud 1.285 refuses them.
TAGS_REFUSED = {"alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance"}
WITH_DATA = {"Bucket", "FileSystem", "Instance", "Table", "ServiceQueue"}


@cache
def world_of(variant: str) -> World:
    groups = VARIANTS[variant]
    return provision_stack(settings_of(**groups), with_key="model" in groups)


@pytest.fixture(params=VARIANTS)
def world(request: pytest.FixtureRequest) -> World:
    return world_of(request.param)


def component_classes() -> list[type[Component[Any]]]:
    for module in pkgutil.iter_modules(stack.__path__):
        if module.name != "__main__":
            importlib.import_module(f"stack.{module.name}")

    def below(parent: type) -> list[type]:
        return [each for child in parent.__subclasses__() for each in (child, *below(child))]

    return below(Component)


def closure(world: World, resource: Registered) -> set[str]:
    """Names of everything that has to be there before a resource."""
    by_urn = {each.urn: each for each in world.resources}
    found: set[str] = set()
    left = [*resource.dependencies]
    while left:
        urn = left.pop()
        if urn not in found:
            found.add(urn)
            left.extend(by_urn[urn].dependencies)
    return {urn.rpartition("::")[2] for urn in found}


def test_every_resource_is_the_child_of_a_component(world: World) -> None:
    components = {each.urn for each in world.resources if not each.custom}
    roots = [each for each in world.resources if each.parent not in components]
    assert [root.name for root in roots] == ["agent"]


def test_every_component_registers_its_outputs_once(world: World) -> None:
    for each in world.resources:
        assert world.outputs_registered[each.urn] == (0 if each.custom else 1), each.name


def test_names_are_unique_within_a_type(world: World) -> None:
    names = [(each.type, each.name) for each in world.resources]
    assert len(names) == len(set(names))


def test_everything_that_can_be_tagged_is(world: World) -> None:
    for each in world.resources:
        if not each.type.startswith("alicloud:") or each.type in TAGS_REFUSED:
            continue
        _, module, kind = each.type.split(":")
        resource_class = getattr(getattr(alicloud, module.partition("/")[0]), kind)
        if "tags" in inspect.signature(resource_class._internal_init).parameters:
            assert set(REQUIRED_TAGS) <= set(each.inputs["tags"]), each.name
            assert each.type in TAGGABLE, f"{each.type} is missing in the policy on tags"
        else:
            assert "tags" not in each.inputs
            assert each.type not in TAGGABLE


def test_what_holds_data_is_protected_where_it_matters(world: World) -> None:
    protected = world.one("V3Function", "dispatcher-function").inputs["functionName"]
    expected = "-prod-" in protected
    for each in world.resources:
        kind = each.type.rpartition(":")[2]
        if kind in WITH_DATA:
            assert each.protect is expected, each.name
            assert each.retain_on_delete is expected, each.name
        else:
            assert not each.protect, each.name


@pytest.mark.parametrize("component", component_classes(), ids=lambda each: each.__name__)
def test_components_take_everything_by_keyword(component: type[Component[Any]]) -> None:
    parameters = list(inspect.signature(component.__init__).parameters.values())[1:]
    kinds = {parameter.name: parameter.kind for parameter in parameters}
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for kind in kinds.values()), kinds


@pytest.mark.parametrize("component", component_classes(), ids=lambda each: each.__name__)
def test_outputs_are_frozen_dataclasses(component: type[Component[Any]]) -> None:
    bases = [base for owner in component.__mro__ for base in getattr(owner, "__orig_bases__", ())]
    outputs = [
        part for base in bases for part in getattr(base, "__args__", ()) if isinstance(part, type)
    ]
    assert outputs
    for each in outputs:
        assert dataclasses.is_dataclass(each)
        assert each.__dataclass_params__.frozen


def test_no_component_asks_whether_it_is_local() -> None:
    for module in pkgutil.walk_packages(stack.__path__, "stack."):
        source = (
            inspect.getsource(importlib.import_module(module.name))
            if "__main__" not in module.name
            else ""
        )
        assert '"local"' not in source, f"{module.name}: what differs by environment is a setting"


def test_the_same_settings_register_the_same_inputs() -> None:
    def inputs(world: World) -> dict[str, dict[str, Any]]:
        return {
            each.urn: {k: v for k, v in each.inputs.items() if k != "__provider"}
            for each in world.resources
        }

    assert inputs(world_of("dev")) == inputs(provision_stack(settings_of()))


def test_nothing_points_at_a_function_that_is_not_active(world: World) -> None:
    for api in world.of_type("Api"):
        before = closure(world, api)
        assert {
            "dispatcher-active",
            "commander-active",
            "completion-rule",
            "completion-commander",
        } <= before
    push = closure(world, world.one("Stack"))
    assert {"notifier-active", "identity-gateway"} <= push
    assert "notifier-active" in closure(world, world.one("Rule"))


def test_a_function_comes_after_all_that_it_needs(world: World) -> None:
    commander = closure(world, world.one("V3Function", "commander-function"))
    assert {
        "image-push",
        "share-populate",
        "share-bundle",
        "populator-active",
        "store-events",
    } <= commander
    dispatcher = closure(world, world.one("V3Function", "dispatcher-function"))
    assert {"commander-active", "results-dispatcher", "identity-dispatcher"} <= dispatcher


def test_a_changed_account_changes_every_global_name() -> None:
    buckets = {each.inputs["bucket"] for each in world_of("dev").of_type("Bucket")}
    assert all(name.endswith("1234567890123456") for name in buckets)
