"""What the deployment tells the populator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Environment variables by the same name.

    Attributes:
        oss_endpoint: where bundles are read.
        share_root: where the root of the share is mounted.
        fc_region: set by the platform; signatures need it.
    """

    oss_endpoint: str
    share_root: str
    fc_region: str
