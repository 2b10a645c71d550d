"""The accounts' rights: who a key belongs to and what its role may do."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.core.database import open_database
from localcloud.core.errors import CloudError
from localcloud.ram.keys import STS_SECONDS, Credentials, long_lived, temporary
from localcloud.ram.nonces import Nonces
from localcloud.ram.policies import Statement, decide, parse_policy, parse_trust

if TYPE_CHECKING:
    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig

OPERATIONS = {
    "CreateRole": "domain only; trust policies of services",
    "CreatePolicy": "domain only; Allow and Deny, `*` and `?`; conditions are refused",
    "AttachPolicyToRole": "domain only",
    "AssumeRole": "by the platform for a function; credentials are valid for 36 hours",
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS roles (name TEXT PRIMARY KEY, id TEXT, trust TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS policies (name TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attachments (role TEXT, policy TEXT, PRIMARY KEY (role, policy));
CREATE TABLE IF NOT EXISTS administrator (access_key_id TEXT, access_key_secret TEXT);
"""

SYSTEM_POLICIES = {
    # What the platform's own policy of this name allows, as far as this cloud has the operations.
    "AliyunContainerRegistryReadOnlyAccess": (
        '{"Version": "1", "Statement": [{"Effect": "Allow", '
        '"Action": ["cr:Get*", "cr:List*", "cr:PullRepository"], "Resource": "*"}]}'
    ),
}

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@_-]{0,63}")


@dataclass(frozen=True)
class Principal:
    """Who sent a request; `role` is None for the administrator, who may do everything."""

    name: str
    role: str | None

    @property
    def is_administrator(self) -> bool:
        """Whether every action is allowed."""
        return self.role is None


