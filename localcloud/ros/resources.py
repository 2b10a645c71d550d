"""Resource types of templates, on the same gateway that ``apigateway.*`` acts on.

Properties as documented ("ALIYUN::ApiGateway::Api" and its neighbours, help.aliyun.com/document_
detail/61459.html [D]; the fields of FunctionComputeConfig from the ROS CDK's types [S]). As in the
cloud an Api is reachable only after a Deployment published it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from localcloud.core.errors import CloudError, NotSupported

if TYPE_CHECKING:
    from localcloud.apigateway.definitions import Definitions

_WEBSOCKET_TYPES = ("COMMON", "REGISTER", "UNREGISTER", "NOTIFY")
_API_PROPERTIES = {
    "ApiName", "GroupId", "Description", "Visibility", "AuthType", "RequestConfig", "ServiceConfig",
    "RequestParameters", "ServiceParameters", "ServiceParametersMap", "WebSocketApiType",
    "ResultType", "ResultSample", "FailResultSample", "AllowSignatureMethod", "ForceNonceCheck",
    "DisableInternet", "Tags",
}  # fmt: skip


_DEPLOYMENT_PROPERTIES = {"ApiId", "GroupId", "StageName", "Description"}
_AUTHORIZATION_PROPERTIES = {"ApiIds", "AppIds", "GroupId", "StageName", "Description"}
_ATTACHMENT_PROPERTIES = {"ApiId", "PluginId", "StageName"}


OPERATIONS = {
    "ALIYUN::ApiGateway::Api": "COMMON, REGISTER, UNREGISTER, NOTIFY; function and mock back ends",
    "ALIYUN::ApiGateway::Deployment": "publishes an API in a stage",
    "ALIYUN::ApiGateway::Authorization": "lets apps call APIs",
    "ALIYUN::ApiGateway::PluginAttachment": "a plugin on an API",
    "(template)": "Parameters, Resources, Outputs; Ref, Fn::GetAtt, Fn::Join, Fn::Sub, Fn::Select",
}


class ResourceType(Protocol):
    """What a template's resource type can do.

    Attributes:
        replace_on: properties that cannot change in place.
        attributes: what Fn::GetAtt gives.
    """

    replace_on: frozenset[str]
    attributes: frozenset[str]

    def find(self, properties: dict[str, Any]) -> str | None:
        """Id of what an interrupted `put` may have left."""
        ...

    def put(self, properties: dict[str, Any], id_: str | None) -> str:
        """Create, or change the one with this id; returns the id, which is what Ref gives."""
        ...

    def remove(self, id_: str, properties: dict[str, Any]) -> None:
        """Delete."""
        ...


class ApiType:
    """``ALIYUN::ApiGateway::Api``."""

    replace_on = frozenset({"GroupId"})
    attributes = frozenset({"ApiId"})

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def find(self, properties: dict[str, Any]) -> str | None:
        """The API of this name in the group."""
        group, name = _required(properties, "GroupId"), _required(properties, "ApiName")
        return self._definitions.find_api(group, name)

    def put(self, properties: dict[str, Any], id_: str | None) -> str:
        """Create or change; an API that is published stays so."""
        _check_known("Api", properties, _API_PROPERTIES)
        kind = properties.get("WebSocketApiType", "COMMON")
        if kind not in _WEBSOCKET_TYPES:
            raise _invalid("WebSocketApiType", f"{kind!r} is none of {', '.join(_WEBSOCKET_TYPES)}")
        stages = self._definitions.api(id_).stages if id_ else ()
        inputs = api_inputs(properties)
        return self._definitions.put_api(inputs, id_, websocket_type=kind, stages=stages)

    def remove(self, id_: str, properties: dict[str, Any]) -> None:
        """Delete the API."""
        del properties
        self._definitions.remove_api(id_)


class DeploymentType:
    """``ALIYUN::ApiGateway::Deployment``: publishes an API in a stage."""

    replace_on = frozenset({"ApiId", "GroupId", "StageName"})
    attributes: frozenset[str] = frozenset()

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def find(self, properties: dict[str, Any]) -> str | None:
        """Doing it again is harmless."""
        del properties
        return None

    def put(self, properties: dict[str, Any], id_: str | None) -> str:
        """Publish."""
        del id_
        _check_known("Deployment", properties, _DEPLOYMENT_PROPERTIES)
        api, stage = _required(properties, "ApiId"), _required(properties, "StageName")
        self._definitions.deploy(api, stage)
        return f"{api}:{stage}"

    def remove(self, id_: str, properties: dict[str, Any]) -> None:
        """Take out, where the API is still there."""
        del properties
        api, _, stage = id_.partition(":")
        try:
            self._definitions.deploy(api, stage, deployed=False)
        except CloudError as gone:
            if gone.status != 404:
                raise


class AuthorizationType:
    """``ALIYUN::ApiGateway::Authorization``: lets apps call APIs."""

    replace_on = frozenset({"ApiIds", "AppIds", "GroupId", "StageName"})
    attributes: frozenset[str] = frozenset()

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def find(self, properties: dict[str, Any]) -> str | None:
        """Doing it again is harmless."""
        del properties
        return None

    def put(self, properties: dict[str, Any], id_: str | None) -> str:
        """Attach every app to every API."""
        del id_
        _check_known("Authorization", properties, _AUTHORIZATION_PROPERTIES)
        for name in ("ApiIds", "AppIds"):
            if not isinstance(properties.get(name), list) or not properties[name]:
                raise _invalid(name, "a list with at least one id is required")
        stage = _required(properties, "StageName")
        pairs = [(app, api) for app in properties["AppIds"] for api in properties["ApiIds"]]
        return ",".join(self._definitions.attach(stage, app=str(p), api=str(a)) for p, a in pairs)

    def remove(self, id_: str, properties: dict[str, Any]) -> None:
        """Detach."""
        del properties
        for attachment in id_.split(","):
            self._definitions.detach(attachment)


class PluginAttachmentType:
    """``ALIYUN::ApiGateway::PluginAttachment``."""

    replace_on = frozenset({"ApiId", "PluginId", "StageName"})
    attributes = frozenset({"ApiId", "PluginId"})

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def find(self, properties: dict[str, Any]) -> str | None:
        """Doing it again is harmless."""
        del properties
        return None

    def put(self, properties: dict[str, Any], id_: str | None) -> str:
        """Attach."""
        del id_
        _check_known("PluginAttachment", properties, _ATTACHMENT_PROPERTIES)
        return self._definitions.attach(
            _required(properties, "StageName"),
            plugin=_required(properties, "PluginId"),
            api=_required(properties, "ApiId"),
        )

    def remove(self, id_: str, properties: dict[str, Any]) -> None:
        """Detach."""
        del properties
        self._definitions.detach(id_)


def resource_types(definitions: Definitions) -> dict[str, ResourceType]:
    """The types by name."""
    return {
        "ALIYUN::ApiGateway::Api": ApiType(definitions),
        "ALIYUN::ApiGateway::Deployment": DeploymentType(definitions),
        "ALIYUN::ApiGateway::Authorization": AuthorizationType(definitions),
        "ALIYUN::ApiGateway::PluginAttachment": PluginAttachmentType(definitions),
    }


def api_inputs(properties: dict[str, Any]) -> dict[str, Any]:
    """Turn the properties of an Api into the inputs of ``apigateway.Api``."""
    request, service = properties.get("RequestConfig") or {}, properties.get("ServiceConfig") or {}
    targets = {
        item["ServiceParameterName"]: item.get("Location", "HEAD")
        for item in properties.get("ServiceParameters") or []
    }
    names = {
        item["RequestParameterName"]: item["ServiceParameterName"]
        for item in properties.get("ServiceParametersMap") or []
    }
    inputs: dict[str, Any] = {
        "name": _required(properties, "ApiName"),
        "groupId": _required(properties, "GroupId"),
        "authType": properties.get("AuthType", "APP"),
        "requestConfig": {
            "protocol": request.get("RequestProtocol", "HTTP"),
            "method": request.get("RequestHttpMethod", "GET"),
            "path": request.get("RequestPath", ""),
            "mode": request.get("RequestMode", "MAPPING"),
        },
        "requestParameters": [
            {
                "name": item["ApiParameterName"],
                "in": item.get("Location", ""),
                "required": item.get("Required", "OPTIONAL"),
                "nameService": names.get(item["ApiParameterName"], item["ApiParameterName"]),
                "inService": targets.get(
                    names.get(item["ApiParameterName"], ""), item.get("Location", "")
                ),
            }
            for item in properties.get("RequestParameters") or []
        ],
    }
    return inputs | _service(service)


def _service(service: dict[str, Any]) -> dict[str, Any]:
    if str(service.get("Mock", "FALSE")).upper() == "TRUE":
        return {
            "serviceType": "MOCK",
            "mockServiceConfig": {"result": service.get("MockResult", "")},
        }
    config = service.get("FunctionComputeConfig")
    if service.get("ServiceProtocol") != "FunctionCompute" or not isinstance(config, dict):
        raise NotSupported("ros", f"ServiceConfig.ServiceProtocol {service.get('ServiceProtocol')}")
    return {
        "serviceType": "FunctionCompute",
        "fcServiceConfig": {
            "functionVersion": config.get("FcVersion", "2.0"),
            "functionType": config.get("FcType", "FCEvent"),
            "functionName": config.get("FunctionName"),
            "qualifier": config.get("Qualifier"),
            "arnRole": config.get("RoleArn"),
            "region": config.get("FcRegionId"),
            "timeout": service.get("ServiceTimeOut", 10_000),
        },
    }


def _check_known(type_: str, properties: dict[str, Any], known: set[str]) -> None:
    """What is not known here could be meant to do something, so it is refused."""
    if unknown := sorted(properties.keys() - known):
        raise NotSupported("ros", f"property {unknown[0]} of ALIYUN::ApiGateway::{type_}")


def _required(properties: dict[str, Any], name: str) -> str:
    value = properties.get(name)
    if value in (None, ""):
        raise _invalid(name, "is required")
    return str(value)


def _invalid(name: str, rule: str) -> CloudError:
    return CloudError(400, "StackValidationFailed", f"ROS property {name}: {rule}")
