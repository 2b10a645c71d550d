"""The tags that everything carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED_TAGS = ("project", "environment", "owner", "managed-by")


def make_tags(environment: str, owner: str, further: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of an environment; no setting replaces the four that all need."""
    return {
        **further,
        "project": "agent-commander",
        "environment": environment,
        "owner": owner,
        "managed-by": "pulumi",
    }
