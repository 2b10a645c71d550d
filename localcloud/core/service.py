"""What the door knows of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


class Service(Protocol):
    """One service behind the one port."""

    name: str

    def recognises(self, request: Request) -> bool:
        """Whether a request is for this service, by its path and headers alone."""
        ...

    async def handle(self, request: Request) -> Response:
        """Answer a request that it recognised."""
        ...

    async def start(self) -> None:
        """Begin what runs beside requests."""
        ...

    async def stop(self) -> None:
        """End it, and close what is open."""
        ...
