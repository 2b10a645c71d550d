"""What a function can be given. Its environment variables and its rights come from the same object.

So a function cannot be told of a table that it may not read, nor be allowed a bucket that it does
not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from stack.statements import WILDCARDS, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stack.context import Context


class Capability:
    """One thing that a function can do. What is not overridden tells nothing and needs nothing."""

    def variables(self, context: Context) -> dict[str, str]:  # noqa: ARG002
        """Environment variables that tell the function of it."""
        return {}

    def statements(self, context: Context) -> list[Statement]:  # noqa: ARG002
        """Rights that it needs for it."""
        return []


class Access(Enum):
    """What may be done to the rows of a table."""

    READ = ("ots:GetRow", "ots:GetRange")
    APPEND = (*READ, "ots:PutRow")
    WRITE = (*APPEND, "ots:UpdateRow")
    ERASE = (*APPEND, "ots:DeleteRow")
    ALL = (*WRITE, "ots:DeleteRow")


@dataclass(frozen=True)
class UsesTables(Capability):
    """Rows of the session store's tables."""

    access: Mapping[str, Access]

    def variables(self, context: Context) -> dict[str, str]:
        """Where the instance is."""
        instance = context.names.tablestore_instance
        return {
            "TABLESTORE_ENDPOINT": context.endpoints.tablestore(instance),
            "TABLESTORE_INSTANCE": instance,
        }

    def statements(self, context: Context) -> list[Statement]:
        """One statement for each kind of access."""
        instance = context.names.tablestore_instance
        by_access: dict[Access, list[str]] = {}
        for table, access in sorted(self.access.items()):
            by_access.setdefault(access, []).append(context.arns.table(instance, table))
        return [Statement(access.value, tuple(tables)) for access, tables in by_access.items()]


@dataclass(frozen=True)
class InvokesCommander(Capability):
    """Invocation of the commander, synchronous or not."""

    def variables(self, context: Context) -> dict[str, str]:
        """Its name, and where Function Compute answers."""
        return {
            "COMMANDER_FUNCTION": context.names.function("commander"),
            "FUNCTION_ENDPOINT": context.endpoints.functions_internal,
        }

    def statements(self, context: Context) -> list[Statement]:
        """That function alone."""
        return [
            Statement(
                ("fc:InvokeFunction",),
                (context.arns.function(context.names.function("commander")),),
            )
        ]


@dataclass(frozen=True)
class UsesResults(Capability):
    """Objects of the results bucket."""

    write: bool = False
    erase: bool = False
    links: bool = False

    def variables(self, context: Context) -> dict[str, str]:
        """The bucket, and where OSS answers: for the function, and in links for callers."""
        found = {
            "RESULTS_BUCKET": context.names.results_bucket,
            "OSS_ENDPOINT": context.endpoints.oss_internal,
        }
        if self.links:
            found["RESULTS_PUBLIC_ENDPOINT"] = context.endpoints.oss_public
        return found

    def statements(self, context: Context) -> list[Statement]:
        """Objects of that bucket; a presigned link works as long as its signer may read."""
        actions = ["oss:GetObject"]
        if self.write:
            actions.append("oss:PutObject")
        if self.erase:
            actions.append("oss:DeleteObject")
        return [Statement(tuple(actions), (context.arns.objects(context.names.results_bucket),))]


@dataclass(frozen=True)
class ReadsBundles(Capability):
    """Dependency bundles in the artifact bucket, and the share to put them on."""

    share_root: str

    def variables(self, context: Context) -> dict[str, str]:
        """Where OSS answers, and where the share is mounted."""
        return {"OSS_ENDPOINT": context.endpoints.oss_internal, "SHARE_ROOT": self.share_root}

    def statements(self, context: Context) -> list[Statement]:
        """Bundles alone, not the code beside them."""
        return [
            Statement(
                ("oss:GetObject",),
                (context.arns.objects(context.names.artifacts_bucket, "bundles/"),),
            )
        ]


