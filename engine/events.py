"""What a deployment tells about its progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["registered", "started", "done", "failed"]


@dataclass(frozen=True)
class ResourceEvent:
    """One moment in the life of one resource during ``up``.

    Attributes:
        phase: ``registered`` when the program declared it, ``started`` before and ``done`` or
            ``failed`` after the operation.
        op: ``create``, ``update``, ``replace``, ``delete``, ``same`` or ``read``; empty when
            registered, because the operation is not decided yet.
        urn: URN of the resource.
        type: type token of the resource.
        name: name of the resource.
        parent: URN of the parent; None for the root stack.
        seconds: how long the operation took; 0 until it is done or has failed.
        error: the provider's message when it failed.
    """

    phase: Phase
    op: str
    urn: str
    type: str
    name: str
    parent: str | None
    seconds: float = 0.0
    error: str | None = None
