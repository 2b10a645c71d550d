# ruff: noqa: ARG002, N802  (names and parameters are those of the protocol)
"""The two gRPC services that a Pulumi program talks to: ``ResourceMonitor`` and ``Engine``.

They translate; what a registration leads to is decided by the ``Deployment`` behind them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from engine.errors import EngineError
from engine.goal import Goal, GoalReader, Naming
from engine.values import UNKNOWN, UNKNOWN_SENTINEL, Unknown, from_struct, plain, to_struct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from engine.config import Configuration, Project
    from engine.diagnostics import Diagnostics, Severity

T = TypeVar("T")

ORGANIZATION = "organization"
"""What the CLI calls the organisation of a stack that is kept in files."""

PARALLEL = 16

_FEATURES = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
)
"""What this engine does of the real one's list, and nothing that it does not.

Transforms and hooks would be callbacks into the program, ``replaceWith`` and replacement triggers
are not decided here: a program that uses them is told so by the SDK. None of them changes what
other programs send.
"""

_SHUT_DOWN = "Resource monitor has terminated, shutting down"
"""What the SDK says when a call was turned away; the engine reports the reason itself."""

_SEVERITIES: Mapping[int, Severity] = {
    engine_pb2.DEBUG: "debug",
    engine_pb2.INFO: "info",
    engine_pb2.WARNING: "warning",
    engine_pb2.ERROR: "error",
}


@dataclass(frozen=True)
class Settled:
    """What the program learns of a resource; ``id`` is empty while it is unknown."""

    id: str
    outputs: dict[str, Any]


class Deployment(Protocol):
    """Decides and does what registrations lead to. Any error ends the deployment."""

    async def register(self, goal: Goal) -> Settled:
        """Bring a resource to its goal."""
        ...

    async def read(self, goal: Goal, id_: str | Unknown) -> Settled:
        """Look up an existing resource."""
        ...

    async def register_outputs(self, urn: str, outputs: dict[str, Any]) -> None:
        """Record the outputs of a component or of the stack."""
        ...

    async def call(self, token: str, args: dict[str, Any]) -> dict[str, Any] | None:
        """Answer a data source; None when nobody can know the answer yet."""
        ...


class MonitorService(resource_pb2_grpc.ResourceMonitorServicer):
    """The ``ResourceMonitor`` service. After the first failure every call is turned away."""

    def __init__(
        self,
        project: Project,
        stack: str,
        configuration: Configuration,
        deployment: Deployment,
        *,
        dry_run: bool,
    ) -> None:
        self._naming = Naming(project.name, stack, project.root)
        self._reader = GoalReader(self._naming)
        self._configuration = configuration
        self._deployment = deployment
        self._dry_run = dry_run
        self._settled: dict[str, Settled] = {}
        self._seen: set[str] = set()
        self.failure: Exception | None = None
        self.failed = asyncio.Event()

    async def GetDeploymentInfo(self, request: Any, context: Any) -> Any:
        """Tell the SDK what it deploys and what it may ask for."""
        return resource_pb2.DeploymentInfo(
            project=self._naming.project,
            stack=self._naming.stack,
            organization=ORGANIZATION,
            config=self._configuration.values,
            configSecretKeys=sorted(self._configuration.secret_keys),
            dryRun=self._dry_run,
            parallel=PARALLEL,
            supportedFeatures=_FEATURES,
        )

    async def SupportsFeature(self, request: Any, context: Any) -> Any:
        """Answer the question of older SDKs, which name features by text."""
        names = {"".join(c for c in _feature_name(f) if c != "_").lower() for f in _FEATURES}
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id.lower() in names)

    async def RegisterPackage(self, request: Any, context: Any) -> Any:
        """Remember a package of resources under a reference."""
        reference = self._reader.register_package(request)
        return resource_pb2.RegisterPackageResponse(ref=reference)

    async def RegisterResource(self, request: Any, context: Any) -> Any:
        """Register a resource and answer when its goal is reached."""

        async def register() -> Any:
            if request.remote:
                raise EngineError(
                    f"{request.type} {request.name!r} is a component of another package; "
                    "this engine runs the components of the program itself only"
                )
            goal = self._reader.goal(request)
            self._claim(goal.urn)
            settled = await self._deployment.register(goal)
            self._settled[goal.urn] = settled
            # A component's outputs come later, by RegisterResourceOutputs.
            outputs = settled.outputs if goal.custom else {}
            return resource_pb2.RegisterResourceResponse(
                urn=goal.urn, id=settled.id, object=to_struct(outputs)
            )

        return await self._guarded(context, register)

    async def ReadResource(self, request: Any, context: Any) -> Any:
        """Look up a resource that exists already."""

        async def read() -> Any:
            goal = self._reader.read_goal(request)
            self._claim(goal.urn)
            id_ = UNKNOWN if request.id == UNKNOWN_SENTINEL else request.id
            settled = await self._deployment.read(goal, id_)
            self._settled[goal.urn] = settled
            return resource_pb2.ReadResourceResponse(
                urn=goal.urn, id=settled.id, properties=to_struct(settled.outputs)
            )

        return await self._guarded(context, read)

    async def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:
        """Record what a component or the stack exports."""

        async def record() -> Any:
            outputs = from_struct(request.outputs)
            if request.urn in self._settled:
                self._settled[request.urn] = Settled("", outputs)
            await self._deployment.register_outputs(request.urn, outputs)
            return empty_pb2.Empty()

        return await self._guarded(context, record)

    async def Invoke(self, request: Any, context: Any) -> Any:
        """Answer a data source."""

        async def invoke() -> Any:
            args = from_struct(request.args)
            if request.tok == "pulumi:pulumi:getResource":
                answer: dict[str, Any] | None = self._get_resource(str(plain(args.get("urn"))))
            else:
                answer = await self._deployment.call(request.tok, args)
            response = resource_pb2.ResourceInvokeResponse(unknown=answer is None)
            if answer is not None:
                getattr(response, "return").CopyFrom(to_struct(answer))
            return response

        return await self._guarded(context, invoke)

    async def Call(self, request: Any, context: Any) -> Any:
        """Refuse methods of packaged components, which this engine does not run."""

        async def refuse() -> NoReturn:
            raise EngineError(f"the method {request.tok} of a packaged component cannot be called")

        return await self._guarded(context, refuse)

    async def SignalAndWaitForShutdown(
        self,
        request: Any,
        context: Any,
    ) -> Any:
        """Let the program end: nothing of the deployment calls back into it."""
        return empty_pb2.Empty()

    def _claim(self, urn: str) -> None:
        if urn in self._seen:
            raise EngineError(f"duplicate resource URN {urn}; try giving it a unique name")
        self._seen.add(urn)

    def _get_resource(self, urn: str) -> dict[str, Any]:
        settled = self._settled.get(urn)
        if settled is None:
            raise EngineError(f"unknown resource {urn}")
        return {"urn": urn, "id": settled.id or UNKNOWN, "state": settled.outputs}

    async def _guarded(self, context: Any, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work; keep the first failure for the engine and end the program."""
        if self.failure is None:
            try:
                return await work()
            except Exception as error:  # noqa: BLE001
                if self.failure is None:
                    self.failure = error
                    self.failed.set()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "resource monitor shut down")
        raise AssertionError


class EngineService(engine_pb2_grpc.EngineServicer):
    """The ``Engine`` service: messages of the program, and which resource is the root."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._root = ""

    async def Log(self, request: Any, context: Any) -> Any:
        """Collect a message."""
        if not request.ephemeral and request.message != _SHUT_DOWN:
            severity = _SEVERITIES.get(request.severity, "info")
            self._diagnostics.add(severity, request.message, request.urn)
        return empty_pb2.Empty()

    async def GetRootResource(self, request: Any, context: Any) -> Any:
        """Return the URN of the root, which older SDKs keep here."""
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    async def SetRootResource(self, request: Any, context: Any) -> Any:
        """Remember the URN of the root."""
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    async def RequirePulumiVersion(self, request: Any, context: Any) -> Any:
        """Accept any range: there is no CLI whose version could be wrong."""
        return engine_pb2.RequirePulumiVersionResponse()


def _feature_name(feature: int) -> str:
    name = resource_pb2.ResourceMonitorFeature.Name(feature)  # type: ignore[arg-type]
    return name.removeprefix("RESOURCE_MONITOR_FEATURE_")
