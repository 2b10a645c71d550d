"""Plans read and compared."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from review.changes import compare
from review.plan import PlanError, read

if TYPE_CHECKING:
    from pathlib import Path

STACK = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"
AGENT = "urn:pulumi:dev::p::agent:index:AgentStack::agent"
NETWORK = "urn:pulumi:dev::p::agent:index:AgentStack$agent:network:Network::network"
TABLE = f"{NETWORK}$alicloud:ots/table:Table::events"


def document() -> dict[str, Any]:
    def step(urn: str, kind: str, parent: str | None, inputs: Any = None) -> dict[str, Any]:
        state = {"urn": urn, "type": kind, "parent": parent, "custom": inputs is not None}
        return {"op": "create", "newState": {**state, "inputs": inputs or {}}}

    return {
        "steps": [
            step(STACK, "pulumi:pulumi:Stack", None),
            step(AGENT, "agent:index:AgentStack", STACK),
            step(NETWORK, "agent:network:Network", AGENT),
            step(
                TABLE,
                "alicloud:ots/table:Table",
                NETWORK,
                {
                    "timeToLive": 1,
                    "keys": [{"name": "a"}],
                    "maxVersion": 1,
                    "__defaults": ["maxVersion"],
                },
            ),
        ]
    }


def test_what_the_provider_filled_in_is_left_out() -> None:
    assert read(document()).resources[TABLE].inputs == {"timeToLive": 1, "keys": [{"name": "a"}]}


def test_a_resource_belongs_to_the_component_below_the_root() -> None:
    assert read(document()).component(TABLE) == "network"


def test_nothing_changed() -> None:
    assert compare(read(document()), read(document())) == []


def test_a_change_names_its_paths() -> None:
    head = copy.deepcopy(document())
    head["steps"][-1]["newState"]["inputs"] |= {"timeToLive": 2, "keys": [{"name": "b"}]}
    (change,) = compare(read(document()), read(head))
    assert (change.op, change.paths) == ("changed", ("keys[0].name", "timeToLive"))


def test_losing_protection_is_a_change() -> None:
    base = copy.deepcopy(document())
    base["steps"][-1]["newState"]["protect"] = True
    (change,) = compare(read(base), read(document()))
    assert change.paths == ("(protect)",)


def test_a_deleted_table_loses_data() -> None:
    head = copy.deepcopy(document())
    head["steps"].pop()
    (change,) = compare(read(document()), read(head))
    assert change.op == "deleted"
    assert change.loses_data
    assert compare(read(head), read(document()))[0].op == "added"


def test_the_order_of_steps_does_not_matter() -> None:
    turned = document()
    turned["steps"].reverse()
    assert compare(read(document()), read(turned)) == []


@pytest.mark.parametrize(
    "wrong", [{}, {"steps": 3}, {"steps": [{"op": "create", "newState": {"type": "x"}}]}]
)
def test_what_is_no_preview_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        read(wrong)


def test_a_recorded_preview_of_the_real_cli_can_be_read(project: Path) -> None:
    recording = json.loads((project / "tests/review/recorded_preview.json").read_text())
    plan = read(recording)
    bucket = next(r for r in plan.resources.values() if r.type == "alicloud:oss/bucket:Bucket")
    assert "storageClass" not in bucket.inputs
    assert bucket.inputs["lifecycleRules"][0]["expirations"] == [{"days": 30}]
