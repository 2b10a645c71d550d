"""A small Pulumi project of its own: one function behind the gateway."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localcloud.up import RunningCloud, running

PROGRAM = """
import json
import pulumi
import pulumi_alicloud as alicloud

own = pulumi.Config()
endpoints, jwks = own.require_object("endpoints"), own.require_object("gateway")["jwks"]
allowed = own.get("allowed") or "echo"


def trust(service):
    row = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [service]}}
    return json.dumps({"Version": "1", "Statement": [row]})


bucket = alicloud.oss.Bucket("code", bucket="small-code")
code = alicloud.oss.BucketObject(
    "code", bucket=bucket.bucket, key="echo.zip", source="echo.zip", content_type="application/zip"
)
function_role = alicloud.ram.Role(
    "function", role_name="function", assume_role_policy_document=trust("fc.aliyuncs.com")
)
gateway_role = alicloud.ram.Role(
    "gateway", role_name="gateway", assume_role_policy_document=trust("apigateway.aliyuncs.com")
)
row = {
    "Effect": "Allow",
    "Action": ["fc:InvokeFunction"],
    "Resource": [f"acs:fc:cn-hangzhou:1234567890123456:functions/{allowed}"],
}
policy = alicloud.ram.Policy(
    "gateway",
    policy_name="gateway",
    policy_document=json.dumps({"Version": "1", "Statement": [row]}),
)
attached = alicloud.ram.RolePolicyAttachment(
    "gateway", role_name="gateway", policy_name=policy.policy_name, policy_type="Custom",
    opts=pulumi.ResourceOptions(depends_on=[gateway_role]),
)
secret = alicloud.oos.SecretParameter(
    "key", secret_parameter_name="small-key", value=pulumi.Output.secret("sk-very-secret")
)
function = alicloud.fc.V3Function(
    "echo",
    function_name="echo",
    runtime="python3.10",
    handler="index.handler",
    cpu=0.5,
    memory_size=512,
    disk_size=512,
    timeout=20,
    role=function_role.arn,
    code=alicloud.fc.V3FunctionCodeArgs(oss_bucket_name=bucket.bucket, oss_object_name=code.key),
    environment_variables={"OSS_ENDPOINT": endpoints["oss"]},
)
group = alicloud.apigateway.Group("group", name="small_group", description="")
plugin = alicloud.apigateway.Plugin(
    "jwt",
    plugin_name="small_jwt",
    plugin_type="jwtAuth",
    plugin_data=json.dumps(
        {
            "parameter": "Authorization",
            "parameterLocation": "header",
            "jwks": jwks["keys"],
            "claimParameters": [
                {"claimName": "sub", "parameterName": "x-claim-sub", "location": "header"}
            ],
        }
    ),
)
for method, path in (("POST", "/v1/[what]"), ("GET", "/v1/[what]")):
    api = alicloud.apigateway.Api(
        f"{method.lower()}",
        name=f"{method.lower()}_what",
        group_id=group.id,
        description="",
        auth_type="ANONYMOUS",
        service_type="FunctionCompute",
        request_config=alicloud.apigateway.ApiRequestConfigArgs(
            method=method, path=path, mode="PASSTHROUGH", protocol="HTTP,HTTPS"
        ),
        request_parameters=[
            alicloud.apigateway.ApiRequestParameterArgs(
                name="what", in_="PATH", type="STRING", required="REQUIRED", name_service="what",
                in_service="PATH",
            )
        ],
        fc_service_config=alicloud.apigateway.ApiFcServiceConfigArgs(
            function_version="3.0", function_type="FCEvent", region="cn-hangzhou",
            function_name=function.function_name, qualifier="LATEST", arn_role=gateway_role.arn,
            timeout=10000,
        ),
        stage_names=["RELEASE"],
        opts=pulumi.ResourceOptions(depends_on=[attached]),
    )
    alicloud.apigateway.PluginAttachment(
        f"{method.lower()}-jwt", api_id=api.api_id, group_id=group.id, plugin_id=plugin.id,
        stage_name="RELEASE",
    )
pulumi.export("group", group.sub_domain)
pulumi.export("function", function.function_arn)
"""

FUNCTION = """
import json, os


def handler(event, context):
    call = json.loads(event)
    what = call["pathParameters"]["what"]
    if what == "crash":
        raise RuntimeError("on purpose")
    if what == "bad":
        return "not what the gateway reads"
    seen = {
        "method": call["httpMethod"],
        "body": call["body"],
        "headers": call["headers"],
        "oss": os.environ["OSS_ENDPOINT"],
    }
    return json.dumps(
        {
            "isBase64Encoded": False,
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": json.dumps(seen),
        }
    )
"""

STACK = """
config:
  alicloud:region: cn-hangzhou
  alicloud:accountId: "1234567890123456"
  alicloud:accountType: Domestic
  alicloud:skipRegionValidation: "true"
"""


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """The project's folder."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    (folder / "Pulumi.local.yaml").write_text(STACK)
    (folder / "__main__.py").write_text(PROGRAM)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("index.py", FUNCTION)
    (folder / "echo.zip").write_bytes(archive.getvalue())
    return folder


@pytest.fixture
async def small_cloud(small_project: Path, tmp_path: Path) -> AsyncIterator[RunningCloud]:
    """The project, provisioned."""
    async with running(small_project, tmp_path / "state", environment={}) as cloud:
        yield cloud
