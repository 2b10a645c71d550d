"""Errors of the gateway, told apart from a backend's own by ``X-Ca-Error-Code``."""

from __future__ import annotations

import json
from http import HTTPStatus

_HEADER_LIMIT = 500


class GatewayError(Exception):
    """A request that the gateway itself answers with an error.

    Codes are six characters, as documented ("error codes of API Gateway", help.aliyun.com): kind,
    status, two letters. I404NF, D504TO, D502FC, D503BB, T429PR, I405UM, I413RL and A400IK stand
    there; those of the JWT plugin are from its page and were not verified on an account. The body
    is the local cloud's own choice: what the real gateway puts there is not documented.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = headers or {}

    def headers(self) -> dict[str, str]:
        """Headers of the answer, safe for the wire."""
        line = " ".join(self.message.split())[:_HEADER_LIMIT]
        return {
            "content-type": "application/problem+json",
            "x-ca-error-code": self.code,
            "x-ca-error-message": line.encode("ascii", "replace").decode(),
            **self.extra,
        }

    def body(self) -> bytes:
        """A problem document (RFC 9457); ``code`` is the gateway's."""
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
        }
        return json.dumps(problem, ensure_ascii=False).encode()


def not_found(method: str, path: str) -> GatewayError:
    """No API has this method and path; the real gateway does not tell the two apart [D]."""
    return GatewayError(404, "I404NF", f"API not found with `{method} {path}`")
