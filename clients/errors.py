"""What a call can end with when it does not end well."""

from __future__ import annotations

from typing import Any


class AgentError(Exception):
    """The API answered with a problem document (RFC 9457), or with an error that is none.

    Attributes:
        status: the HTTP status.
        title: what went wrong in a few words.
        detail: what went wrong this time; empty when the server said no more.
        problem: the whole document; empty when the body was none.
    """

    def __init__(
        self, status: int, title: str, detail: str = "", problem: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{status} {title}" + (f": {detail}" if detail else ""))
        self.status = status
        self.title = title
        self.detail = detail
        self.problem = problem or {}


class ChannelClosed(Exception):
    """The push channel could not be registered, or it was closed: the message says by whom."""
