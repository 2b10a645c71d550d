"""Bring a dependency bundle onto the share: upload, let the populator put it there, verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pulumi  # noqa: TC002  (Pulumi reads the annotations of resources)
from pulumi.dynamic import Resource

from stack.dynamic.base import DeploymentError, StepProvider
from stack.dynamic.credentials import from_environment
from stack.dynamic.sdk import calling, function_client, object_client

# What OSS keeps of ours beside an object: the digest, so that a second upload is known to be
# needless.
DIGEST_KEY = "sha256"
OUT = Path("build/artifacts")


class BundleUploadProvider(StepProvider):
    """Builds the bundle and puts it into the artifact bucket, where it is not there yet.

    A bundle is named by its lock. Its bytes may differ all the same between machines whose compiler
    of bytecode does: what was uploaded first stays, and its digest is what the populator verifies.
    """

    identity: ClassVar[tuple[str, ...]] = ("bucket", "key")

    def ensure(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return `sha256` and `bytes` of the object."""
        client = object_client(from_environment(), inputs["endpoint"], inputs["region"])
        return stored_bundle(client, inputs) or self._upload(client, inputs)

    def _upload(self, client: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        import alibabacloud_oss_v2 as oss

        from stack.artifacts.build import PROJECT_ROOT
        from stack.artifacts.bundle import build_bundle
        from stack.artifacts.installed import BundleError

        try:
            artifact = build_bundle(PROJECT_ROOT, inputs["target"], OUT)
        except BundleError as error:
            raise DeploymentError(f"the dependency bundle cannot be built: {error}") from error
        if artifact.name != inputs["bundleId"]:
            raise DeploymentError(
                f"the lock file changed since the preview ({inputs['bundleId']} then, "
                f"{artifact.name} now): run again"
            )
        request = oss.PutObjectRequest(
            bucket=inputs["bucket"],
            key=inputs["key"],
            content_type="application/x-tar",
            metadata={DIGEST_KEY: artifact.sha256},
        )
        try:
            client.put_object_from_file(request, str(PROJECT_ROOT / artifact.path))
        except oss.exceptions.OperationError as error:
            raise DeploymentError(
                f"the bundle cannot be uploaded to {inputs['bucket']}: {error}"
            ) from error
        return {"sha256": artifact.sha256, "bytes": artifact.bytes}


def stored_bundle(client: Any, inputs: dict[str, Any]) -> dict[str, Any] | None:
    """Return `sha256` and `bytes` of a bundle in its bucket, or None where it is not there.

    Args:
        client: of OSS.
        inputs: with `bucket` and `key`.

    Raises:
        DeploymentError: OSS does not say.
    """
    import alibabacloud_oss_v2 as oss

    try:
        found = client.head_object(
            oss.HeadObjectRequest(bucket=inputs["bucket"], key=inputs["key"])
        )
    except oss.exceptions.OperationError as error:
        inner = error.unwrap()
        if getattr(inner, "status_code", None) == 404:
            return None
        raise DeploymentError(
            f"OSS does not say whether {inputs['key']} is in {inputs['bucket']}: {error}"
        ) from error
    digest = (found.metadata or {}).get(DIGEST_KEY)
    return {"sha256": digest, "bytes": found.content_length} if digest else None


class BundleUpload(Resource, module="agent-commander", name="BundleUpload"):
    """A dependency bundle in the artifact bucket.

    Attributes:
        bucket: the artifact bucket.
        key: object key.
        sha256: digest of the object.
        bytes: its size.
        endpoint: address of OSS.
        region: for signing.
    """

    bucket: pulumi.Output[str]
    key: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    region: pulumi.Output[str]
    sha256: pulumi.Output[str]
    bytes: pulumi.Output[int]

    def __init__(
        self,
        name: str,
        *,
        bucket: pulumi.Input[str],
        key: str,
        bundle_id: str,
        target: str,
        endpoint: str,
        region: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Upload again whenever the bundle's id changes.

        Args:
            name: logical name.
            bucket: the artifact bucket.
            key: object key with the id in it.
            bundle_id: digest of lock, target and format.
            target: Python and platform.
            endpoint: address of OSS.
            region: for signing.
            opts: options.
        """
        super().__init__(
            BundleUploadProvider(),
            name,
            {
                "bucket": bucket,
                "key": key,
                "bundleId": bundle_id,
                "target": target,
                "endpoint": endpoint,
                "region": region,
                "sha256": None,
                "bytes": None,
            },
            opts,
        )


class PopulateProvider(StepProvider):
    """Invokes the populator, which unpacks, verifies and renames."""

    identity: ClassVar[tuple[str, ...]] = ("directory",)

    def ensure(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the digest, once the populator says that what it wrote has it."""
        credentials, region = from_environment(), inputs["region"]
        stored = stored_bundle(object_client(credentials, inputs["objectEndpoint"], region), inputs)
        if stored is None:
            raise DeploymentError(
                f"{inputs['key']} is not in {inputs['bucket']} any more: run again"
            )
        timeout_ms = int(inputs["timeoutSeconds"]) * 1000
        client = function_client(credentials, inputs["functionEndpoint"], region, timeout_ms)
        payload = {key: inputs[key] for key in ("bucket", "key", "directory")}
        failed, text = _invoke(
            client, inputs["functionName"], {**payload, "sha256": stored["sha256"]}, timeout_ms
        )
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if failed or not isinstance(said, dict) or said.get("sha256") != stored["sha256"]:
            why = failed or "another answer than expected"
            raise DeploymentError(
                f"the populator did not verify {inputs['key']} ({why}): {text[:500]}; its log is "
                "in the store `populator`. What runs is untouched; run `pulumi up` again"
            )
        return {"sha256": stored["sha256"]}


def _invoke(client: Any, name: str, payload: dict[str, Any], timeout_ms: int) -> tuple[str, str]:
    """Invoke a function and wait; return the kind of its failure, if any, and what it said."""
    from alibabacloud_fc20230330.models import InvokeFunctionHeaders, InvokeFunctionRequest
    from alibabacloud_tea_util.models import RuntimeOptions

    with calling(f"invoking {name}"):
        answer = client.invoke_function_with_options(
            name,
            InvokeFunctionRequest(body=json.dumps(payload), qualifier="LATEST"),
            InvokeFunctionHeaders(x_fc_invocation_type="Sync"),
            RuntimeOptions(read_timeout=timeout_ms, autoretry=False),
        )
    body = answer.body.read() if hasattr(answer.body, "read") else answer.body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    headers = {header.lower(): value for header, value in (answer.headers or {}).items()}
    return headers.get("x-fc-error-type", ""), text


class Populate(Resource, module="agent-commander", name="Populate"):
    """A directory of the share with a bundle in it.

    Attributes:
        directory: its path from the root of the share; depend on this when mounting.
        sha256: digest of the bundle that was verified.
    """

    directory: pulumi.Output[str]
    sha256: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        function_name: pulumi.Input[str],
        bundle: BundleUpload,
        directory: str,
        function_endpoint: str,
        timeout_seconds: int,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Populate again whenever the bundle changes.

        Every input is known in a preview: the digest, which is not, is asked for when it is needed.

        Args:
            name: logical name.
            function_name: the populator, once it is active.
            bundle: what to put there.
            directory: where to put it, from the root of the share.
            function_endpoint: address of Function Compute.
            timeout_seconds: how long to wait for the answer.
            opts: options.
        """
        super().__init__(
            PopulateProvider(),
            name,
            {
                "functionName": function_name,
                "bucket": bundle.bucket,
                "key": bundle.key,
                "directory": directory,
                "functionEndpoint": function_endpoint,
                "objectEndpoint": bundle.endpoint,
                "region": bundle.region,
                "timeoutSeconds": timeout_seconds,
                "sha256": None,
            },
            opts,
        )
