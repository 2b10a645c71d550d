"""Push the commander's image by digest."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import Resource

from stack.dynamic.base import DeploymentError, StepProvider
from stack.dynamic.credentials import from_environment
from stack.dynamic.sdk import registry_login

if TYPE_CHECKING:
    from pathlib import Path

    import pulumi

    from stack.artifacts.registry import Registry

TIMEOUT_S = 300
USERNAME, PASSWORD = "REGISTRY_USERNAME", "REGISTRY_PASSWORD"


class ImagePushProvider(StepProvider):
    """Brings an OCI layout into a repository: only what is not there yet travels."""

    identity: ClassVar[tuple[str, ...]] = ("repository", "digest")

    def ensure(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return `reference`, by digest."""
        import httpx

        from stack.artifacts.build import PROJECT_ROOT
        from stack.artifacts.registry import Registry, RegistryError

        if inputs["requiresBase"] and not inputs.get("base"):
            raise DeploymentError(
                "the commander's image has no base, so there is no Python in it: record one with "
                "`python -m stack.artifacts base REFERENCE` and commit "
                "functions/commander/base.json"
            )
        username, password = login_of(inputs)
        layout = PROJECT_ROOT / inputs["layout"]
        with httpx.Client(timeout=TIMEOUT_S) as http:
            registry = Registry(http, inputs["registry"], inputs["repository"], username, password)
            try:
                if not registry.has_manifest(inputs["digest"]):
                    push_layout(layout, inputs["digest"], registry, inputs.get("base") or None)
            except RegistryError as error:
                raise DeploymentError(
                    f"the image cannot be pushed, and what runs is untouched: {error}"
                ) from error
        return {"reference": f"{inputs['address']}@{inputs['digest']}"}


def push_layout(layout: Path, digest: str, registry: Registry, base: str | None) -> None:
    """Push a manifest and all that it names; the base's layers come from its registry.

    Args:
        layout: an OCI image layout.
        digest: the manifest in it.
        registry: where to push.
        base: reference of the base, when some of the layers are its.

    Raises:
        RegistryError: the registry refused.
        DeploymentError: a blob is neither in the layout nor in the base.
    """
    content = _read(layout, digest)
    if content is None:
        raise DeploymentError(
            f"there is no image {digest} in {layout.name}: run `pulumi preview` again, "
            f"which packages it"
        )
    manifest = json.loads(content)
    for descriptor in [*manifest["layers"], manifest["config"]]:
        if registry.has_blob(descriptor["digest"]):
            continue
        blob = _read(layout, descriptor["digest"])
        if blob is not None:
            registry.push_blob(descriptor["digest"], len(blob), blob)
        elif base:
            _copy_from_base(descriptor, registry, base)
        else:
            raise DeploymentError(
                f"layer {descriptor['digest']} is not in {layout.name}, and the image has no base"
            )
    registry.push_manifest(digest, manifest["mediaType"], content)


def _copy_from_base(descriptor: dict[str, Any], registry: Registry, base: str) -> None:
    from stack.artifacts.registry import Reference, Registry

    reference = Reference.parse(base)
    same = registry.url.partition("://")[2] == reference.url.partition("://")[2]
    if same and registry.mount_blob(descriptor["digest"], reference.repository):
        return
    source = Registry(registry.http, reference.url, reference.repository)
    registry.push_blob(
        descriptor["digest"], descriptor["size"], source.blob_chunks(descriptor["digest"])
    )


def _read(layout: Path, digest: str) -> bytes | None:
    path = layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
    return path.read_bytes() if path.exists() else None


def login_of(inputs: dict[str, Any]) -> tuple[str, str]:
    """Return user and password: the environment's, the access key, or temporary ones.

    Args:
        inputs: of the resource; `accessKeyLogin` says that the registry takes the access key
            itself, `instanceId` names a Container Registry Enterprise instance.

    Raises:
        DeploymentError: there is nothing to log in with.
    """
    if os.environ.get(USERNAME) and os.environ.get(PASSWORD):
        return os.environ[USERNAME], os.environ[PASSWORD]
    if inputs["accessKeyLogin"]:
        credentials = from_environment()
        return credentials.access_key_id, credentials.access_key_secret
    if not inputs.get("instanceId"):
        raise DeploymentError(
            f"nothing to log in to {inputs['registry']} with: set image.instance_id "
            f"(Container Registry Enterprise), "
            f"or {USERNAME} and {PASSWORD} in the environment"
        )
    return registry_login(from_environment(), inputs["instanceId"], inputs["region"])


@dataclass(frozen=True)
class ImageSource:
    """What to push.

    Attributes:
        layout: folder of the OCI layout, relative to the project.
        digest: of the manifest in it.
        base: reference of the base, if the image has one.
        requires_base: refuse to push without one.
    """

    layout: str
    digest: str
    base: str | None
    requires_base: bool


@dataclass(frozen=True)
class ImageTarget:
    """Where to push it.

    Attributes:
        address: host, namespace and name, as Function Compute is told.
        registry: URL to push to.
        repository: namespace and name there.
        instance_id: Container Registry Enterprise instance to ask for a login.
        access_key_login: whether the registry takes the access key itself.
        region: of the instance.
    """

    address: str
    registry: str
    repository: str
    instance_id: pulumi.Input[str] | None
    access_key_login: bool
    region: str


class ImagePush(Resource, module="agent-commander", name="ImagePush"):
    """An image in its repository.

    Attributes:
        reference: address and digest, as Function Compute takes it.
        digest: of the manifest.
    """

    reference: pulumi.Output[str]
    digest: pulumi.Output[str]

    def __init__(
        self, name: str, *, source: ImageSource, target: ImageTarget, opts: pulumi.ResourceOptions
    ) -> None:
        """Push whenever the digest or the place changes."""
        super().__init__(
            ImagePushProvider(),
            name,
            {
                "layout": source.layout,
                "digest": source.digest,
                "base": source.base,
                "requiresBase": source.requires_base,
                "address": target.address,
                "registry": target.registry,
                "repository": target.repository,
                "instanceId": target.instance_id,
                "accessKeyLogin": target.access_key_login,
                "region": target.region,
                "reference": None,
            },
            opts,
        )
