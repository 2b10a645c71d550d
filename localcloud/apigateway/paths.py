"""Request paths of APIs: ``/v1/tickets/[ticket_id]``, and which one a request means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_PARAMETER = re.compile(r"^(?:\[(?P<square>\w+)\]|\{(?P<curly>\w+)\})$")


class BadPath(ValueError):
    """A path that the gateway does not take; the message says why."""


@dataclass(frozen=True)
class PathPattern:
    """A compiled path; compare ``rank`` to find the more specific of two that match.

    Attributes:
        text: the path as it was given.
        segments: literal text, or None where a parameter stands.
        names: the parameters' names in order.
    """

    text: str
    segments: tuple[str | None, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> PathPattern:
        """Read a path whose parameters are whole segments: ``[name]``, also ``{name}``.

        Raises:
            BadPath: no leading slash, a bracket inside a segment, a wildcard, a name used twice.
        """
        if not text.startswith("/"):
            raise BadPath(f"path {text!r} must begin with a slash")
        segments: list[str | None] = []
        names: list[str] = []
        for segment in text[1:].split("/"):
            found = _PARAMETER.match(segment)
            if found:
                segments.append(None)
                names.append(found["square"] or found["curly"])
            elif any(mark in segment for mark in "[]{}*"):
                raise BadPath(
                    f"path {text!r}: segment {segment!r} must be plain text or one [name] "
                    "(wildcards are not part of the local gateway)"
                )
            else:
                segments.append(unquote(segment))
        if len(set(names)) != len(names):
            raise BadPath(f"path {text!r} uses a parameter name twice")
        return cls(text, tuple(segments), tuple(names))

    @property
    def rank(self) -> tuple[bool, ...]:
        """Smaller is more specific: a literal wins over a parameter, from the left."""
        return tuple(segment is None for segment in self.segments)

    def match(self, raw_path: str) -> dict[str, str] | None:
        """Match a path as it stands in the request line, still percent-encoded.

        A slash that is encoded (``%2F``) stays inside its segment; a parameter is never empty.

        Returns:
            The decoded parameters by name, or None.
        """
        if not raw_path.startswith("/"):
            return None
        parts = [unquote(part) for part in raw_path[1:].split("/")]
        if len(parts) != len(self.segments):
            return None
        values: list[str] = []
        for part, segment in zip(parts, self.segments, strict=True):
            if segment is None:
                if not part:
                    return None
                values.append(part)
            elif part != segment:
                return None
        return dict(zip(self.names, values, strict=True))
