"""Entry points of the function: `initializer` once for an instance, `handler` for each request."""

from __future__ import annotations

import json
import os
from typing import Any

from functions.common.credentials import LatestCredentials, NoCredentials, from_context
from functions.common.gateway_event import (
    Response,
    encode_response,
    is_request,
    problem_response,
    read_request,
)
from functions.common.owner import caller_of
from functions.common.problems import Problem
from functions.common.settings import read_settings
from functions.common.tablestore.api import TablestoreError
from functions.common.tickets.sessions import SessionContended
from functions.dispatcher.app import App, build
from functions.dispatcher.router import route
from functions.dispatcher.settings import Settings

_credentials = LatestCredentials()
_app: App | None = None


def initializer(context: Any) -> None:
    """Make the clients. Without credentials yet, they come with the first request."""
    try:
        _credentials.renew(from_context(context))
    except NoCredentials:
        _started().log.info("initialized_without_credentials")
        return
    _started()


def handler(event: bytes | str, context: Any) -> bytes:
    """Answer one request of the gateway."""
    _credentials.renew(from_context(context))
    return encode_response(answer(_started(), event, str(getattr(context, "request_id", ""))))


def answer(app: App, event: bytes | str, request_id: str) -> Response:
    """Answer an event; every error is an answer too, and is logged without what it was about."""
    where = "?"
    try:
        document = json.loads(event)
        if not is_request(document):
            raise Problem(400, "Invalid request", "this is no event of the API Gateway")
        request = read_request(document)
        where = request.method
        response = route(app, request, caller_of(request.headers))
    except Problem as problem:
        response = problem_response(problem)
    except (TablestoreError, SessionContended) as error:
        app.log.failure(
            "store_failed", request_id=request_id, kind=type(error).__name__, why=str(error)
        )
        response = problem_response(
            Problem(503, "Try again", "the store did not answer", headers={"retry-after": "1"})
        )
    except Exception as error:  # noqa: BLE001 - the caller gets an answer whatever happens
        app.log.failure(
            "failed", request_id=request_id, kind=type(error).__name__, where=_place(error)
        )
        response = problem_response(
            Problem(500, "Internal error", f"request {request_id} failed; it is logged")
        )
    app.log.info("answered", request_id=request_id, method=where, status=response.status)
    return response


def _started() -> App:
    global _app  # noqa: PLW0603 - one for the instance
    if _app is None:
        _app = build(read_settings(Settings, os.environ), _credentials)
    return _app


def _place(error: BaseException) -> str:
    """File and line that raised: enough to find it, without the values of its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119 - pathlib is slow to import