class Ram:
    """Roles, policies and keys of one account.

    The administrator's key lives in the state directory, readable by its owner alone; keys of roles
    live in memory and are made anew after a restart, as a function's are with each instance.

    Raises:
        StateDamaged: the database cannot be used.
    """

    def __init__(self, config: CloudConfig, clock: Clock) -> None:
        self._account = config.account_id
        self._clock = clock
        self._lock = threading.RLock()
        self._database = open_database(config.state_dir / "ram.sqlite", _SCHEMA)
        self._sessions: dict[str, tuple[Credentials, str]] = {}
        self._current: dict[str, Credentials] = {}
        self._statements: dict[str, list[Statement]] = {}
        self.nonces = Nonces()
        self.administrator = self._administrator()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def create_role(self, name: str, assume_policy: str) -> str:
        """Make a role and give its id; one of that name gets the new trust policy.

        Raises:
            CloudError: the name or the trust policy is malformed.
        """
        _check_name("role", name)
        parse_trust(name, assume_policy)
        role_id = f"3{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10**17:017d}"
        with self._lock:
            self._database.execute(
                "INSERT INTO roles VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET trust = excluded.trust",
                (name, role_id, assume_policy),
            )
        return role_id

    def delete_role(self, name: str) -> None:
        """Remove a role, what is attached to it, and its keys."""
        with self._lock:
            self._database.execute("DELETE FROM attachments WHERE role = ?", (name,))
            self._database.execute("DELETE FROM roles WHERE name = ?", (name,))
            self._statements.clear()
            self._current.pop(name, None)
            self._sessions = {k: v for k, v in self._sessions.items() if v[1] != name}

    def put_policy(self, name: str, document: str) -> None:
        """Make a custom policy, or change it.

        Raises:
            CloudError: the document has something that is not evaluated here, or is malformed.
        """
        parse_policy(name, document)
        with self._lock:
            self._database.execute(
                "INSERT OR REPLACE INTO policies VALUES (?, ?)", (name, document)
            )
            self._statements.clear()

    def delete_policy(self, name: str) -> None:
        """Remove a custom policy and its attachments."""
        with self._lock:
            self._database.execute("DELETE FROM attachments WHERE policy = ?", (name,))
            self._database.execute("DELETE FROM policies WHERE name = ?", (name,))
            self._statements.clear()

    def attach(self, role: str, policy: str) -> None:
        """Give a role what a policy allows.

        Raises:
            CloudError: there is no such role or policy.
        """
        with self._lock:
            self._role(role)
            self._document(policy)
            self._database.execute(
                "INSERT OR IGNORE INTO attachments VALUES (?, ?)", (role, policy)
            )
            self._statements.clear()

    def detach(self, role: str, policy: str) -> None:
        """Take it away again; what was not attached stays so."""
        with self._lock:
            self._database.execute(
                "DELETE FROM attachments WHERE role = ? AND policy = ?", (role, policy)
            )
            self._statements.clear()

    def arn(self, role: str) -> str:
        """The role's resource name."""
        return f"acs:ram::{self._account}:role/{role.lower()}"

    def credentials_for(self, role_arn: str, service: str = "fc.aliyuncs.com") -> Credentials:
        """Temporary credentials of a role; the same ones until half of their life is over.

        Raises:
            CloudError: there is no such role, or it does not trust the service.
        """
        with self._lock:
            role, trust = self._role(role_arn.rpartition("/")[2])
            if service not in parse_trust(role, trust):
                raise CloudError(
                    403, "NoPermission", f"role {role} does not trust {service} to assume it"
                )
            current, now = self._current.get(role), self._clock.now()
            if current is None or (current.expires or 0) - now < STS_SECONDS / 2:
                current = temporary(now + STS_SECONDS)
                self._current[role] = current
                self._sessions[current.access_key_id] = (current, role)
            return current

    def secret_of(self, access_key_id: str) -> str | None:
        """The secret that a request of this key must be signed with; None for an unknown key."""
        if access_key_id == self.administrator.access_key_id:
            return self.administrator.access_key_secret
        with self._lock:
            session = self._sessions.get(access_key_id)
        return session[0].access_key_secret if session else None

    def principal(self, access_key_id: str, security_token: str | None) -> Principal:
        """Who holds a key.

        Raises:
            CloudError: the key is unknown, or its token is missing, wrong or expired.
        """
        if access_key_id == self.administrator.access_key_id:
            return Principal("administrator", None)
        with self._lock:
            session = self._sessions.get(access_key_id)
        if session is None:
            raise CloudError(403, "InvalidAccessKeyId.NotFound", "the access key is not known")
        credentials, role = session
        if not hmac.compare_digest(
            (security_token or "").encode(), (credentials.security_token or "").encode()
        ):
            raise CloudError(403, "InvalidSecurityToken", "the security token is not the key's")
        if credentials.expires is not None and credentials.expires <= self._clock.now():
            raise CloudError(403, "InvalidSecurityToken.Expired", "the security token has expired")
        return Principal(f"role/{role}", role)

    def authorise(self, principal: Principal, action: str, resource: str) -> None:
        """Let an action on a resource pass, or refuse it.

        Raises:
            CloudError: 403; no policy of the role allows it, or one denies it.
        """
        if principal.role is None:
            return
        with self._lock:
            statements = self._statements.get(principal.role)
            if statements is None:
                statements = self._attached(principal.role)
                self._statements[principal.role] = statements
        if not decide(statements, action, resource):
            raise CloudError(
                403, "NoPermission", f"{principal.name} may not do {action} on {resource}"
            )

    def _attached(self, role: str) -> list[Statement]:
        rows = self._database.execute("SELECT policy FROM attachments WHERE role = ?", (role,))
        names = [name for (name,) in rows.fetchall()]
        return [one for name in names for one in parse_policy(name, self._document(name))]

    def _document(self, name: str) -> str:
        if name in SYSTEM_POLICIES:
            return SYSTEM_POLICIES[name]
        row = self._database.execute(
            "SELECT document FROM policies WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            raise CloudError(404, "EntityNotExist.Policy", f"there is no policy {name!r}")
        return str(row[0])

    def _role(self, name: str) -> tuple[str, str]:
        # Role names are kept as given and compared without case: the ARN is in small letters.
        row = self._database.execute(
            "SELECT name, trust FROM roles WHERE lower(name) = lower(?)", (name,)
        ).fetchone()
        if row is None:
            raise CloudError(404, "EntityNotExist.Role", f"there is no role {name!r}")
        return str(row[0]), str(row[1])

    def _administrator(self) -> Credentials:
        row = self._database.execute("SELECT * FROM administrator").fetchone()
        if row is not None:
            return Credentials(*row)
        made = long_lived()
        self._database.execute(
            "INSERT INTO administrator VALUES (?, ?)", (made.access_key_id, made.access_key_secret)
        )
        return made


def _check_name(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise CloudError(
            400, "InvalidParameter", f"{kind} name {name!r}: 1 to 64 letters, digits and .@_-"
        )
