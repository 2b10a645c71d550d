"""What holds data: session state, results, and the share with the dependencies."""

from typing import Literal

from pydantic import Field

from stack.settings.base import Group
from stack.settings.network import Zone


class SessionStoreSettings(Group):
    """Tablestore: sessions, tickets and their logs. Encrypted, reached from the VPC."""

    instance_type: Literal["HighPerformance", "Capacity"] = Field(
        default="HighPerformance",
        description="Storage of the Tablestore instance; it cannot be changed later.",
    )
    public_access: bool = Field(
        default=False,
        description="Also answer signed calls from the internet. A machine outside of the "
        "VPC needs it to create "
        "tables and to refresh; without it, deploy from inside the VPC.",
    )


class ResultsSettings(Group):
    """The private OSS buckets, of results and of artifacts."""

    retention_days: int = Field(
        default=35,
        ge=1,
        le=3650,
        description="Days until a result is deleted; longer than the event log lives.",
    )
    upload_days: int = Field(
        default=1, ge=1, le=30, description="Days until an unfinished upload is dropped."
    )


class ShareSettings(Group):
    """The NAS file system with the commander's dependencies."""

    storage_type: Literal["Performance", "Capacity", "Premium"] = Field(
        default="Performance",
        description="Storage of the NAS file system; it cannot be changed later.",
    )
    zone: Zone | None = Field(
        default=None, description="Zone of the file system. Unset: that of the populator's vSwitch."
    )
    bundle_target: str = Field(
        default="3.12-manylinux_2_28_x86_64",
        pattern=r"^(host|3\.(1[1-9]|2\d)-manylinux_2_\d+_x86_64)$",
        description="Python and platform that the dependencies are resolved for, the "
        "image's own; `host`: the "
        "interpreter that deploys, with the packages installed there.",
    )
