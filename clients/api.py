"""The HTTP API: one method an operation of functions/openapi.yaml."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from clients.errors import AgentError
from clients.models import Event, Submitted, Ticket

if TYPE_CHECKING:
    from types import TracebackType


class AgentClient:
    """Calls the API as the owner of one token.

    Args:
        url: where the API stands, without `/v1`.
        token: the JWT that the gateway checks.
        timeout: seconds for one call; `reply` waits for the commander's answer.
        transport: another httpx transport, for tests.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"authorization": f"Bearer {token}", "accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(
        self,
        text: str,
        *,
        session_id: str | None = None,
        action: str = "reason",
        variables: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Hand in a task: `reason` gives a ticket, `reply` the output at once.

        Raises:
            AgentError: 409 while the session has a running ticket, 422 for a key used with
                another body, another 4xx for bad input.
        """
        body: dict[str, Any] = {"input": text, "action": action}
        if session_id is not None:
            body["session_id"] = session_id
        if variables is not None:
            body["variables"] = variables
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        document = (await self._call("POST", "/v1/tasks", json=body, headers=headers)).json()
        return Submitted(
            ticket_id=document["ticket_id"],
            session_id=document["session_id"],
            status=document.get("status", "succeeded"),
            output=document.get("output"),
            links=document.get("links", {}),
        )

    async def ticket(self, ticket_id: str) -> Ticket:
        """Read one ticket. Somebody else's is 404, as an unknown one."""
        answer = await self._call("GET", f"/v1/tickets/{_segment(ticket_id)}")
        document = answer.json()
        return Ticket(
            ticket_id=document["ticket_id"],
            session_id=document["session_id"],
            status=document["status"],
            document=document,
            etag=answer.headers.get("etag"),
        )

    async def events(self, ticket_id: str, *, after: int = 0) -> list[Event]:
        """The ticket's log behind `after`, in order and without gaps."""
        answer = await self._call(
            "GET", f"/v1/tickets/{_segment(ticket_id)}/events", params={"after": after}
        )
        return [
            Event(ticket_id=ticket_id, seq=row["seq"], kind=row["kind"], data=row.get("data", {}))
            for row in answer.json()["events"]
        ]

    async def wait(self, ticket_id: str, *, seconds: float = 300.0, poll: float = 0.5) -> Ticket:
        """Poll until the ticket is settled; `Retry-After` of the server wins over `poll`.

        Raises:
            TimeoutError: the ticket was not settled in time.
        """
        async with asyncio.timeout(seconds):
            while not (ticket := await self.ticket(ticket_id)).settled:
                await asyncio.sleep(poll)
        return ticket

    async def approve(self, ticket_id: str, step: str, *, approve: bool) -> dict[str, Any]:
        """Answer a step that waits for a person."""
        path = f"/v1/tickets/{_segment(ticket_id)}/approvals/{_segment(step)}"
        document: dict[str, Any] = (
            await self._call("POST", path, json={"approve": approve})
        ).json()
        return document

    async def cancel(self, ticket_id: str) -> dict[str, Any]:
        """Ask for the ticket to be cancelled; it takes effect before the next step."""
        document: dict[str, Any] = (
            await self._call("DELETE", f"/v1/tickets/{_segment(ticket_id)}")
        ).json()
        return document

    async def session(self, session_id: str) -> dict[str, Any]:
        """Read a session: history, plan, variables."""
        document: dict[str, Any] = (
            await self._call("GET", f"/v1/sessions/{_segment(session_id)}")
        ).json()
        return document

    async def erase(self, session_id: str) -> None:
        """Erase a session and what it remembers."""
        await self._call("DELETE", f"/v1/sessions/{_segment(session_id)}")

    async def download(self, url: str) -> bytes:
        """Fetch a result by its time-limited link; the token is not sent there."""
        async with httpx.AsyncClient(timeout=self._http.timeout) as http:
            answer = await http.get(url)
        if answer.is_error:
            raise AgentError(answer.status_code, "the result could not be fetched")
        return answer.content

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = await self._http.request(method, path, **options)
        if answer.is_error:
            raise _error(answer)
        return answer


def _segment(value: str) -> str:
    return quote(value, safe="")


def _error(answer: httpx.Response) -> AgentError:
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return AgentError(answer.status_code, answer.reason_phrase or "error")
    title = str(problem.get("title") or answer.reason_phrase or "error")
    return AgentError(answer.status_code, title, str(problem.get("detail") or ""), problem)
