"""The gateway's control plane on the wire: what a function may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError
from localcloud.rpc import RpcService

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.apigateway.definitions import Definitions
    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.ram import Principal, Ram

VERSION = "2016-07-14"
OPERATIONS = {
    "DescribeAppSecurity": "ACS3; needs apigateway:DescribeAppSecurity on the app",
}


def gateway_control(
    config: CloudConfig, clock: Clock, ram: Ram, definitions: Definitions
) -> RpcService:
    """The control plane's service for the door."""

    def describe_app_security(
        principal: Principal, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Key and secret of an app (api-cloudapi-2016-07-14-describeappsecurity [D])."""
        app_id = parameters.get("AppId", "")
        if not app_id:
            raise CloudError(400, "MissingAppId", "AppId is required")
        arn = f"acs:apigateway:{config.region}:{config.account_id}:app/{app_id}"
        ram.authorise(principal, "apigateway:DescribeAppSecurity", arn)
        app = definitions.app(app_id)
        return {
            "AppKey": app.key,
            "AppSecret": app.secret,
            "CreatedTime": app.created,
            "ModifiedTime": app.created,
        }

    operations = {"DescribeAppSecurity": describe_app_security}
    return RpcService("apigateway-control", VERSION, operations, ram, clock)
