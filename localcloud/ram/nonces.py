"""Nonces that have been used, so that a signed request that somebody overheard works only once."""

from __future__ import annotations

import threading

from localcloud.core.errors import CloudError

LIMIT = 100_000
NONCE_BYTES = 128


class Nonces:
    """Remembers nonces for as long as the time stamp beside them is accepted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[str, str], float] = {}

    def use(self, access_key_id: str, nonce: str, now: float, until: float) -> None:
        """Take note of a nonce.

        Args:
            access_key_id: whose.
            nonce: from a request whose signature is right.
            now: seconds since the epoch.
            until: when its request is too old anyway.

        Raises:
            CloudError: it was used before, it is missing or too long, or there are too many.
        """
        if not 1 <= len(nonce) <= NONCE_BYTES:
            raise CloudError(
                400, "IncompleteSignature", f"x-acs-signature-nonce: 1 to {NONCE_BYTES} characters"
            )
        with self._lock:
            if self._until.get((access_key_id, nonce), now) > now:
                raise CloudError(400, "SignatureNonceUsed", "the signature nonce was used before")
            if len(self._until) >= LIMIT:
                self._until = {key: end for key, end in self._until.items() if end > now}
            if len(self._until) >= LIMIT:
                raise CloudError(503, "Throttling", "too many signed requests in a short time")
            self._until[access_key_id, nonce] = until
