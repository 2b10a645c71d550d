"""EventBridge's PutEvents: CloudEvents 1.0 as JSON, signed as the official SDK signs them.

The signature is HMAC-SHA1 over method, type, date, the `x-acs-` headers and the path (`acs:` in the
`Authorization` header). Whether the endpoint also takes ACS3 is not documented.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from functions.common.http import HttpPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functions.common.credentials import CredentialSource

PATH = "/openapi/putEvents"
CONTENT_TYPE = "application/cloudevents-batch+json; charset=utf-8"
EVENT_BYTES = 64 * 1024


class EventsRefused(Exception):
    """The bus did not take all events; the text says why."""


class EventBridgeClient:
    """Puts events on one bus.

    Args:
        endpoint: `http(s)://host[:port]`.
        bus: its name.
        credentials: asked at every request.
        now: Unix seconds.
    """

    def __init__(
        self,
        endpoint: str,
        bus: str,
        credentials: CredentialSource,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._pool = HttpPool(endpoint)
        self._bus = bus
        self._credentials = credentials
        self._now = now

    def put(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish CloudEvents; consumers drop duplicates, so a lost answer is sent again.

        Args:
            events: with `id`, `source`, `type` and `data` at least, each at most 64 KB.

        Raises:
            ValueError: an event is too large.
            EventsRefused: the service refused some of them, or all.
            HttpError: it was not reached.
        """
        batch = [
            {
                "specversion": "1.0",
                "datacontenttype": "application/json; charset=utf-8",
                **event,
                "aliyuneventbusname": self._bus,
            }
            for event in events
        ]
        for event in batch:
            size = len(json.dumps(event).encode())
            if size > EVENT_BYTES:
                raise ValueError(f"event {event.get('id')}: {size} bytes; limit {EVENT_BYTES}")
        body = json.dumps(batch).encode()
        answer = self._pool.request(
            "POST", PATH, headers=self._headers(), body=body, repeatable=True
        )
        document = _document(answer.body)
        if not 200 <= answer.status < 300:
            raise EventsRefused(
                f"{answer.status} {document.get('code', '')} {document.get('message', '')}"
            )
        if document.get("failedentrycount"):
            raise EventsRefused(f"{document['failedentrycount']} of {len(batch)} were not taken")

    def _headers(self) -> dict[str, str]:
        credentials = self._credentials()
        moment = time.gmtime(self._now())
        headers = {
            "date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", moment),
            "host": self._pool.authority,
            "accept": "application/json",
            "content-type": CONTENT_TYPE,
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-signature-method": "HMAC-SHA1",
            "x-acs-signature-version": "1.0",
            "x-eventbridge-version": "2015-06-06",
        }
        if credentials.security_token:
            headers["x-acs-accesskey-id"] = credentials.access_key_id
            headers["x-acs-security-token"] = credentials.security_token
        signature = sign(credentials.access_key_secret, headers)
        headers["authorization"] = f"acs:{credentials.access_key_id}:{signature}"
        return headers


def _document(body: bytes) -> dict[str, Any]:
    """A JSON object with its names in lower case: the SDK's models and the pages differ there."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return {name.lower(): value for name, value in said.items()} if isinstance(said, dict) else {}


def sign(secret: str, headers: Mapping[str, str]) -> str:
    """The signature of a PutEvents request."""
    own = "".join(
        f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-acs")
    )
    text = f"POST\n\n{headers['content-type']}\n{headers['date']}\n{own}{PATH}"
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()
