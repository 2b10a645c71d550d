"""The part of the trial program that ``preview-create.json`` shows, written again."""

import json

import pulumi
import pulumi_alicloud as ali

TAGS = {"env": "dev"}

vpc = ali.vpc.Network("vpc", vpc_name="v", cidr_block="10.0.0.0/16", tags=TAGS)
switches = [
    ali.vpc.Switch(
        f"sw{number}",
        vpc_id=vpc.id,
        cidr_block=f"10.0.{number}.0/24",
        zone_id=f"cn-hangzhou-{zone}",
        tags=TAGS,
    )
    for number, zone in enumerate("hi")
]
group = ali.ecs.SecurityGroup(
    "sg", vpc_id=vpc.id, security_group_name="sg", inner_access_policy="Drop", tags=TAGS
)
files = ali.nas.FileSystem(
    "fs",
    protocol_type="NFS",
    storage_type="Performance",
    encrypt_type=1,
    description="d",
    tags=TAGS,
)
access = ali.nas.AccessGroup(
    "ag", access_group_name="ag1", access_group_type="Vpc", file_system_type="standard"
)
ali.nas.MountTarget(
    "mt",
    file_system_id=files.id,
    access_group_name=access.access_group_name,
    vpc_id=vpc.id,
    vswitch_id=switches[0].id,
    network_type="Vpc",
    security_group_id=group.id,
)
instance = ali.ots.Instance(
    "oi",
    name="agent-dev",
    instance_type="HighPerformance",
    network_type_acls=["VPC"],
    network_source_acls=["TRUST_PROXY"],
    tags=TAGS,
)
ali.ots.Table(
    "tb",
    instance_name=instance.name,
    table_name="agent_sessions",
    primary_keys=[ali.ots.TablePrimaryKeyArgs(name="session_id", type="String")],
    time_to_live=-1,
    max_version=1,
    enable_sse=True,
    sse_key_type="SSE_KMS_SERVICE",
)
bucket = ali.oss.Bucket(
    "bk",
    bucket="agent-artifacts-dev",
    redundancy_type="ZRS",
    server_side_encryption_rule=ali.oss.BucketServerSideEncryptionRuleArgs(sse_algorithm="AES256"),
    lifecycle_rules=[
        ali.oss.BucketLifecycleRuleArgs(
            id="r",
            prefix="results/",
            enabled=True,
            expirations=[ali.oss.BucketLifecycleRuleExpirationArgs(days=30)],
        )
    ],
    tags=TAGS,
)
code = ali.oss.BucketObject("ob", bucket=bucket.bucket, key="dispatcher/abc.zip", source="x.zip")
logs = ali.log.Project("lp", project_name="agent-dev", description="d", tags=TAGS)
store = ali.log.Store("ls", project_name=logs.project_name, logstore_name="fc", retention_period=30)
role = ali.ram.Role(
    "role",
    role_name="r",
    assume_role_policy_document=json.dumps(
        {
            "Version": "1",
            "Statement": [
                {
                    "Action": "sts:AssumeRole",
                    "Effect": "Allow",
                    "Principal": {"Service": ["fc.aliyuncs.com"]},
                }
            ],
        }
    ),
    tags=TAGS,
)
bus = ali.eventbridge.EventBus("bus", event_bus_name="agent-dev", description="d")
queue = ali.message.ServiceQueue("dlq", queue_name="agent-dlq", message_retention_period=604800)
ali.eventbridge.Rule(
    "rule",
    event_bus_name=bus.event_bus_name,
    rule_name="done",
    filter_pattern=json.dumps({"specversion": ["1.0"]}),
    targets=[
        ali.eventbridge.RuleTargetArgs(
            target_id="n",
            type="acs.fc.function",
            endpoint="acs:fc:cn-hangzhou:1234567890123456:functions/notifier",
            push_retry_strategy="EXPONENTIAL_DECAY_RETRY",
            dead_letter_queue=ali.eventbridge.RuleTargetDeadLetterQueueArgs(
                arn=pulumi.Output.concat(
                    "acs:mns:cn-hangzhou:1234567890123456:/queues/", queue.queue_name
                )
            ),
            param_lists=[
                ali.eventbridge.RuleTargetParamListArgs(
                    resource_key="functionName", form="CONSTANT", value="notifier"
                ),
                ali.eventbridge.RuleTargetParamListArgs(
                    resource_key="Qualifier", form="CONSTANT", value="LATEST"
                ),
                ali.eventbridge.RuleTargetParamListArgs(resource_key="Body", form="ORIGINAL"),
            ],
        )
    ],
)
ali.fc.V3Function(
    "disp",
    function_name="dispatcher",
    runtime="python3.10",
    handler="handler.handle",
    cpu=0.35,
    memory_size=512,
    disk_size=512,
    timeout=30,
    instance_concurrency=1,
    internet_access=False,
    role=role.arn,
    code=ali.fc.V3FunctionCodeArgs(oss_bucket_name=bucket.bucket, oss_object_name=code.key),
    environment_variables={"A": "b"},
    log_config=ali.fc.V3FunctionLogConfigArgs(
        project=logs.project_name,
        logstore=store.logstore_name,
        enable_instance_metrics=True,
        enable_request_metrics=True,
        log_begin_rule="None",
    ),
    vpc_config=ali.fc.V3FunctionVpcConfigArgs(
        vpc_id=vpc.id,
        vswitch_ids=[switch.id for switch in switches],
        security_group_id=group.id,
    ),
    tags=TAGS,
)
registry = ali.cr.RegistryEnterpriseInstance(
    "ee",
    payment_type="Subscription",
    period=1,
    renewal_status="ManualRenewal",
    instance_type="Standard",
    instance_name="agents",
    image_scanner="ACR",
)
