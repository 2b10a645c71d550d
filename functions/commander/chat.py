"""Chat completions of any OpenAI-compatible endpoint, with the standard library alone.

One request, one answer: time-outs, a bound on the answer's size, and a few more tries for what
passes (throttling, server errors, a lost connection), with growing random pauses.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from functions.common.http import AnswerTooLarge, HttpError, HttpPool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
MAX_ANSWER_BYTES = 4 * 1024 * 1024
LONGEST_PAUSE = 20.0
SHOWN = 300


class ChatError(Exception):
    """The endpoint gave no usable answer; the text says what it said instead."""


class _Passing(ChatError):
    """What another try may mend; `pause` is how long the endpoint asks to wait, in seconds."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause


@dataclass
class Usage:
    """Requests and tokens so far, as the endpoint counts them."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, reported: Any) -> None:
        """Add one answer's `usage`; an endpoint that reports none adds no tokens."""
        self.requests += 1
        if isinstance(reported, dict):
            self.prompt_tokens += _count(reported.get("prompt_tokens"))
            self.completion_tokens += _count(reported.get("completion_tokens"))

    def document(self) -> dict[str, int]:
        """The counts as they stand in a row."""
        return dict(vars(self))


@dataclass(frozen=True)
class Message:
    """One message: `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass
class Chat:
    """One model at one endpoint.

    Attributes:
        base_url: up to, without, `/chat/completions`.
        model: the model's name there.
        key: the bearer key; empty for an endpoint without.
        timeout: seconds for one request.
        attempts: how often a request is tried.
        temperature: 0 for answers that vary little.
        pause: waits; tests replace it.

    Raises:
        ValueError: `base_url` is no http(s) URL.
    """

    base_url: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    attempts: int = 4
    temperature: float = 0.0
    pause: Callable[[float], None] = time.sleep
    _pool: HttpPool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        url = urlsplit(self.base_url)
        self._pool = HttpPool(f"{url.scheme}://{url.netloc}", read_seconds=self.timeout)

    def complete(
        self,
        messages: Sequence[Message],
        usage: Usage,
        *,
        json_object: bool = False,
        max_tokens: int = 2048,
    ) -> str:
        """The text of the answer.

        Args:
            messages: the conversation.
            usage: is added to.
            json_object: ask for one JSON object (`response_format`).
            max_tokens: the longest answer.

        Raises:
            ChatError: no usable answer, after all tries.
        """
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [vars(message) for message in messages],
            "temperature": self.temperature,
            "max_tokens": max_tokens,
        }
        if json_object:
            body["response_format"] = {"type": "json_object"}
        payload = json.dumps(body).encode()
        for attempt in range(1, self.attempts + 1):
            try:
                answer = self._request(payload)
                break
            except _Passing as error:
                if attempt == self.attempts:
                    raise ChatError(f"{error} (after {attempt} tries)") from error
                growing = random.uniform(0.5, 1.0) * 2 ** (attempt - 1)  # noqa: S311 - a pause
                self.pause(min(max(error.pause, growing), LONGEST_PAUSE))
        usage.add(answer.get("usage"))
        return _text(answer)

    def _request(self, payload: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        target = f"{urlsplit(self.base_url).path.rstrip('/')}/chat/completions"
        try:
            answer = self._pool.request(
                "POST", target, headers=headers, body=payload, max_bytes=MAX_ANSWER_BYTES
            )
        except AnswerTooLarge as error:
            raise ChatError(f"the model's answer has more than {MAX_ANSWER_BYTES} bytes") from error
        except HttpError as error:
            raise _Passing(f"the model's endpoint could not be reached: {error}") from error
        if answer.status in PASSING:
            message = f"the model's endpoint answered {answer.status}: {_shown(answer.body)}"
            raise _Passing(message, _seconds(answer.headers.get("retry-after")))
        if answer.status != 200:
            raise ChatError(f"the model's endpoint answered {answer.status}: {_shown(answer.body)}")
        try:
            document = json.loads(answer.body)
        except ValueError as error:
            shown = _shown(answer.body)
            raise ChatError(f"the model's endpoint answered no JSON: {shown}") from error
        return document if isinstance(document, dict) else {}


def _text(answer: dict[str, Any]) -> str:
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise ChatError("the model's answer has no choices[0].message.content") from error
    if not isinstance(text, str) or not text.strip():
        raise ChatError("the model's answer is empty")
    return text.strip()


def _shown(data: bytes) -> str:
    return data[:SHOWN].decode("utf-8", "replace")


def _seconds(value: str | None) -> float:
    return float(value) if value and value.isdigit() else 0.0


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
