"""The ticket protocol: how a ticket lives in Tablestore. docs/ticket-protocol.md has the whole."""
