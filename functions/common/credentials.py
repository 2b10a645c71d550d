"""Temporary credentials of a function's role: the platform hands them over at every invocation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class NoCredentials(RuntimeError):
    """The platform gave none: the function has no role."""


@dataclass(frozen=True)
class Credentials:
    """An access key, and the token that makes it temporary. `repr` shows neither secret."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(default="", repr=False)


class CredentialSource(Protocol):
    """Gives the credentials of the moment: clients outlive one pair of them."""

    def __call__(self) -> Credentials:
        """The credentials to sign the next request with."""


class LatestCredentials:
    """A source that is told of new credentials at every invocation.

    Clients are made once for an instance and live for days, credentials for hours: so clients ask
    this at every request.
    """

    def __init__(self) -> None:
        self._current: Credentials | None = None

    def renew(self, credentials: Credentials) -> None:
        """Use these from now on."""
        self._current = credentials

    def __call__(self) -> Credentials:
        """The latest.

        Raises:
            NoCredentials: none were given so far.
        """
        if self._current is None:
            raise NoCredentials("the platform gave no credentials: does the function have a role?")
        return self._current


def from_context(context: Any) -> Credentials:
    """Read the context of a built-in runtime: `context.credentials`, or the environment.

    python3.10 has the attribute, python3.12 the variables, as the platform documents it.

    Raises:
        NoCredentials: neither is there.
    """
    given = getattr(context, "credentials", None)
    if given is None:
        import os

        return from_environment(os.environ)
    return _checked(
        getattr(given, "access_key_id", None),
        getattr(given, "access_key_secret", None),
        getattr(given, "security_token", None),
    )


def from_headers(headers: Mapping[str, str]) -> Credentials:
    """Read the headers that a custom container gets; names in lower case.

    Raises:
        NoCredentials: they are not there.
    """
    return _checked(
        headers.get("x-fc-access-key-id"),
        headers.get("x-fc-access-key-secret"),
        headers.get("x-fc-security-token"),
    )


def from_environment(environment: Mapping[str, str]) -> Credentials:
    """Read `ALIBABA_CLOUD_ACCESS_KEY_ID`, `…_SECRET` and `ALIBABA_CLOUD_SECURITY_TOKEN`.

    Raises:
        NoCredentials: they are not there.
    """
    return _checked(
        environment.get("ALIBABA_CLOUD_ACCESS_KEY_ID"),
        environment.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        environment.get("ALIBABA_CLOUD_SECURITY_TOKEN"),
    )


def _checked(key_id: str | None, secret: str | None, token: str | None) -> Credentials:
    if not key_id or not secret:
        raise NoCredentials("the platform gave no credentials: does the function have a role?")
    return Credentials(key_id, secret, token or "")
