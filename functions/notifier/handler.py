"""Entry points of the function: what an event is shows in its shape."""

from __future__ import annotations

import json
import os
from typing import Any

from functions.common.credentials import LatestCredentials, NoCredentials, from_context
from functions.common.gateway_event import (
    encode_response,
    is_request,
    problem_response,
    read_request,
)
from functions.common.problems import Problem
from functions.common.settings import read_settings
from functions.common.tablestore.api import TablestoreError
from functions.notifier import registration
from functions.notifier.app import App, build
from functions.notifier.completion import notice_of
from functions.notifier.settings import Settings

_credentials = LatestCredentials()
_app: App | None = None


def initializer(context: Any) -> None:
    """Make the clients. Without credentials yet, they come with the first event."""
    try:
        _credentials.renew(from_context(context))
    except NoCredentials:
        _started().log.info("initialized_without_credentials")
        return
    _started()


def handler(event: bytes | str, context: Any) -> bytes:
    """Deal with one event.

    Raises:
        TablestoreError: for events of bus and timer, so that the platform tries again.
    """
    _credentials.renew(from_context(context))
    return deal_with(_started(), event)


def deal_with(app: App, event: bytes | str) -> bytes:
    """A frame of a push channel, an event of the bus, or the timer; anything else is logged."""
    try:
        document = json.loads(event)
    except ValueError:
        document = None
    if is_request(document):
        return _register(app, document)
    if _is_timer(document):
        done = app.sweeper.sweep()
        app.log.info("swept", **done)
        return json.dumps(done).encode()
    # One event, or a batch: EventBridge may hand over several at a time.
    for item in document if isinstance(document, list) else [document]:
        notice = notice_of(item)
        if notice is None:
            app.log.info("event_ignored", shape=_shape(item))
        else:
            app.completion.deal_with(notice)
    return b"{}"


def _register(app: App, document: dict[str, Any]) -> bytes:
    try:
        response = registration.answer(app.connections, read_request(document))
    except Problem as problem:
        response = problem_response(problem)
    except TablestoreError as error:
        app.log.failure("store_failed", kind=type(error).__name__, why=str(error))
        response = problem_response(Problem(503, "Try again", "the store did not answer"))
    app.log.info("registration", status=response.status)
    return encode_response(response)


def _is_timer(event: Any) -> bool:
    """`{triggerTime, triggerName, payload}`, by the platform's documentation of timer triggers."""
    return isinstance(event, dict) and "triggerName" in event and "triggerTime" in event


def _shape(event: Any) -> str:
    """The names of an event, for whoever has to find out what came; never its values."""
    if isinstance(event, dict):
        return ",".join(sorted(str(name) for name in event))[:200]
    return type(event).__name__


def _started() -> App:
    global _app  # noqa: PLW0603 - one for the instance
    if _app is None:
        _app = build(read_settings(Settings, os.environ), _credentials)
    return _app
