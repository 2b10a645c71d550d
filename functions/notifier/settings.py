"""What the deployment tells the notifier."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Environment variables by the same name; endpoints are http(s) URLs.

    Attributes:
        tablestore_endpoint: where tickets and connections are.
        tablestore_instance: the instance that holds them.
        function_endpoint: where Function Compute is.
        commander_function: the function that works.
        notify_url: the NOTIFY API of the gateway.
        app_id: the app of the gateway that signs its calls.
        apigateway_endpoint: where AppKey and AppSecret are read.
    """

    tablestore_endpoint: str
    tablestore_instance: str
    function_endpoint: str
    commander_function: str
    notify_url: str
    app_id: str
    apigateway_endpoint: str
