"""What cannot change in place: the inputs that the Terraform provider marks ``ForceNew``.

Read from the schemas in ``alicloud/resource_alicloud_*.go`` of terraform-provider-alicloud, commit
81c43b67 (August 2026) [S], without what is deprecated there; names as Pulumi's. A type that is not
here has none.
"""

from __future__ import annotations

_TABLE = """
apigateway/api:Api
    groupId
apigateway/appAttachment:AppAttachment
    appId groupId apiId stageName
apigateway/group:Group
    instanceId
apigateway/groupPluginAttachment:GroupPluginAttachment
    groupId pluginId stageName
apigateway/plugin:Plugin
    pluginType
apigateway/pluginAttachment:PluginAttachment
    pluginId groupId apiId stageName
cr/registryEnterpriseInstance:RegistryEnterpriseInstance
    instanceName paymentType renewPeriod renewalStatus
cr/vpcEndpointLinkedVpc:VpcEndpointLinkedVpc
    instanceId vpcId vswitchId moduleName
cs/registryEnterpriseNamespace:RegistryEnterpriseNamespace
    instanceId name
cs/registryEnterpriseRepo:RegistryEnterpriseRepo
    instanceId namespace name
ecs/eipAddress:EipAddress
    allocationId internetChargeType ipAddress isp netmode paymentType zone
ecs/eipAssociation:EipAssociation
    allocationId instanceId instanceType privateIpAddress vpcId
ecs/securityGroup:SecurityGroup
    securityGroupType vpcId
ecs/securityGroupRule:SecurityGroupRule
    securityGroupId type ipProtocol policy priority cidrIp ipv6CidrIp
    sourceSecurityGroupId sourceGroupOwnerId prefixListId portRange nicType
eventbridge/eventBus:EventBus
    eventBusName
eventbridge/rule:Rule
    eventBusName ruleName
eventbridge/serviceLinkedRole:ServiceLinkedRole
    productName
fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig
    functionName
fc/v3ConcurrencyConfig:V3ConcurrencyConfig
    functionName
fc/v3Function:V3Function
    functionName idleTimeout
fc/v3ProvisionConfig:V3ProvisionConfig
    functionName
fc/v3Trigger:V3Trigger
    functionName qualifier sourceArn triggerName triggerType
log/project:Project
    projectName
log/store:Store
    logstoreName projectName shardCount telemetryType
log/storeIndex:StoreIndex
    project logstore
message/serviceQueue:ServiceQueue
    queueName queueType
nas/accessGroup:AccessGroup
    accessGroupName accessGroupType fileSystemType
nas/accessRule:AccessRule
    accessGroupName fileSystemType
nas/fileSystem:FileSystem
    encryptType fileSystemType kmsKeyId protocolType redundancyType redundancyVswitchIds
    storageType vswitchId vpcId zoneId
nas/mountTarget:MountTarget
    fileSystemId networkType vswitchId vpcId
oos/secretParameter:SecretParameter
    constraints dkmsInstanceId keyId secretParameterName type
oss/bucket:Bucket
    bucket storageClass redundancyType
oss/bucketAcl:BucketAcl
    bucket
oss/bucketObject:BucketObject
    bucket key
oss/bucketPublicAccessBlock:BucketPublicAccessBlock
    bucket
ots/instance:Instance
    name instanceType description
ots/instanceAttachment:InstanceAttachment
    instanceName vpcName vswitchId
ots/table:Table
    instanceName tableName primaryKeys
ram/policy:Policy
    policyName
ram/role:Role
    roleName
ram/rolePolicyAttachment:RolePolicyAttachment
    policyName policyType roleName
ros/stack:Stack
    createOption deletionProtection notificationUrls stackName
vpc/natGateway:NatGateway
    internetChargeType paymentType vpcId privateLinkEnabled accessMode availabilityMode
vpc/network:Network
    isDefault userCidrs
vpc/snatEntry:SnatEntry
    snatTableId sourceCidr sourceVswitchId
vpc/switch:Switch
    cidrBlock isDefault vpcId zoneId
"""


def _read(table: str) -> dict[str, frozenset[str]]:
    """A line is a type, the indented lines below it are its inputs."""
    found: dict[str, frozenset[str]] = {}
    token = ""
    for line in table.strip().splitlines():
        if line.startswith(" "):
            found[token] |= frozenset(line.split())
        else:
            token = f"alicloud:{line}"
            found[token] = frozenset()
    return found


REPLACE_ON = _read(_TABLE)
