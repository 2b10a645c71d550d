"""Problem documents (RFC 9457): the only way in which a caller learns that something went wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """Raised anywhere below a handler, answered by it.

    Args:
        status: HTTP status.
        title: the kind of problem, the same each time.
        detail: what it is this time: names the field, the value and the rule.
        field: the wrong field of the request, if it is one.
        headers: for the answer.
        extra: further members of the document.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}" if detail else f"{status} {title}")
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def document(self) -> dict[str, Any]:
        """The document."""
        found: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            found["detail"] = self.detail
        if self.field is not None:
            found["field"] = self.field
        return {**found, **self.extra}

    def body(self) -> str:
        """The document as JSON text."""
        return json.dumps(self.document(), ensure_ascii=False)


def invalid(field: str, rule: str) -> Problem:
    """400: a field of the request breaks a rule. The rule is told, a long value is not repeated."""
    return Problem(400, "Invalid request", f"{field}: {rule}", field=field)


def not_found(what: str) -> Problem:
    """404: unknown, or somebody else's; the caller cannot tell which."""
    return Problem(404, "Not found", f"there is no such {what}")
