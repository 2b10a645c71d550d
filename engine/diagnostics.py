"""Messages for people, in the form of the CLI's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """Collects messages in the order in which they arrive."""

    def __init__(self) -> None:
        self._entries: list[Diagnostic] = []
        self._dropped = 0

    def add(self, severity: Severity, message: str, urn: str = "") -> None:
        """Keep a message; debug messages and empty ones are not for people."""
        text = message.rstrip("\n")
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
