"""Stacks: what a template made, and how the next template changes it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError, NotSupported
from localcloud.ros.resources import ResourceType, resource_types
from localcloud.ros.template import Resource, Template, invalid, resolve

if TYPE_CHECKING:
    from localcloud.apigateway.definitions import Definitions
    from localcloud.core.config import CloudConfig
    from localcloud.documents import Documents

Made = dict[str, Any]


class Stacks:
    """The stacks of the account.

    A change that fails leaves what was done before it, recorded, so that putting the stack again
    goes on from there.
    """

    def __init__(self, documents: Documents, config: CloudConfig, definitions: Definitions) -> None:
        self._documents = documents
        self._config = config
        self._types = resource_types(definitions)

    @property
    def types(self) -> list[str]:
        """Names of the resource types."""
        return sorted(self._types)

    def find(self, name: str) -> str | None:
        """Id of the stack with this name."""
        found = (id_ for id_, body in self._documents.all("stack").items() if body["name"] == name)
        return next(found, None)

    def put(
        self, name: str, template: str, parameters: dict[str, Any], stack_id: str | None = None
    ) -> str:
        """Create a stack, or change the one with this id.

        Raises:
            CloudError: 400 for a template that is not valid, 409 for a name that is taken, and
                what a resource's service says.
            NotSupported: a resource type that is not here; nothing is changed then.
        """
        parsed = Template.parse(template)
        for resource in parsed.resources:
            if resource.type not in self._types:
                raise NotSupported("ros", f"resource type {resource.type}")
        values = parsed.parameters(parameters)
        if stack_id is None:
            if self.find(name) is not None:
                raise CloudError(409, "StackExists", f"ROS stack {name} already exists")
            stack_id = str(uuid.uuid4())
            self._documents.put("stack", stack_id, {"name": name, "resources": {}})
        self._apply(stack_id, parsed, values)
        return stack_id

    def outputs(self, stack_id: str) -> dict[str, Any]:
        """Outputs of a stack."""
        found: dict[str, Any] = self._stack(stack_id).get("outputs", {})
        return found

    def remove(self, stack_id: str) -> None:
        """Delete a stack and what it made, last first."""
        body = self._documents.get("stack", stack_id)
        if body is None:
            return
        for logical_id in reversed(list(body["resources"])):
            self._remove(stack_id, body, logical_id)
        self._documents.remove("stack", stack_id)

    def _apply(self, stack_id: str, template: Template, values: dict[str, Any]) -> None:
        body = self._stack(stack_id)
        made: dict[str, Made] = body["resources"]
        pseudo = {
            "ALIYUN::Region": self._config.region,
            "ALIYUN::TenantId": self._config.account_id,
            "ALIYUN::StackName": body["name"],
            "ALIYUN::StackId": stack_id,
        }

        def ref(name: str) -> Any:
            for known in (values, pseudo):
                if name in known:
                    return known[name]
            if name in made:
                return made[name]["id"]
            raise invalid(f"{name} is not defined")

        def attribute(logical_id: str, name: str) -> Any:
            return self._attribute(made, logical_id, name)

        for resource in template.resources:
            properties = resolve(resource.properties, ref, attribute)
            self._put(stack_id, body, resource, properties)
        wanted = {resource.logical_id for resource in template.resources}
        for logical_id in [name for name in reversed(made) if name not in wanted]:
            self._remove(stack_id, body, logical_id)
        body["outputs"] = resolve(template.outputs, ref, attribute)
        self._documents.put("stack", stack_id, body)

    def _put(
        self, stack_id: str, body: dict[str, Any], resource: Resource, properties: dict[str, Any]
    ) -> None:
        """Make or change one resource; ``pending`` names one that may be made but not recorded."""
        made: dict[str, Made] = body["resources"]
        logical_id, kind = resource.logical_id, self._types[resource.type]
        old = made.get(logical_id)
        if old is not None and (
            old["type"] != resource.type or _replaces(kind, old["properties"], properties)
        ):
            self._remove(stack_id, body, logical_id)
            old = None
        if old is not None:
            id_ = old["id"]
        elif body.get("pending") == logical_id:
            id_ = kind.find(properties)
        else:
            id_ = None
        body["pending"] = logical_id
        self._documents.put("stack", stack_id, body)
        made[logical_id] = {
            "type": resource.type,
            "id": kind.put(properties, id_),
            "properties": properties,
        }
        body["pending"] = None
        self._documents.put("stack", stack_id, body)

    def _remove(self, stack_id: str, body: dict[str, Any], logical_id: str) -> None:
        old = body["resources"].pop(logical_id)
        self._types[old["type"]].remove(old["id"], old["properties"])
        self._documents.put("stack", stack_id, body)

    def _attribute(self, made: dict[str, Made], logical_id: str, name: str) -> Any:
        resource = made.get(logical_id)
        if resource is None or name not in self._types[resource["type"]].attributes:
            raise invalid(f"{logical_id} has no attribute {name}")
        own: dict[str, Any] = {"ApiId": resource["id"], **resource["properties"]}
        return own[name]

    def _stack(self, stack_id: str) -> dict[str, Any]:
        body = self._documents.get("stack", stack_id)
        if body is None:
            raise CloudError(404, "StackNotFound", f"ROS stack {stack_id!r} does not exist")
        return body


def _replaces(kind: ResourceType, old: dict[str, Any], new: dict[str, Any]) -> bool:
    return any(old.get(name) != new.get(name) for name in kind.replace_on)
