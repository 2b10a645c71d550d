"""What has to be done when a log has ended, by whoever finds it so; all of it may be done twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from functions.common.tickets.log import TicketLog
from functions.common.tickets.open import OpenTickets
from functions.common.tickets.projection import Tickets
from functions.common.tickets.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.common.tablestore.api import RowStore
    from functions.common.tickets.events import Event
    from functions.common.tickets.projection import Ticket


class TicketStore:
    """The tables of the protocol together.

    Attributes:
        log: `agent_events`.
        open: `agent_open`.
        tickets: `agent_tickets`.
        sessions: `agent_sessions`.
    """

    def __init__(
        self,
        store: RowStore,
        *,
        log: TicketLog | None = None,
        open_tickets: OpenTickets | None = None,
    ) -> None:
        self.log = log or TicketLog(store)
        self.open = open_tickets or OpenTickets(store)
        self.tickets = Tickets(store)
        self.sessions = Sessions(store)

    def settle(self, ticket: Ticket, events: Sequence[Event]) -> Ticket:
        """Fold the session, move the projection, delete the open row: in this order.

        The open row goes last, so that the sweeper finds whatever was interrupted before.

        Args:
            ticket: which ended.
            events: its whole log, the last one terminal.

        Returns:
            The ticket as it stands now.
        """
        self.sessions.fold(ticket, events)
        settled = replace(ticket, view=ticket.view.fold(events))
        self.tickets.advance(ticket.ticket_id, settled.view)
        self.open.close(ticket.ticket_id)
        return settled
