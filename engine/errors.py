"""The errors of the engine: each one is a message for the person who ran the command."""

from __future__ import annotations


class EngineError(Exception):
    """Something that the caller can act on; ``str(error)`` is the whole message."""


class ProgramFailed(EngineError):
    """The Pulumi program itself ended with an error; the message is the program's own text."""


class OperationFailed(EngineError):
    """An operation on one resource failed; what had finished before is in the checkpoint.

    Attributes:
        urn: the resource whose operation failed.
        op: ``create``, ``update``, ``replace``, ``delete`` or ``read``.
    """

    def __init__(self, op: str, urn: str, reason: str) -> None:
        super().__init__(f"{op} of {urn} failed: {reason}")
        self.op = op
        self.urn = urn
        self.reason = reason
