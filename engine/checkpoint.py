"""The checkpoint: what a deployment has made so far, on disk after every operation.

One JSON file, replaced atomically. Secrets in it are encrypted with the key in ``<file>.key``
(mode 0600), so that a copied checkpoint tells nothing. A damaged file is reported, never repaired
by guessing: resources that nobody remembers would be made twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken

from engine.errors import EngineError
from engine.state import ResourceState, from_json, to_json
from engine.values import SIGNATURE_KEY, Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

VERSION = 1


class Checkpoint:
    """A checkpoint file, and the key for its secrets, which is made with the first of them.

    Args:
        path: the file; its directory is made when it is not there.
        project: name of the project; a file of another one is refused.
        stack: name of the stack; a file of another one is refused.
        key: a Fernet key to use in place of the one beside the file.

    Raises:
        EngineError: the key is not a Fernet key, or cannot be read.
    """

    def __init__(self, path: Path, project: str, stack: str, key: bytes | None = None) -> None:
        self.path = path
        self._project = project
        self._stack = stack
        self._key_path = path.with_name(path.name + ".key")
        try:
            if key is None and self._key_path.exists():
                key = self._key_path.read_bytes().strip()
            self._fernet = Fernet(key) if key is not None else None
        except OSError as error:
            raise EngineError(f"{self._key_path} cannot be read: {error.strerror}") from None
        except ValueError:
            raise EngineError(f"the key of {path} is not a Fernet key") from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other deployments away from this checkpoint.

        Raises:
            EngineError: another one is at work.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(self.path.name + ".lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise EngineError(f"another deployment is working on {self.path}") from None
            yield

    def load(self) -> list[ResourceState]:
        """Return the recorded resources; none when nothing was deployed yet.

        Raises:
            EngineError: the file is damaged, belongs to another stack, or has another key.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from None
        try:
            document = json.loads(text)
            version, owner = document["version"], (document["project"], document["stack"])
            entries: list[Mapping[str, Any]] = document["resources"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(f"not a checkpoint ({error})") from None
        if version != VERSION:
            raise EngineError(f"{self.path} has version {version!r}; this engine reads {VERSION}")
        if owner != (self._project, self._stack):
            raise EngineError(
                f"{self.path} belongs to project {owner[0]!r}, stack {owner[1]!r}, "
                f"not to {self._project!r}, {self._stack!r}"
            )
        try:
            return [from_json(entry, self._open) for entry in entries]
        except InvalidToken:
            raise EngineError(
                f"the secrets in {self.path} were encrypted with another key than this one"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"a resource cannot be read ({error})") from None

    def save(self, states: Iterable[ResourceState]) -> None:
        """Replace the file; whoever is interrupted leaves the old one or the new one."""
        document = {
            "version": VERSION,
            "project": self._project,
            "stack": self._stack,
            "resources": [to_json(state, self._seal) for state in states],
        }
        scratch = self.path.with_name(self.path.name + ".new")
        _write_private(scratch, json.dumps(document, ensure_ascii=False, indent=1).encode())
        scratch.replace(self.path)

    def _seal(self, value: Any) -> dict[str, str]:
        if self._fernet is None:
            key = Fernet.generate_key()
            _write_private(self._key_path, key)
            self._fernet = Fernet(key)
        token = self._fernet.encrypt(json.dumps(value).encode())
        return {SIGNATURE_KEY: Signature.SECRET, "ciphertext": token.decode("ascii")}

    def _open(self, fields: Mapping[str, Any]) -> Any:
        if self._fernet is None:
            raise EngineError(f"{self.path} has secrets, but their key {self._key_path} is missing")
        return json.loads(self._fernet.decrypt(fields["ciphertext"].encode("ascii")))

    def _damaged(self, reason: str) -> EngineError:
        return EngineError(f"the state {self.path} is damaged: {reason}")


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, and have it on disk before going on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
