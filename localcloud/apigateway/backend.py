"""Functions as backends: called with the role that the API names, and only if that role may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.apigateway.event import Answer

if TYPE_CHECKING:
    from localcloud.core.config import CloudConfig
    from localcloud.fc import FunctionCompute
    from localcloud.ram import Ram


_SERVICE = "apigateway.aliyuncs.com"


class FunctionBackends:
    """Invokes functions for the gateway.

    Args:
        config: account and region of the functions.
        ram: gives the role's credentials and decides.
        functions: Function Compute.
    """

    def __init__(self, config: CloudConfig, ram: Ram, functions: FunctionCompute) -> None:
        self._config = config
        self._ram = ram
        self._functions = functions

    async def call(self, role: str, function: str, qualifier: str, event: bytes) -> Answer:
        """Invoke synchronously; see `gateway.Functions`."""
        del qualifier
        credentials = self._ram.credentials_for(role, _SERVICE)
        principal = self._ram.principal(credentials.access_key_id, credentials.security_token)
        arn = f"acs:fc:{self._config.region}:{self._config.account_id}:functions/{function}"
        self._ram.authorise(principal, "fc:InvokeFunction", arn)
        result = await self._functions.invoke(function, event, principal=principal)
        headers = {name.lower(): value for name, value in result.headers.items()}
        return Answer(result.status, headers, result.body)
