"""Every resource type that the provider has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.apigateway import gateway_handlers
from localcloud.provider.compute import compute_handlers
from localcloud.provider.events import event_handlers
from localcloud.provider.identity import identity_handlers
from localcloud.provider.messages import message_handlers
from localcloud.provider.nas import nas_handlers
from localcloud.provider.network import network_handlers
from localcloud.provider.objects import object_handlers
from localcloud.provider.orchestration import orchestration_handlers
from localcloud.provider.schema import REPLACE_ON
from localcloud.provider.tables import table_handlers

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.cloud import Cloud
    from localcloud.documents import Documents
    from localcloud.provider.handler import Handler


def handlers(cloud: Cloud, documents: Documents, project: Path) -> dict[str, Handler]:
    """The handlers by type token, each knowing what forces a replacement.

    Args:
        cloud: its services.
        documents: where recorded resources are kept.
        project: where relative file names begin.
    """
    found: dict[str, Handler] = {
        **network_handlers(documents),
        **identity_handlers(cloud.ram),
        **object_handlers(cloud.oss, project),
        **table_handlers(cloud.tablestore, documents),
        **compute_handlers(cloud.fc),
        **event_handlers(cloud.eventbridge, documents),
        **message_handlers(cloud.mns, cloud.sls),
        **nas_handlers(cloud.nas),
        **gateway_handlers(cloud.apigateway.definitions),
        **orchestration_handlers(cloud.ros, cloud.oos),
    }
    for token, handler in found.items():
        handler.replace_on = REPLACE_ON.get(token, frozenset())
    return found
