"""``vpc.*``, ``ecs.*``, ``cr.*`` and ``cs.*``: recorded, see `inventory`.

Ids are those of the Terraform provider's resources [S].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.provider.inventory import Network, Recorded, Switch, cloud_id, derived_id

if TYPE_CHECKING:
    from localcloud.documents import Documents
    from localcloud.provider.handler import Handler, Inputs


def network_handlers(documents: Documents) -> dict[str, Handler]:
    """The handlers by type token."""
    return {
        "alicloud:vpc/network:Network": Network(
            documents, "vpc", lambda _: cloud_id("vpc"), extra=_network_outputs
        ),
        "alicloud:vpc/switch:Switch": Switch(
            documents,
            "vswitch",
            lambda _: cloud_id("vsw"),
            references={"vpcId": "vpc"},
            extra=lambda *_: {"status": "Available"},
        ),
        "alicloud:ecs/securityGroup:SecurityGroup": Recorded(
            documents, "securityGroup", lambda _: cloud_id("sg"), references={"vpcId": "vpc"}
        ),
        "alicloud:ecs/securityGroupRule:SecurityGroupRule": Recorded(
            documents,
            "securityGroupRule",
            _rule_id,
            references={"securityGroupId": "securityGroup"},
        ),
        "alicloud:vpc/natGateway:NatGateway": Recorded(
            documents,
            "natGateway",
            lambda _: cloud_id("ngw"),
            references={"vpcId": "vpc", "vswitchId": "vswitch"},
            extra=lambda id_, _: {"status": "Available", "snatTableIds": f"stb-{id_}"},
        ),
        "alicloud:ecs/eipAddress:EipAddress": Recorded(
            documents, "eip", lambda _: cloud_id("eip"), extra=lambda *_: {"ipAddress": "192.0.2.1"}
        ),
        "alicloud:ecs/eipAssociation:EipAssociation": Recorded(
            documents,
            "eipAssociation",
            lambda inputs: f"{inputs['allocationId']}:{inputs['instanceId']}",
            references={"allocationId": "eip"},
        ),
        "alicloud:vpc/snatEntry:SnatEntry": Recorded(
            documents,
            "snatEntry",
            lambda inputs: f"{inputs['snatTableId']}:{cloud_id('snat')}",
            references={"sourceVswitchId": "vswitch"},
        ),
        **_registry_handlers(documents),
    }


def _registry_handlers(documents: Documents) -> dict[str, Handler]:
    """Names of Container Registry Enterprise; images themselves go to the local registry."""
    return {
        "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance": Recorded(
            documents,
            "crInstance",
            lambda _: cloud_id("cri"),
            extra=lambda *_: {"status": "RUNNING"},
            identity=("instanceName",),
        ),
        "alicloud:cs/registryEnterpriseNamespace:RegistryEnterpriseNamespace": Recorded(
            documents,
            "crNamespace",
            lambda inputs: f"{inputs['instanceId']}:{inputs['name']}",
            references={"instanceId": "crInstance"},
            identity=("instanceId", "name"),
        ),
        "alicloud:cs/registryEnterpriseRepo:RegistryEnterpriseRepo": Recorded(
            documents,
            "crRepository",
            lambda inputs: f"{inputs['instanceId']}:{inputs['namespace']}:{inputs['name']}",
            references={"instanceId": "crInstance"},
            extra=lambda id_, _: {"repoId": derived_id("crr", id_)},
            identity=("instanceId", "namespace", "name"),
        ),
        "alicloud:cr/vpcEndpointLinkedVpc:VpcEndpointLinkedVpc": Recorded(
            documents,
            "crLinkedVpc",
            lambda i: f"{i['instanceId']}:{i['vpcId']}:{i['vswitchId']}:{i['moduleName']}",
            references={"instanceId": "crInstance", "vpcId": "vpc", "vswitchId": "vswitch"},
            extra=lambda *_: {"status": "RUNNING"},
            identity=("instanceId", "vpcId", "vswitchId", "moduleName"),
        ),
    }


def _network_outputs(id_: str, _inputs: Inputs) -> dict[str, Any]:
    return {"status": "Available", "routerId": f"vrt-{id_[4:]}", "routeTableId": f"vtb-{id_[4:]}"}


def _rule_id(inputs: Inputs) -> str:
    fields = ("securityGroupId", "type", "ipProtocol", "portRange", "nicType", "cidrIp", "policy")
    return (
        ":".join(str(inputs.get(field, "")) for field in fields) + f":{inputs.get('priority', 1)}"
    )
