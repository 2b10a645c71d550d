"""What exists in the gateway: groups, APIs, apps, plugins and who is attached to what; on disk."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localcloud.apigateway.jwt_auth import JwtAuth
from localcloud.apigateway.model import Api, WebSocketType
from localcloud.apigateway.traffic_control import TrafficControl
from localcloud.core.errors import CloudError, NotSupported

if TYPE_CHECKING:
    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.documents import Documents
    from localcloud.keys import Vault

STAGES = ("RELEASE", "PRE", "TEST")
Plugin = JwtAuth | TrafficControl


@dataclass(frozen=True)
class App:
    """A caller that signs its requests.

    Attributes:
        key: AppKey.
        secret: AppSecret, in the clear; on disk it is encrypted.
    """

    id: str
    name: str
    key: str
    secret: str
    created: str


class Definitions:
    """The control plane. Every method that changes something has written it when it returns."""

    def __init__(
        self, documents: Documents, config: CloudConfig, clock: Clock, vault: Vault
    ) -> None:
        self._documents = documents
        self._config = config
        self._clock = clock
        self._vault = vault
        self._apis = {id_: _api(id_, body) for id_, body in documents.all("api").items()}
        self._plugins = {
            id_: _plugin(body["pluginType"], body["pluginData"])
            for id_, body in documents.all("plugin").items()
        }

    # Groups

    def put_group(self, inputs: dict[str, Any], group_id: str | None = None) -> str:
        """Create a group, or change the one with this id; names are unique in the account."""
        name = str(inputs.get("name", ""))
        group_id = self._claim_name("group", name, group_id)
        self._documents.put("group", group_id, {"name": name})
        return group_id

    def sub_domain(self, group_id: str) -> str:
        """The name that the cloud gives to a group; locally nothing answers to it."""
        self._existing("group", group_id)
        return f"{group_id}-{self._config.region}.alicloudapi.com"

    def remove_group(self, group_id: str) -> None:
        """Remove a group.

        Raises:
            CloudError: 409 while it has APIs.
        """
        if any(api.group_id == group_id for api in self._apis.values()):
            raise CloudError(409, "ExistDependency", f"API group {group_id} still has APIs")
        self._documents.remove("group", group_id)
        self._detach("group", group_id)

    # APIs

    def put_api(
        self,
        inputs: dict[str, Any],
        api_id: str | None = None,
        *,
        websocket_type: WebSocketType = "COMMON",
        stages: tuple[str, ...] = (),
    ) -> str:
        """Create an API, or change one.

        Args:
            inputs: those of the Pulumi resource.
            api_id: of the one to change.
            websocket_type: its part in the bidirectional protocol.
            stages: where it is published.

        Raises:
            CloudError: 400 for a definition that is not valid, 404 for an unknown group, 409 for a
                name that another API of the group has, or its method and path.
            NotSupported: a backend that the local gateway does not have.
        """
        for stage in stages:
            _check_stage(stage)
        group_id = str(inputs.get("groupId", ""))
        self._existing("group", group_id)
        new_id = api_id or secrets.token_hex(16)
        api = Api.parse(new_id, inputs, websocket_type, stages)
        for other in self._apis.values():
            if other.group_id != group_id or other.id == new_id:
                continue
            if other.name == api.name:
                raise CloudError(409, "DuplicateApiName", f"group {group_id} has an API {api.name}")
            if (other.method, other.path.segments) == (api.method, api.path.segments):
                raise CloudError(
                    409, "DuplicateRequestPath", f"{api.method} {api.path.text} is {other.name}"
                )
        body = {"inputs": inputs, "websocketType": websocket_type, "stages": list(stages)}
        self._documents.put("api", new_id, body)
        self._apis[new_id] = api
        return new_id

    def deploy(self, api_id: str, stage: str, *, deployed: bool = True) -> None:
        """Publish an API in a stage, or take it out."""
        _check_stage(stage)
        body = self._existing("api", api_id)
        stages = [name for name in body["stages"] if name != stage] + ([stage] if deployed else [])
        body["stages"] = stages
        self._documents.put("api", api_id, body)
        self._apis[api_id] = _api(api_id, body)

    def remove_api(self, api_id: str) -> None:
        """Remove an API and its attachments."""
        self._documents.remove("api", api_id)
        self._apis.pop(api_id, None)
        self._detach("api", api_id)

    def find_api(self, group_id: str, name: str) -> str | None:
        """Id of the API with this name in a group."""
        found = (a.id for a in self._apis.values() if (a.group_id, a.name) == (group_id, name))
        return next(found, None)

    def api(self, api_id: str) -> Api:
        """Return an API.

        Raises:
            CloudError: 404.
        """
        self._existing("api", api_id)
        return self._apis[api_id]

    def published(self, stage: str) -> list[Api]:
        """The APIs of all groups that are published in a stage."""
        return [api for api in self._apis.values() if stage in api.stages]

    # Apps

    def put_app(self, inputs: dict[str, Any], app_id: str | None = None) -> App:
        """Create an app with a key and a secret of its own, or rename one."""
        name = str(inputs.get("name", ""))
        known = self._documents.get("app", app_id) if app_id else None
        new_id = self._claim_name("app", name, app_id, make=lambda: _digits(9))
        body = known or {
            "key": _digits(9),
            "secret": self._vault.encrypt(secrets.token_hex(16)),
            "created": datetime.fromtimestamp(self._clock.now(), UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            ),
        }
        self._documents.put("app", new_id, {**body, "name": name})
        return self.app(new_id)

    def app(self, app_id: str) -> App:
        """Return an app.

        Raises:
            CloudError: 404.
        """
        body = self._existing("app", app_id)
        return self._app(app_id, body)

    def app_of_key(self, key: str) -> App | None:
        """The app with this AppKey."""
        for app_id, body in self._documents.all("app").items():
            if body["key"] == key:
                return self._app(app_id, body)
        return None

    def remove_app(self, app_id: str) -> None:
        """Remove an app and its authorisations."""
        self._documents.remove("app", app_id)
        self._detach("app", app_id)

    # Plugins

    def put_plugin(self, inputs: dict[str, Any], plugin_id: str | None = None) -> str:
        """Create a plugin, or change one; its data is checked here, not at the first call."""
        name, kind = str(inputs.get("pluginName", "")), str(inputs.get("pluginType", ""))
        data = str(inputs.get("pluginData", ""))
        plugin = _plugin(kind, data)
        new_id = self._claim_name("plugin", name, plugin_id)
        self._documents.put(
            "plugin", new_id, {"name": name, "pluginType": kind, "pluginData": data}
        )
        self._plugins[new_id] = plugin
        return new_id

    def remove_plugin(self, plugin_id: str) -> None:
        """Remove a plugin and its attachments."""
        self._documents.remove("plugin", plugin_id)
        self._plugins.pop(plugin_id, None)
        self._detach("plugin", plugin_id)

    def plugins_of(self, api: Api, stage: str) -> dict[str, Plugin]:
        """The plugins in force by id: of a type, one on the API itself wins over the group's."""
        by_type: dict[type[Plugin], str] = {}
        for level, key in (("group", api.group_id), ("api", api.id)):
            for link in self._documents.all("attachment").values():
                if (link.get(level), link["stage"]) == (key, stage) and "plugin" in link:
                    if level == "group" and "api" in link:
                        continue
                    by_type[type(self._plugins[link["plugin"]])] = link["plugin"]
        return {id_: self._plugins[id_] for id_ in by_type.values()}

    # Attachments: an app to an API, a plugin to an API or to a group

    def attach(self, stage: str, **ends: str) -> str:
        """Attach: ``app`` and ``api``, ``plugin`` and ``api``, or ``plugin`` and ``group``.

        Returns:
            The attachment's id, the same whenever the same things are attached again.
        """
        _check_stage(stage)
        for kind, id_ in ends.items():
            self._existing(kind, id_)
        id_ = ":".join([*(f"{kind}={ends[kind]}" for kind in sorted(ends)), stage])
        self._documents.put("attachment", id_, {**ends, "stage": stage})
        return id_

    def detach(self, attachment_id: str) -> None:
        """Undo `attach`."""
        self._documents.remove("attachment", attachment_id)

    def is_authorised(self, app_id: str, api_id: str, stage: str) -> bool:
        """Whether an app may call an API."""
        return any(
            (link.get("app"), link.get("api"), link["stage"]) == (app_id, api_id, stage)
            for link in self._documents.all("attachment").values()
        )

    def find(self, kind: str, name: str) -> str | None:
        """Id of the group, app or plugin with this name."""
        found = (id_ for id_, body in self._documents.all(kind).items() if body["name"] == name)
        return next(found, None)

    def _app(self, app_id: str, body: dict[str, Any]) -> App:
        secret = self._vault.decrypt(body["secret"])
        return App(app_id, body["name"], body["key"], secret, body["created"])

    def _claim_name(self, kind: str, name: str, id_: str | None, make: Any = None) -> str:
        if not name:
            raise CloudError(400, "MissingParameter", f"{kind}: a name is required")
        if id_ is not None:
            self._existing(kind, id_)
        holder = self.find(kind, name)
        if holder is not None and holder != id_:
            raise CloudError(409, f"Duplicate{kind.title()}Name", f"{kind} {name} already exists")
        return id_ or (make() if make else secrets.token_hex(16))

    def _existing(self, kind: str, id_: str) -> dict[str, Any]:
        body = self._documents.get(kind, id_)
        if body is None:
            raise CloudError(404, f"NotFound{kind.title()}", f"API Gateway has no {kind} {id_!r}")
        return body

    def _detach(self, kind: str, id_: str) -> None:
        for attachment, link in self._documents.all("attachment").items():
            if link.get(kind) == id_:
                self._documents.remove("attachment", attachment)


def _api(api_id: str, body: dict[str, Any]) -> Api:
    return Api.parse(api_id, body["inputs"], body["websocketType"], tuple(body["stages"]))


def _plugin(kind: str, data: str) -> Plugin:
    if kind == "jwtAuth":
        return JwtAuth.parse(data)
    if kind == "trafficControl":
        return TrafficControl.parse(data)
    raise NotSupported("apigateway", f"pluginType {kind}")


def _check_stage(stage: str) -> None:
    if stage not in STAGES:
        raise CloudError(400, "InvalidStageName", f"{stage!r} is none of {', '.join(STAGES)}")


def _digits(count: int) -> str:
    return str(secrets.choice("123456789")) + "".join(
        secrets.choice("0123456789") for _ in range(count - 1)
    )
