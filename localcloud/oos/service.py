"""Secret parameters on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError
from localcloud.rpc import RpcService

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.oos.parameters import SecretParameters
    from localcloud.ram import Principal, Ram

VERSION = "2019-06-01"
OPERATIONS = {
    "GetSecretParameter": "ACS3; needs oos:GetSecretParameter on the parameter; KMS has no part",
}


def oos_control(
    config: CloudConfig, clock: Clock, ram: Ram, parameters: SecretParameters
) -> RpcService:
    """The service for the door."""

    def get_secret_parameter(principal: Principal, query: Mapping[str, str]) -> dict[str, Any]:
        """A parameter (api-oos-2019-06-01-getsecretparameter [D]).

        ``WithDecryption`` is false unless given; what the value is then is unverified: here it is
        the cipher text.
        """
        name = query.get("Name", "")
        if not name:
            raise CloudError(400, "MissingName", "Name is required")
        arn = f"acs:oos:{config.region}:{config.account_id}:secretparameter/{name}"
        ram.authorise(principal, "oos:GetSecretParameter", arn)
        parameter = parameters.get(name)
        decrypted = query.get("WithDecryption", "false").lower() == "true"
        return {
            "Parameter": {
                "Name": parameter.name,
                "Type": "Secret",
                "Value": parameters.value(parameter) if decrypted else parameter.cipher,
                "ParameterVersion": parameter.version,
                "CreatedDate": parameter.created,
                "UpdatedDate": parameter.updated,
                "Description": parameter.description,
            }
        }

    return RpcService("oos", VERSION, {"GetSecretParameter": get_secret_parameter}, ram, clock)
