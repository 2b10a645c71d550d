"""Who is given what: the one place to look when a function needs something more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.capabilities import (
    Access,
    Capability,
    InvokesCommander,
    JoinsVpc,
    LeavesDeadLetters,
    PublishesEvents,
    PullsImage,
    ReadsBundles,
    ReadsModelKey,
    UsesResults,
    UsesTables,
    Variables,
    WritesLogs,
)

if TYPE_CHECKING:
    from stack.context import Context

SHARE_ROOT = "/mnt/share"
BUNDLE_MOUNT = "/mnt/auto/python"
BUNDLE_FILE = f"{BUNDLE_MOUNT}/bundle.tar"


def grants_of(context: Context) -> dict[str, list[Capability]]:
    """Return the capabilities of each function by its short name."""
    return {
        "dispatcher": _dispatcher(context),
        "commander": _commander(context),
        "notifier": _notifier(),
        "populator": _populator(),
    }


def _dispatcher(context: Context) -> list[Capability]:
    return [
        UsesTables(
            {
                "agent_events": Access.ERASE,
                "agent_open": Access.ALL,
                "agent_tickets": Access.ALL,
                "agent_sessions": Access.ALL,
            }
        ),
        InvokesCommander(),
        UsesResults(erase=True, links=True),
        Variables({"APPROVE_OWN": _flag(context.settings.dispatcher.approve_own)}),
        WritesLogs("dispatcher"),
        JoinsVpc(),
    ]


def _commander(context: Context) -> list[Capability]:
    settings = context.settings
    namespace, repository = _repository_of(context)
    return [
        UsesTables(
            {
                "agent_events": Access.APPEND,
                "agent_open": Access.ALL,
                "agent_tickets": Access.WRITE,
                "agent_sessions": Access.WRITE,
            }
        ),
        UsesResults(write=True),
        PublishesEvents(),
        ReadsModelKey(),
        Variables(
            {
                "PUBLISH_STEPS": _flag(settings.commander.publish_steps),
                "LEASE_MS": str(settings.commander.lease_ms),
                "DEPENDENCY_BUNDLE": BUNDLE_FILE,
                # Instances that are kept may as well have their libraries imported.
                "PREFETCH": _flag(settings.commander.provisioned.wanted),
                "MODEL_BASE_URL": settings.model.base_url or "",
                "MODEL_NAME": settings.model.name or "",
            }
        ),
        PullsImage(settings.image.instance_id, namespace, repository),
        WritesLogs("commander"),
        JoinsVpc(),
    ]


def _notifier() -> list[Capability]:
    return [
        UsesTables(
            {
                "agent_events": Access.APPEND,
                "agent_open": Access.ALL,
                "agent_tickets": Access.WRITE,
                "agent_sessions": Access.WRITE,
                "agent_connections": Access.ALL,
            }
        ),
        InvokesCommander(),
        LeavesDeadLetters(),
        WritesLogs("notifier"),
        JoinsVpc(),
    ]


def _populator() -> list[Capability]:
    return [ReadsBundles(SHARE_ROOT), WritesLogs("populator"), JoinsVpc()]


def _repository_of(context: Context) -> tuple[str, str]:
    """Namespace and name of the commander's repository."""
    image = context.settings.image
    if image.new_registry:
        return image.new_registry.namespace, image.new_registry.repository
    _, namespace, name = (image.repository or "").split("/", 2)
    return namespace, name


def _flag(value: bool) -> str:
    return "true" if value else "false"
