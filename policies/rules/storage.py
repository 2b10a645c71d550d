"""What holds data: encrypted, private, protected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.rules.model import Finding, Resource, ResourceRule, Severity, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "alicloud:oss/bucket:Bucket"
BUCKET_ACL = "alicloud:oss/bucketAcl:BucketAcl"
PUBLIC_BLOCK = "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock"
FILE_SYSTEM = "alicloud:nas/fileSystem:FileSystem"
TABLE = "alicloud:ots/table:Table"
INSTANCE = "alicloud:ots/instance:Instance"
QUEUE = "alicloud:message/serviceQueue:ServiceQueue"
WITH_DATA = frozenset({"staging", "prod"})


def encrypted(resource: Resource) -> Iterator[Finding]:
    """Encryption at rest is on."""
    if resource.type == FILE_SYSTEM:
        kind = resource.get("encryptType")
        yield judge(kind, lambda value: value in {1, 2}, "encryptType is off")
    elif resource.type == TABLE:
        yield judge(resource.get("enableSse"), lambda value: value is True, "enableSse is off")
    else:
        rule = resource.get("serverSideEncryptionRule.sseAlgorithm")
        yield judge(rule, bool, "serverSideEncryptionRule is not set")


def bucket_private(resource: Resource) -> Iterator[Finding]:
    """No public bucket, and none that could become one."""
    if resource.type == PUBLIC_BLOCK:
        blocked = resource.get("blockPublicAccess")
        yield judge(blocked, lambda value: value is True, "blockPublicAccess is off")
    elif resource.type == BUCKET_ACL:
        yield judge(resource.get("acl"), lambda value: value == "private", "acl is not private")
    else:
        acl = resource.get("acl")
        yield judge(acl, lambda value: value in {None, "private"}, "acl is not private")


def data_protected(resource: Resource) -> Iterator[Finding]:
    """In staging and prod, nobody deletes data by taking a line out."""
    if resource.environment in WITH_DATA and not resource.protect:
        yield Finding(Verdict.VIOLATION, f"protect is off in {resource.environment}")
    else:
        yield Finding(Verdict.COMPLIANT)


STORAGE_RULES = (
    ResourceRule(
        id="encrypted-at-rest",
        title="File systems, buckets and tables are encrypted",
        severity=Severity.HIGH,
        reason="Most of it cannot be switched on later without moving the data.",
        remedy="Set encryptType, serverSideEncryptionRule or enableSse.",
        link="https://www.alibabacloud.com/help/en/nas/user-guide/data-encryption",
        types=(FILE_SYSTEM, BUCKET, TABLE),
        check=encrypted,
    ),
    ResourceRule(
        id="bucket-private",
        title="Buckets are private, and public access is blocked",
        severity=Severity.CRITICAL,
        reason="Results belong to their owners, who get links that expire.",
        remedy="Set acl to private and blockPublicAccess to true.",
        link="https://www.alibabacloud.com/help/en/oss/user-guide/block-public-access",
        types=(BUCKET, BUCKET_ACL, PUBLIC_BLOCK),
        check=bucket_private,
    ),
    ResourceRule(
        id="data-protected",
        title="What holds data is protected in staging and prod",
        severity=Severity.HIGH,
        reason="A renamed resource would delete its tables with everything in them.",
        remedy="Leave deployment.protect_data unset, or set it to true.",
        link="https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
        types=(BUCKET, FILE_SYSTEM, TABLE, INSTANCE, QUEUE),
        check=data_protected,
    ),
)
