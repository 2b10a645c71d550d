"""Dynamic resources: the process of ``pulumi.dynamic``, which runs providers of the program.

The SDK serialises such a provider into the input ``__provider`` of each of its resources; its own
gRPC server (``python -m pulumi.dynamic``, as the CLI's ``pulumi-resource-pulumi-python`` starts it)
brings it back to life. It starts in the directory of the program, so that it finds its modules.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from engine.errors import EngineError
from engine.program import (
    GRPC_OPTIONS,
    ended,
    program_environment,
    read_all,
    read_port,
    start,
)
from engine.provider import Created, Difference, compare_inputs
from engine.values import from_struct, plain, to_struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.config import Configuration, Project
    from engine.goal import Goal
    from engine.state import ResourceState

_START_SECONDS = 60.0


class DynamicOperator:
    """Runs the operations of dynamic resources; the process starts with the first of them."""

    def __init__(
        self,
        project: Project,
        stack: str,
        configuration: Configuration,
        environment: Mapping[str, str],
    ) -> None:
        self._project = project
        self._configuration = configuration
        self._environment = program_environment(project.python, configuration) | {
            "PULUMI_PROJECT": project.name,
            "PULUMI_STACK": stack,
            **environment,
        }
        self._cleanup = contextlib.AsyncExitStack()
        self._starting = asyncio.Lock()
        self._stub: Any = None

    async def aclose(self) -> None:
        """End the process, if there is one."""
        await self._cleanup.aclose()

    async def check(self, goal: Goal, old: ResourceState | None) -> dict[str, Any]:
        """Let the provider check, and complete, the inputs.

        Raises:
            EngineError: it refuses them.
        """
        request = provider_pb2.CheckRequest(
            urn=goal.urn,
            olds=_struct(old.inputs if old else {}),
            news=_struct(goal.inputs),
        )
        response = await self._ask("Check", request)
        if response.failures:
            reasons = "; ".join(f"{entry.property}: {entry.reason}" for entry in response.failures)
            raise EngineError(f"{goal.urn} has invalid inputs: {reasons}")
        return from_struct(response.inputs)

    async def difference(self, goal: Goal, old: ResourceState) -> Difference:
        """Ask the provider; when it does not know, differing inputs are an update."""
        request = provider_pb2.DiffRequest(
            id=old.id,
            urn=goal.urn,
            olds=_struct(old.outputs),
            old_inputs=_struct(old.inputs),
            news=_struct(goal.inputs),
        )
        response = await self._ask("Diff", request)
        compared = compare_inputs(plain(old.inputs), plain(goal.inputs))
        if response.replaces:
            return Difference("replace", tuple(response.replaces), response.deleteBeforeReplace)
        if response.changes == provider_pb2.DiffResponse.DIFF_NONE:
            return Difference("same")
        if response.changes == provider_pb2.DiffResponse.DIFF_SOME:
            return Difference("update", compared.keys)
        return compared

    async def create(self, goal: Goal) -> Created:
        """Create a resource.

        Raises:
            EngineError: the provider failed, or gave no id.
        """
        request = provider_pb2.CreateRequest(urn=goal.urn, properties=_struct(goal.inputs))
        response = await self._ask("Create", request)
        if not response.id:
            raise EngineError(f"the dynamic provider of {goal.urn} returned no id")
        return Created(response.id, from_struct(response.properties))

    async def update(self, goal: Goal, old: ResourceState) -> dict[str, Any]:
        """Update a resource."""
        request = provider_pb2.UpdateRequest(
            id=old.id,
            urn=goal.urn,
            olds=_struct(old.outputs),
            old_inputs=_struct(old.inputs),
            news=_struct(goal.inputs),
        )
        return from_struct((await self._ask("Update", request)).properties)

    async def delete(self, old: ResourceState) -> None:
        """Delete a resource."""
        request = provider_pb2.DeleteRequest(
            id=old.id, urn=old.urn, properties=_struct(old.outputs)
        )
        await self._ask("Delete", request)

    async def adopt(self, goal: Goal) -> Created:
        """Look up a resource."""
        request = provider_pb2.ReadRequest(
            id=goal.import_id, urn=goal.urn, inputs=_struct(goal.inputs)
        )
        response = await self._ask("Read", request)
        return Created(response.id, from_struct(response.properties))

    async def _ask(self, method: str, request: Any) -> Any:
        async with self._starting:
            if self._stub is None:
                self._stub = await self._start()
        try:
            return await getattr(self._stub, method)(request)
        except grpc.aio.AioRpcError as error:
            raise EngineError(_last_line(error.details() or "")) from None

    async def _start(self) -> Any:
        process = await start(
            self._project.python,
            ("-m", "pulumi.dynamic"),
            self._project.program,
            self._environment,
        )
        await self._cleanup.enter_async_context(ended(process))
        try:
            port = await read_port(process, _START_SECONDS)
        except (ValueError, TimeoutError):
            raise EngineError("the process of the dynamic resources did not start") from None
        # A provider may print; nobody reads it, but a full pipe would stop the process.
        for stream in (process.stdout, process.stderr):
            self._cleanup.callback(asyncio.create_task(read_all(stream)).cancel)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=GRPC_OPTIONS)
        self._cleanup.push_async_callback(channel.close)
        stub: Any = provider_pb2_grpc.ResourceProviderStub(channel)
        arguments = to_struct(self._configuration.values)
        await stub.Configure(
            provider_pb2.ConfigureRequest(variables=self._configuration.values, args=arguments)
        )
        return stub


def _struct(properties: dict[str, Any]) -> Any:
    return to_struct(properties, keep_secrets=False)


def _last_line(details: str) -> str:
    """Return the exception of a traceback; the frames above it are of no use to anybody else."""
    lines = [line for line in details.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "the dynamic provider failed"
