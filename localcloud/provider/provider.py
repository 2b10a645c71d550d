"""The provider itself: finds the handler, and makes creation safe to repeat."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from engine.provider import Created, Difference
from localcloud.core.errors import CloudError, NotSupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.documents import Documents
    from localcloud.provider.handler import Handler


class LocalProvider:
    """`engine.provider.Provider` on the services of a local cloud.

    Every creation leaves a claim first: URN, a digest of the inputs, and then the id. An attempt
    that was interrupted is asked for again with the same inputs, and takes over what it finds; a
    resource that is there without such a claim belongs to somebody else, and is an error.

    Args:
        handlers: by type token.
        claims: where the claims are kept.
    """

    def __init__(self, handlers: Mapping[str, Handler], claims: Documents) -> None:
        self._handlers = handlers
        self._claims = claims

    def difference(
        self, type_: str, old_inputs: dict[str, Any], new_inputs: dict[str, Any]
    ) -> Difference:
        """Compare inputs; an input that is None counts as one that is not there."""
        handler = self._handler(type_)
        changed = tuple(
            key
            for key in sorted(old_inputs.keys() | new_inputs.keys())
            if old_inputs.get(key) != new_inputs.get(key)
        )
        if not changed:
            return Difference("same")
        if forcing := tuple(key for key in changed if key in handler.replace_on):
            named = bool(handler.identity) and not set(handler.identity) & set(changed)
            return Difference("replace", forcing, delete_first=named)
        return Difference("update", changed)

    async def create(self, type_: str, urn: str, inputs: dict[str, Any]) -> Created:
        """Make a resource, or take over what an interrupted attempt left.

        Raises:
            CloudError: the service's own error; 409 when the resource is somebody else's.
            NotSupported: a type that the local cloud does not have.
        """
        handler = self._handler(type_)
        digest = _digest(type_, inputs)
        claim = self._claims.get("claim", urn)
        mine = claim is not None and claim["digest"] == digest
        self._claims.put(
            "claim", urn, {"digest": digest, "id": claim["id"] if claim and mine else ""}
        )
        known = (claim["id"] if claim and mine else "") or await handler.find(inputs)
        if known and not mine:
            raise CloudError(409, "EntityAlreadyExists", f"{type_} {known} already exists")
        created = await handler.put(inputs, known or None)
        self._claims.put("claim", urn, {"digest": digest, "id": created.id})
        return created

    async def update(
        self, type_: str, urn: str, id_: str, old_outputs: dict[str, Any], inputs: dict[str, Any]
    ) -> dict[str, Any]:
        """Change a resource in place."""
        del old_outputs
        created = await self._handler(type_).put(inputs, id_)
        self._claims.put("claim", urn, {"digest": _digest(type_, inputs), "id": id_})
        return created.outputs

    async def delete(self, type_: str, urn: str, id_: str, outputs: dict[str, Any]) -> None:
        """Remove a resource; one that is gone is no error."""
        try:
            await self._handler(type_).remove(id_, outputs)
        except CloudError as error:
            if error.status != 404:
                raise
        claim = self._claims.get("claim", urn)
        if claim is not None and claim["id"] == id_:
            self._claims.remove("claim", urn)

    async def read(self, type_: str, id_: str, inputs: dict[str, Any]) -> Created:
        """Look up an existing resource."""
        del inputs
        return await self._handler(type_).read(id_)

    async def call(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """Answer a data source: there is none."""
        del args
        raise NotSupported("provider", f"data source {token}")

    def types(self) -> dict[str, bool]:
        """The resource types that are here, and whether they are only recorded."""
        return {token: handler.recorded for token, handler in sorted(self._handlers.items())}

    def _handler(self, type_: str) -> Handler:
        handler = self._handlers.get(type_)
        if handler is None:
            raise NotSupported("provider", f"resource type {type_}")
        return handler


def _digest(type_: str, inputs: dict[str, Any]) -> str:
    """Of the inputs, which may hold secrets, only a digest is kept."""
    text = json.dumps([type_, inputs], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
