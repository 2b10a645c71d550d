"""What a running step knows and may use besides its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from functions.commander.tools.tables import Tables


class Objects(Protocol):
    """The owner's part of the results bucket; nothing outside it can be reached."""

    def save(self, data: bytes, content_type: str) -> str:
        """Keep bytes for this ticket, named by their content; gives the key."""

    def read(self, key: str) -> bytes:
        """The bytes under a key.

        Raises:
            functions.commander.objects.ObjectRefused: the key is not the owner's, there is no such
                object, or it is too large.
        """


class Writer(Protocol):
    """Text with the model."""

    def __call__(self, instructions: str, material: str) -> str:
        """Write a text from material, following instructions."""


@dataclass(frozen=True)
class ToolContext:
    """What a running step knows.

    Attributes:
        ticket_id: the ticket.
        step: the step's id.
        question: what the user asked.
        objects: the owner's objects.
        tables: tables by reference.
        writer: text with the model; `None` if none is configured.
    """

    ticket_id: str
    step: str
    question: str
    objects: Objects
    tables: Tables
    writer: Writer | None = None

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this step, to hand to services that take one."""
        return f"{self.ticket_id}:{self.step}"
