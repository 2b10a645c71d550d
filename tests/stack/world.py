"""Runs a piece of the program against Pulumi's mocks and keeps everything that it registered."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import reset_options
from pulumi.runtime.stack import run_pulumi_func

from stack.settings import Settings, parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2]
CLOUD = {"region": "cn-hangzhou", "account_id": "1234567890123456"}
UNKNOWN = "<unknown>"
JWKS = "config/jwks.dev.json"
MINIMUM: dict[str, Any] = {
    "image": {"repository": "registry.example.com/agent/commander"},
    "gateway": {"jwks": JWKS},
}


def settings_of(environment: str = "dev", **groups: Any) -> Settings:
    """The smallest settings that are right, with groups replaced or added."""
    has_key = bool(groups.get("model"))
    return parse_settings(environment, CLOUD, {**MINIMUM, **groups}, has_model_key=has_key)


@dataclass(frozen=True)
class Registered:
    """A resource, as the program asked for it."""

    type: str
    name: str
    urn: str
    inputs: dict[str, Any]
    parent: str
    custom: bool
    protect: bool
    retain_on_delete: bool
    dependencies: frozenset[str]


@dataclass
class World:
    """Everything that was registered."""

    resources: list[Registered] = field(default_factory=list)
    outputs_registered: Counter[str] = field(default_factory=Counter)

    def of_type(self, kind: str) -> list[Registered]:
        """Resources, not components, whose type ends so, such as `V3Function`."""
        found = (each for each in self.resources if each.type.endswith(f":{kind}"))
        return [each for each in found if each.custom]

    def one(self, kind: str, name: str | None = None) -> Registered:
        """The one resource of a type, or the one with a name."""
        found = [each for each in self.of_type(kind) if name in {None, each.name}]
        assert len(found) == 1, (
            f"{len(found)} of {kind} {name}: {[e.name for e in self.of_type(kind)]}"
        )
        return found[0]


class _Cloud(mocks.Mocks):
    """Answers with the inputs, and with an id; nothing is computed that a test does not need."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        computed = {
            "arn": f"acs:ram::1:role/{args.name}",
            "mountTargetDomain": "nas.example.com",
            "subDomain": "api.example.com",
        }
        return f"{args.name}-id", {**computed, **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"the program asked the cloud for {args.token}")


def _readable(value: Any) -> Any:
    """Put a text in the place of what is not known in a preview."""
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return UNKNOWN if isinstance(value, pulumi.output.Unknown) else value


class _Monitor(mocks.MockMonitor):
    def __init__(self, world: World) -> None:
        super().__init__(_Cloud())
        self._world = world

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        answer = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            self._world.resources.append(
                Registered(
                    type=request.type,
                    name=request.name,
                    urn=answer.urn,
                    inputs=_readable(rpc.deserialize_properties(request.object, True)),
                    parent=request.parent,
                    custom=request.custom,
                    protect=request.protect,
                    retain_on_delete=request.retainOnDelete,
                    dependencies=frozenset(request.dependencies),
                )
            )
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        self._world.outputs_registered[request.urn] += 1
        return super().RegisterResourceOutputs(request)


def provision(program: Callable[[], object], *, environment: str = "dev") -> World:
    """Run a program in an event loop and a context of its own, so that tests pass in any order."""
    return contextvars.copy_context().run(_provision, program, environment)


def _provision(program: Callable[[], object], environment: str) -> World:
    world = World()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        mocks.set_mocks(
            _Cloud(),
            project="agent-commander",
            stack=environment,
            preview=True,
            monitor=_Monitor(world),
        )
        loop.run_until_complete(run_pulumi_func(program))
    finally:
        reset_options()
        loop.close()
        asyncio.set_event_loop(None)
    return world


def provision_stack(settings: Settings, *, with_key: bool = False) -> World:
    """Run the whole stack."""
    from stack.agent_stack import AgentStack

    def program() -> None:
        key = pulumi.Output.secret("sk-not-a-key") if with_key else None
        AgentStack(name="agent", settings=settings, model_key=key)

    return provision(program, environment=settings.environment)
