"""Runs policy packs over a plan, through the ``Analyzer`` gRPC protocol of ``pulumi-policy``.

A pack is a process of its own, started as the CLI's language host starts it: with the address of an
engine, in the directory of the pack, whose interpreter its ``PulumiPolicy.yaml`` names. It prints a
port; every planned resource is analysed by its inputs, then the whole stack by its outputs.
Remediation, which rewrites resources while they are registered, is not done: a policy that only
remediates reports nothing, and one at the level ``remediate`` counts as mandatory.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import yaml
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from engine import urn as urns
from engine.config import Configuration, Project, interpreter
from engine.diagnostics import Diagnostics
from engine.errors import EngineError
from engine.monitor import ORGANIZATION, EngineService
from engine.program import (
    GRPC_OPTIONS,
    ended,
    program_environment,
    read_all,
    read_port,
    serving,
    start,
)
from engine.values import Asset, ResourceReference, Secret, plain, to_struct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from engine.goal import Goal
    from engine.state import ResourceState

_START_SECONDS = 60.0


@dataclass(frozen=True)
class Finding:
    """One violation of a policy, or one policy that could not run.

    Attributes:
        level: ``advisory``, ``mandatory``, ``remediate`` or ``disabled``.
        severity: ``low``, ``medium``, ``high``, ``critical``, or empty.
        urn: the resource; the stack when the policy names none.
    """

    policy: str
    pack: str
    pack_version: str
    description: str
    message: str
    level: str
    severity: str
    urn: str

    @property
    def mandatory(self) -> bool:
        """Whether it stops a deployment."""
        return self.level in ("mandatory", "remediate")

    def to_json(self) -> dict[str, str]:
        """Return the entry of ``policyDiagnostics``, named as in the Analyzer protocol."""
        document = {
            "policyName": self.policy,
            "policyPackName": self.pack,
            "policyPackVersion": self.pack_version,
            "description": self.description,
            "message": self.message,
            "enforcementLevel": self.level,
            "urn": self.urn,
        }
        return document | ({"severity": self.severity} if self.severity else {})


class Packs:
    """The running packs."""

    def __init__(self, packs: Sequence[_Pack]) -> None:
        self._packs = packs

    async def findings(
        self, resources: Sequence[ResourceState], goals: Mapping[str, Goal]
    ) -> list[Finding]:
        """Analyse a plan; findings come pack by pack, then in the order of the resources.

        Raises:
            EngineError: a policy of a pack failed.
        """
        found = await asyncio.gather(*(pack.findings(resources, goals) for pack in self._packs))
        return [finding for findings in found for finding in findings]


@contextlib.asynccontextmanager
async def analyse(
    directories: Sequence[Path], project: Project, stack: str, configuration: Configuration
) -> AsyncIterator[Packs]:
    """Start policy packs, which get ready while the program runs, and end them afterwards.

    Raises:
        EngineError: a directory holds no policy pack, or a pack does not start.
    """
    if not directories:
        yield Packs([])
        return
    diagnostics = Diagnostics()
    async with (
        contextlib.AsyncExitStack() as running,
        serving(None, EngineService(diagnostics)) as address,
    ):
        packs = [_Pack(directory.resolve()) for directory in directories]
        for pack in packs:
            await running.enter_async_context(
                pack.started(address, project, stack, configuration, diagnostics)
            )
        yield Packs(packs)


class _Pack:
    """One policy pack."""

    def __init__(self, directory: Path) -> None:
        path = directory / "PulumiPolicy.yaml"
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            runtime = document["runtime"]
        except FileNotFoundError:
            raise EngineError(f"no policy pack: {path} does not exist") from None
        except (OSError, yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
            raise EngineError(f"{path}: must be YAML with a 'runtime'") from None
        options: Mapping[str, Any] = {}
        if isinstance(runtime, dict):
            options, runtime = runtime.get("options") or {}, runtime.get("name")
        if runtime != "python":
            raise EngineError(f"{path}: runtime {runtime!r} is not supported; only 'python' is")
        self._directory = directory
        self._version = str(document.get("version", ""))
        self._python = interpreter(directory, options.get("virtualenv"))
        self._diagnostics = Diagnostics()
        self._stub: Any = None
        self._ready: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def started(
        self,
        address: str,
        project: Project,
        stack: str,
        configuration: Configuration,
        diagnostics: Diagnostics,
    ) -> AsyncIterator[None]:
        """Run the process of the pack; it is connected in the background."""
        self._diagnostics = diagnostics
        environment = program_environment(self._python, configuration) | {
            "PULUMI_ORGANIZATION": ORGANIZATION,
            "PULUMI_PROJECT": project.name,
            "PULUMI_STACK": stack,
            "PULUMI_DRY_RUN": "true",
        }
        arguments = ("-m", "pulumi.policy", address, str(self._directory))
        process = await start(self._python, arguments, self._directory, environment)
        async with contextlib.AsyncExitStack() as cleanup:
            await cleanup.enter_async_context(ended(process))
            self._ready = asyncio.create_task(
                self._connect(process, cleanup, project, stack, configuration)
            )
            try:
                yield
            finally:
                self._ready.cancel()
                await asyncio.gather(self._ready, return_exceptions=True)

    async def findings(
        self, resources: Sequence[ResourceState], goals: Mapping[str, Goal]
    ) -> list[Finding]:
        """Analyse every resource, then the stack."""
        if self._ready is not None:
            await self._ready
        root = next((state.urn for state in resources if not state.parent), "")
        found: list[Finding] = []
        try:
            for state in resources:
                request = analyzer_pb2.AnalyzeRequest(**_resource(state, state.inputs, goals))
                response = await self._stub.Analyze(request)
                found += [self._finding(entry, state.urn) for entry in response.diagnostics]
            stack = analyzer_pb2.AnalyzeStackRequest(
                resources=[_stack_resource(state, goals) for state in resources]
            )
            response = await self._stub.AnalyzeStack(stack)
            found += [self._finding(entry, root) for entry in response.diagnostics]
        except grpc.aio.AioRpcError as error:
            raise EngineError(
                f"the policy pack {self._directory.name} failed: {error.details()}"
            ) from None
        return found

    async def _connect(
        self,
        process: asyncio.subprocess.Process,
        cleanup: contextlib.AsyncExitStack,
        project: Project,
        stack: str,
        configuration: Configuration,
    ) -> None:
        port = await self._port(process)
        # What the pack prints later is nobody's, but a full pipe would stop it.
        drain = asyncio.create_task(read_all(process.stdout))
        cleanup.callback(drain.cancel)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=GRPC_OPTIONS)
        cleanup.push_async_callback(channel.close)
        self._stub = analyzer_pb2_grpc.AnalyzerStub(channel)
        await self._stub.ConfigureStack(
            analyzer_pb2.AnalyzerStackConfigureRequest(
                stack=stack,
                project=project.name,
                organization=ORGANIZATION,
                dry_run=True,
                config=configuration.values,
                config_secret_keys=sorted(configuration.secret_keys),
            )
        )
        info = await self._stub.GetAnalyzerInfo(empty_pb2.Empty())
        await self._stub.Configure(_policy_configuration(info))

    async def _port(self, process: asyncio.subprocess.Process) -> int:
        errors = asyncio.create_task(read_all(process.stderr))
        try:
            return await read_port(process, _START_SECONDS)
        except (ValueError, TimeoutError):
            async with ended(process):
                pass
            said = (await errors).decode("utf-8", errors="replace").strip()
            reason = said or "\n".join(self._diagnostics.errors()) or "it printed no port"
            raise EngineError(
                f"the policy pack {self._directory.name} did not start: {reason}"
            ) from None

    def _finding(self, entry: Any, urn: str) -> Finding:
        severity = analyzer_pb2.PolicySeverity.Name(entry.severity)
        level = analyzer_pb2.EnforcementLevel.Name(entry.enforcementLevel)
        named = severity.removeprefix("POLICY_SEVERITY_").lower()
        return Finding(
            policy=entry.policyName,
            pack=entry.policyPackName,
            pack_version=self._version or entry.policyPackVersion,
            description=entry.description,
            message=entry.message,
            level=level.lower(),
            severity="" if named == "unspecified" else named,
            urn=entry.urn or urn,
        )


def _policy_configuration(info: Any) -> analyzer_pb2.ConfigureAnalyzerRequest:
    """Return what the engine sends back to a pack: its own defaults and initial configuration."""
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for policy in info.policies:
        chosen = request.policyConfig[policy.name]
        chosen.enforcementLevel = policy.enforcementLevel
        schema = json_format.MessageToDict(policy.configSchema.properties)
        defaults = {key: entry["default"] for key, entry in schema.items() if "default" in entry}
        chosen.properties.update(defaults)
        if policy.name in info.initialConfig:
            initial = info.initialConfig[policy.name]
            chosen.enforcementLevel = initial.enforcementLevel
            chosen.properties.update(json_format.MessageToDict(initial.properties))
    return request


def _resource(
    state: ResourceState, properties: Mapping[str, Any], goals: Mapping[str, Goal]
) -> dict[str, Any]:
    goal = goals.get(state.urn)
    delete_first = goal.delete_before_replace if goal else None
    visible = {key: item for key, item in properties.items() if not key.startswith("__")}
    fields: dict[str, Any] = {
        "type": state.type,
        "urn": state.urn,
        "name": state.name,
        "properties": to_struct(_analysable(visible)),
        "options": analyzer_pb2.AnalyzerResourceOptions(
            protect=state.protect,
            ignoreChanges=state.ignore_changes,
            deleteBeforeReplace=bool(delete_first),
            deleteBeforeReplaceDefined=delete_first is not None,
            additionalSecretOutputs=state.additional_secret_outputs,
            aliases=state.aliases,
            customTimeouts=analyzer_pb2.AnalyzerResourceOptions.CustomTimeouts(
                **state.custom_timeouts
            ),
            parent=state.parent,
        ),
    }
    if state.provider:
        provider = state.provider.rsplit("::", 1)[0]
        fields["provider"] = analyzer_pb2.AnalyzerProviderResource(
            type=urns.resource_type(provider), urn=provider, name=urns.resource_name(provider)
        )
    return fields


def _stack_resource(
    state: ResourceState, goals: Mapping[str, Goal]
) -> analyzer_pb2.AnalyzerResource:
    return analyzer_pb2.AnalyzerResource(
        **_resource(state, state.outputs, goals),
        parent=state.parent,
        dependencies=state.dependencies,
        propertyDependencies={
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=dependencies)
            for key, dependencies in state.property_dependencies.items()
            if dependencies
        },
    )


def _analysable(value: Any) -> Any:
    """Return a value in the forms that packs read: a reference goes as the resource's id."""
    match value:
        case ResourceReference():
            return plain(value)
        case Secret(inner):
            return Secret(_analysable(inner))
        case Asset(signature, fields):
            return Asset(signature, {key: _analysable(item) for key, item in fields.items()})
        case dict():
            return {key: _analysable(item) for key, item in value.items()}
        case list():
            return [_analysable(item) for item in value]
    return value
