"""Identifiers: a letter and 26 characters of base32hex, 130 bits, safe in paths and as task ids."""

from __future__ import annotations

import hashlib
import json
import re
import secrets

_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_LENGTH = 26
_TICKET = re.compile(r"t[0-9a-v]{26}", re.ASCII)
_SESSION = re.compile(r"s[0-9a-v]{26}", re.ASCII)
_STEP = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def new_ticket_id() -> str:
    """A random ticket id."""
    return "t" + _text(secrets.randbits(5 * _LENGTH))


def ticket_id_of(owner: str, idempotency_key: str) -> str:
    """The one ticket of an owner's idempotency key: the same key cannot make two."""
    material = json.dumps(["ticket", owner, idempotency_key]).encode()
    return "t" + _text(int.from_bytes(hashlib.sha256(material).digest()[:17], "big"))


def new_session_id() -> str:
    """A random session id."""
    return "s" + _text(secrets.randbits(5 * _LENGTH))


def new_row_id() -> str:
    """What tells a row of one's own from anybody else's: 128 random bits in hex."""
    return secrets.token_hex(16)


def is_ticket_id(text: str) -> bool:
    """Whether a text has the form of a ticket id."""
    return _TICKET.fullmatch(text) is not None


def is_session_id(text: str) -> bool:
    """Whether a text has the form of a session id."""
    return _SESSION.fullmatch(text) is not None


def is_step_id(text: str) -> bool:
    """Whether a text has the form of a step's id."""
    return _STEP.fullmatch(text) is not None


def _text(number: int) -> str:
    return "".join(_ALPHABET[number >> (5 * place) & 31] for place in range(_LENGTH))
