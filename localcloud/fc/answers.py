"""Answers of InvokeFunction; the header names are those of the platform's 2.0 pages."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from localcloud.fc.model import InvokeResult

if TYPE_CHECKING:
    from localcloud.fc.invoker import Run


def accepted(request_id: str) -> InvokeResult:
    """To an asynchronous request."""
    return InvokeResult(202, {"x-fc-request-id": request_id}, b"")


def answered(request_id: str, run: Run, *, with_log: bool) -> InvokeResult:
    """To a synchronous request: the result, or the error document with the error's type."""
    headers = {
        "x-fc-request-id": request_id,
        "x-fc-instance-id": run.instance_id,
        "x-fc-code-checksum": run.digest,
        "x-fc-invocation-duration": f"{run.run_ms:.2f}",
        "content-type": "application/octet-stream",
    }
    if run.outcome.error is not None:
        headers["x-fc-error-type"] = run.outcome.error
        headers["content-type"] = "application/json"
    if with_log:
        headers["x-fc-log-result"] = base64.b64encode(run.tail).decode()
    return InvokeResult(200, headers, run.outcome.payload)
