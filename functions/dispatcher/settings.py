"""What the deployment tells the dispatcher."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Environment variables by the same name; endpoints are http(s) URLs.

    Attributes:
        tablestore_endpoint: where the tickets are.
        tablestore_instance: the instance that holds them.
        function_endpoint: where Function Compute is.
        commander_function: the function that works.
        oss_endpoint: where objects are erased.
        results_public_endpoint: where callers fetch results by link.
        results_bucket: the bucket for both.
        fc_region: set by the platform; signatures need it.
        approve_own: whether approvers may answer for their own tickets.
    """

    tablestore_endpoint: str
    tablestore_instance: str
    function_endpoint: str
    commander_function: str
    oss_endpoint: str
    results_public_endpoint: str
    results_bucket: str
    fc_region: str
    approve_own: bool = False
