"""Functions as backends: called with the role that the API names, and only if that role may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.apigateway.event import Answer

if TYPE_CHECKING:
    from localcloud.fc import FunctionCompute
    from localcloud.ram import Ram

SERVICE = "apigateway.aliyuncs.com"


class FunctionBackends:
    """Invokes functions for the gateway.

    Args:
        ram: gives the role's credentials, if the role trusts API Gateway.
        functions: Function Compute, which asks whether the role may.
    """

    def __init__(self, ram: Ram, functions: FunctionCompute) -> None:
        self._ram = ram
        self._functions = functions

    async def call(self, role: str, function: str, qualifier: str, event: bytes) -> Answer:
        """Invoke synchronously; see `gateway.Functions`."""
        credentials = self._ram.credentials_for(role, SERVICE)
        principal = self._ram.principal(credentials.access_key_id, credentials.security_token)
        result = await self._functions.invoke(
            function, event, principal=principal, qualifier=qualifier
        )
        headers = {name.lower(): value for name, value in result.headers.items()}
        return Answer(result.status, headers, result.body)
