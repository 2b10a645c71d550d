"""The ticket protocol: how a ticket lives in Tablestore.

**The log is the truth.** Every decision and every outcome is one row of `agent_events`, inserted
only if its `seq` is free: that insert is checkpoint, lock and audit trail in one. Everything else
is a view of it, or a hint about when to look.

- `events`: the rows, and who may append which. `log`: appending, and what a collision means.
- `admission`: from a request to the first row. `sessions`: what a session remembers.
- `holding`: who may work on a ticket, and how a holder that was superseded learns it.
- `open`: tickets that are not settled. `view`, `projection`: how a ticket stands, for reading.
- `settling`: what is done when a log has ended. `notices`: what is told of it.

Order matters everywhere: what makes a thing findable is written first and deleted last, so that
whoever dies leaves something that the next one, or the sweeper, finds and finishes.
"""