@dataclass(frozen=True)
class PublishesEvents(Capability):
    """Events on the completion bus."""

    def variables(self, context: Context) -> dict[str, str]:
        """The bus, and where EventBridge answers."""
        return {
            "EVENT_BUS": context.names.event_bus,
            "EVENTBRIDGE_ENDPOINT": context.endpoints.eventbridge,
        }

    def statements(self, context: Context) -> list[Statement]:
        """That bus alone; the platform uses the same right for the asynchronous destinations."""
        return [
            Statement(
                ("eventbridge:PutEvents",), (context.arns.event_bus(context.names.event_bus),)
            )
        ]


@dataclass(frozen=True)
class LeavesDeadLetters(Capability):
    """Failed invocations into the dead-letter queue, put there with the function's role."""

    def statements(self, context: Context) -> list[Statement]:
        """That queue alone."""
        return [
            Statement(
                ("mns:SendMessage",), (context.arns.queue_messages(context.names.dead_letters),)
            )
        ]


@dataclass(frozen=True)
class ReadsModelKey(Capability):
    """The model's key, where a model is set."""

    def variables(self, context: Context) -> dict[str, str]:
        """The parameter's name, never its value."""
        parameter = context.names.model_key_parameter if context.settings.has_model_key else ""
        return {"MODEL_KEY_PARAMETER": parameter, "OOS_ENDPOINT": context.endpoints.oos}

    def statements(self, context: Context) -> list[Statement]:
        """That parameter alone."""
        if not context.settings.has_model_key:
            return []
        parameter = context.arns.secret_parameter(context.names.model_key_parameter)
        return [Statement(("oos:GetSecretParameter",), (parameter,))]


@dataclass(frozen=True)
class WritesLogs(Capability):
    """Log lines, which the platform writes with the function's role."""

    store: str

    def statements(self, context: Context) -> list[Statement]:
        """The function's own logstore."""
        return [
            Statement(
                ("log:PostLogStoreLogs",),
                (context.arns.logstore(context.names.log_project, self.store),),
            )
        ]


@dataclass(frozen=True)
class JoinsVpc(Capability):
    """A network interface in the VPC, which the platform makes with the function's role."""

    def statements(self, context: Context) -> list[Statement]:  # noqa: ARG002
        """The wildcard that the platform demands."""
        actions = tuple(action for action in WILDCARDS if action.startswith(("ecs:", "vpc:")))
        return [Statement(actions, ("*",))]


@dataclass(frozen=True)
class PullsImage(Capability):
    """The commander's image, which the platform pulls with the function's role."""

    instance_id: str | None
    namespace: str
    repository: str

    def statements(self, context: Context) -> list[Statement]:
        """That repository, and the login that comes before."""
        repository = context.arns.repository(
            self.instance_id or "*", self.namespace, self.repository
        )
        return [
            Statement(("cr:GetRepository", "cr:PullRepository"), (repository,)),
            Statement(("cr:GetAuthorizationToken",), ("*",)),
        ]


@dataclass(frozen=True)
class Variables(Capability):
    """Plain settings, which need no rights."""

    values: Mapping[str, str] = field(default_factory=dict)

    def variables(self, context: Context) -> dict[str, str]:  # noqa: ARG002
        """The values as they are."""
        return dict(self.values)


def variables_of(context: Context, capabilities: Iterable[Capability]) -> dict[str, str]:
    """Return the environment of a function: everything that its capabilities tell it, sorted."""
    found = {"AGENT_ENVIRONMENT": context.settings.environment}
    for capability in capabilities:
        found.update(capability.variables(context))
    return dict(sorted(found.items()))


def statements_of(context: Context, capabilities: Iterable[Capability]) -> list[Statement]:
    """Return the rights of a function: everything that its capabilities need."""
    return [
        statement for capability in capabilities for statement in capability.statements(context)
    ]
