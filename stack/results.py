"""The private buckets: results, which expire, and artifacts, which are kept for going back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_alicloud as alicloud

from stack.component import Component

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stack.artifacts.artifact import Artifact
    from stack.context import Context

DIGEST_IN_KEY = 16


@dataclass(frozen=True)
class CodeObject:
    """A code archive in the artifact bucket; its key has the digest in it."""

    bucket: pulumi.Output[str]
    key: pulumi.Output[str]
    digest: str


@dataclass(frozen=True)
class ResultsOutputs:
    """Both buckets, and the code in the second."""

    results_bucket: pulumi.Output[str]
    artifacts_bucket: pulumi.Output[str]
    code: dict[str, CodeObject]


class Results(Component[ResultsOutputs]):
    """Private, encrypted, with public access blocked."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        code: Mapping[str, Artifact],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make both buckets and upload the code archives."""
        super().__init__(name=name, context=context, opts=opts)
        settings = context.settings.results
        drop_unfinished = alicloud.oss.BucketLifecycleRuleArgs(
            id="drop-unfinished-uploads",
            enabled=True,
            prefix="",
            abort_multipart_uploads=[
                alicloud.oss.BucketLifecycleRuleAbortMultipartUploadArgs(days=settings.upload_days)
            ],
        )
        expire = alicloud.oss.BucketLifecycleRuleArgs(
            id="expire-results",
            enabled=True,
            prefix="",
            expirations=[
                alicloud.oss.BucketLifecycleRuleExpirationArgs(days=settings.retention_days)
            ],
            abort_multipart_uploads=[
                alicloud.oss.BucketLifecycleRuleAbortMultipartUploadArgs(days=settings.upload_days)
            ],
        )
        results = self._bucket("results", context.names.results_bucket, expire)
        artifacts = self._bucket("artifacts", context.names.artifacts_bucket, drop_unfinished)
        objects = {
            function: self._upload(artifacts, function, artifact)
            for function, artifact in code.items()
        }
        self.publish(ResultsOutputs(results, artifacts, objects))

    def _bucket(
        self, label: str, bucket_name: str, rule: alicloud.oss.BucketLifecycleRuleArgs
    ) -> pulumi.Output[str]:
        bucket = alicloud.oss.Bucket(
            f"{self.name}-{label}",
            bucket=bucket_name,
            storage_class="Standard",
            server_side_encryption_rule=alicloud.oss.BucketServerSideEncryptionRuleArgs(
                sse_algorithm="AES256"
            ),
            lifecycle_rules=[rule],
            # Where nothing is protected, an environment can be thrown away with what is in it.
            force_destroy=not self.context.settings.protects_data,
            tags=self.context.tags,
            opts=self.child(holds_data=True),
        )
        alicloud.oss.BucketAcl(
            f"{self.name}-{label}", bucket=bucket.bucket, acl="private", opts=self.child()
        )
        alicloud.oss.BucketPublicAccessBlock(
            f"{self.name}-{label}",
            bucket=bucket.bucket,
            block_public_access=True,
            opts=self.child(),
        )
        made: pulumi.Output[str] = bucket.bucket
        return made

    def _upload(self, bucket: pulumi.Output[str], function: str, artifact: Artifact) -> CodeObject:
        # A new digest is a new object, and the old one stays: deploying the previous commit finds
        # its code.
        made = alicloud.oss.BucketObject(
            f"{self.name}-{function}",
            bucket=bucket,
            key=f"code/{function}-{artifact.sha256[:DIGEST_IN_KEY]}.zip",
            source=artifact.path,
            content_type="application/zip",
            opts=pulumi.ResourceOptions.merge(
                self.child(), pulumi.ResourceOptions(retain_on_delete=True)
            ),
        )
        return CodeObject(made.bucket, made.key, artifact.sha256)
