"""The commander's repository, and the image in it by digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.component import Component
from stack.dynamic.image import ImagePush, ImageSource, ImageTarget

if TYPE_CHECKING:
    import pulumi

    from stack.artifacts.artifact import Artifact
    from stack.context import Context
    from stack.network import NetworkOutputs
    from stack.settings.image import NewRegistry


@dataclass(frozen=True)
class CommanderImageOutputs:
    """The image, once it is in its repository."""

    reference: pulumi.Output[str]
    digest: str


class CommanderImage(Component[CommanderImageOutputs]):
    """An existing repository by address, or one in a new Enterprise instance."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        network: NetworkOutputs,
        image: Artifact,
        base: str | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the registry where the settings ask for one, and push.

        Args:
            name: its name in the stack.
            context: the environment.
            network: whose VPC a new registry is linked to.
            image: the packaged image.
            base: reference of its base, if it has one.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        settings = context.settings.image
        digest = f"sha256:{image.sha256}"
        instance_id: pulumi.Input[str] | None = settings.instance_id
        ready: list[pulumi.Resource] = []
        if settings.new_registry:
            address, instance_id, ready = self._new_registry(settings.new_registry, network)
        else:
            address = settings.repository or ""
        host, _, repository = address.partition("/")
        pushed = ImagePush(
            f"{self.name}-push",
            source=ImageSource(image.path, digest, base, settings.requires_base),
            target=ImageTarget(
                address=address,
                registry=context.endpoints.registry(settings.push_host or host),
                repository=repository,
                instance_id=instance_id,
                access_key_login=context.settings.endpoints.registry is not None,
                region=context.settings.cloud.region,
            ),
            opts=self.child(depends_on=ready),
        )
        # The digest is known before the push, so that a preview shows which image a function gets.
        reference = pushed.digest.apply(lambda known: f"{address}@{known}")
        self.publish(CommanderImageOutputs(reference, digest))

    def _new_registry(
        self, settings: NewRegistry, network: NetworkOutputs
    ) -> tuple[str, pulumi.Output[str], list[pulumi.Resource]]:
        region = self.context.settings.cloud.region
        instance = alicloud.cr.RegistryEnterpriseInstance(
            f"{self.name}-instance",
            instance_name=settings.name,
            instance_type=settings.edition,
            payment_type="Subscription",
            period=settings.months,
            renewal_status="ManualRenewal",
            # No tags: the class takes them, terraform-provider-alicloud 1.285 refuses them.
            opts=self.child(holds_data=True),
        )
        namespace = alicloud.cs.RegistryEnterpriseNamespace(
            f"{self.name}-namespace",
            instance_id=instance.id,
            name=settings.namespace,
            auto_create=False,
            default_visibility="PRIVATE",
            opts=self.child(),
        )
        repository = alicloud.cs.RegistryEnterpriseRepo(
            f"{self.name}-repository",
            instance_id=instance.id,
            namespace=namespace.name,
            name=settings.repository,
            summary="The commander of agent-commander",
            repo_type="PRIVATE",
            tag_immutability=True,
            opts=self.child(holds_data=True),
        )
        link = alicloud.cr.VpcEndpointLinkedVpc(
            f"{self.name}-vpc",
            instance_id=instance.id,
            module_name="Registry",
            vpc_id=network.vpc_id,
            vswitch_id=network.functions[0].id,
            enable_create_dns_record_in_pvzt=True,
            opts=self.child(),
        )
        # The form of the address is documented for Enterprise instances; it is no output of the
        # resource.
        host = f"{settings.name}-registry-vpc.{region}.cr.aliyuncs.com"
        return f"{host}/{settings.namespace}/{settings.repository}", instance.id, [repository, link]
