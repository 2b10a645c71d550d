"""Messages for people, in the form of the CLI's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.values import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Severity = Literal["debug", "info", "info#err", "warning", "error"]

MAX_MESSAGES = 2000
"""A program in a loop must not fill the memory; what comes later is counted, not kept."""


@dataclass(frozen=True)
class Diagnostic:
    """One message; ``info#err`` is what the program wrote to its standard error."""

    severity: Severity
    message: str
    urn: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the entry of ``pulumi preview --json``, whose message begins with the severity."""
        prefixed = self.severity in ("warning", "error")
        message = f"{self.severity}: {self.message}" if prefixed else self.message
        document = {"message": message + "\n", "severity": self.severity}
        return {"urn": self.urn} | document if self.urn else document


class Diagnostics:
    """Collects messages in the order in which they arrive, without the texts of secrets."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = secrets
        self._entries: list[Diagnostic] = []
        self._dropped = 0

    def add(self, severity: Severity, message: str, urn: str = "") -> None:
        """Keep a message; debug messages and empty ones are not for people."""
        text = message.rstrip("\n")
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        if severity == "debug" or not text:
            return
        if len(self._entries) >= MAX_MESSAGES:
            self._dropped += 1
            return
        self._entries.append(Diagnostic(severity, text, urn))

    def __iter__(self) -> Iterator[Diagnostic]:
        yield from self._entries
        if self._dropped:
            yield Diagnostic("warning", f"{self._dropped} more messages were left out")

    def errors(self) -> list[str]:
        """Return the texts of the errors."""
        return [entry.message for entry in self._entries if entry.severity == "error"]
