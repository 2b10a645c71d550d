"""Credentials of the one who deploys: from the environment, never in an input or in state."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from stack.dynamic.base import DeploymentError

ID, SECRET, TOKEN = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)
# The names that the alicloud provider reads, for those who have set just these.
OLD_ID, OLD_SECRET, OLD_TOKEN = (
    "ALICLOUD_ACCESS_KEY",
    "ALICLOUD_SECRET_KEY",
    "ALICLOUD_SECURITY_TOKEN",
)


@dataclass(frozen=True)
class Credentials:
    """An access key, with a token when it is a temporary one."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


def from_environment() -> Credentials:
    """Read the access key.

    Raises:
        DeploymentError: there is none.
    """
    for key, secret, token in ((ID, SECRET, TOKEN), (OLD_ID, OLD_SECRET, OLD_TOKEN)):
        if os.environ.get(key) and os.environ.get(secret):
            return Credentials(os.environ[key], os.environ[secret], os.environ.get(token) or None)
    raise DeploymentError(
        f"set {ID} and {SECRET} (and {TOKEN} for temporary credentials) in the environment"
    )
