"""The whole of an environment, in the order of its deployment.

Network, state, registry and buckets; code, bundle and image; the share populated; functions updated
and active; and only then completion and the routes. A step that fails stops the run before anything
points at what is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.artifacts.build import PROJECT_ROOT, package
from stack.artifacts.image import read_base
from stack.commander import Commander
from stack.commander_image import CommanderImage
from stack.completion import Completion
from stack.component import Component
from stack.context import Context
from stack.dependency_share import DependencyShare
from stack.dispatcher import Dispatcher
from stack.function import Surroundings
from stack.gateway import Gateway
from stack.identity import Identity
from stack.model_key import ModelKey
from stack.network import Network
from stack.notifier import Notifier
from stack.observability import Observability
from stack.results import Results
from stack.routes import Routes
from stack.session_store import SessionStore

if TYPE_CHECKING:
    import pulumi

    from stack.settings import Settings


@dataclass(frozen=True)
class AgentStackOutputs:
    """What the stack exports."""

    api_url: pulumi.Output[str]
    websocket_url: pulumi.Output[str]
    dispatcher: pulumi.Output[str]
    commander: pulumi.Output[str]
    notifier: pulumi.Output[str]
    populator: pulumi.Output[str]
    image: pulumi.Output[str]
    dependency_bundle: str
    results_bucket: pulumi.Output[str]
    tablestore_instance: pulumi.Output[str]
    event_bus: pulumi.Output[str]
    dead_letters: pulumi.Output[str]


class AgentStack(Component[AgentStackOutputs]):
    """Composes the components; nothing is made here."""

    def __init__(
        self,
        *,
        name: str,
        settings: Settings,
        model_key: pulumi.Output[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make an environment.

        Args:
            name: its name in the program.
            settings: of the environment.
            model_key: the model's key, as a secret.
            opts: options.
        """
        context = Context(settings)
        super().__init__(name=name, context=context, opts=opts)
        packages = package()
        base = read_base(PROJECT_ROOT)
        here = self.child()

        network = Network(name="network", context=context, opts=here)
        logs = Observability(name="observability", context=context, opts=here)
        store = SessionStore(name="store", context=context, network=network.outputs, opts=here)
        results = Results(name="results", context=context, code=packages.code, opts=here)
        gateway = Gateway(name="gateway", context=context, opts=here)
        identity = Identity(
            name="identity", context=context, push_app_id=gateway.outputs.push_app_id, opts=here
        )
        key = ModelKey(name="model-key", context=context, model_key=model_key, opts=here)
        image = CommanderImage(
            name="image",
            context=context,
            network=network.outputs,
            image=packages.image,
            base=base.reference if base else None,
            opts=here,
        )

        def where(function: str, *after: pulumi.Resource) -> Surroundings:
            role = identity.outputs.functions[function]
            return Surroundings(network.outputs, logs.outputs, role, ready=(identity, logs, *after))

        share = DependencyShare(
            name="share",
            context=context,
            network=network.outputs,
            results=results.outputs,
            where=where("populator"),
            opts=here,
        )
        commander = Commander(
            name="commander",
            context=context,
            image=image.outputs,
            share=share.outputs,
            where=where("commander", store, image, key),
            opts=here,
        )
        # After the commander: a new dispatcher never hands over to a commander that is not there
        # yet.
        dispatcher = Dispatcher(
            name="dispatcher",
            context=context,
            code=results.outputs.code["dispatcher"],
            where=where("dispatcher", store, commander),
            opts=here,
        )
        notifier = Notifier(
            name="notifier",
            context=context,
            code=results.outputs.code["notifier"],
            gateway=gateway.outputs,
            where=where("notifier", store, commander),
            opts=here,
        )
        completion = Completion(
            name="completion",
            context=context,
            commander=commander.outputs.name,
            notifier=notifier.outputs.name,
            opts=here,
        )
        routes = Routes(
            name="routes",
            context=context,
            gateway=gateway.outputs,
            role=identity.outputs.gateway,
            dispatcher=dispatcher.outputs.name,
            notifier=notifier.outputs.name,
            ready=(completion, identity),
            opts=here,
        )
        self.publish(
            AgentStackOutputs(
                api_url=routes.outputs.api_url,
                websocket_url=routes.outputs.websocket_url,
                dispatcher=dispatcher.outputs.name,
                commander=commander.outputs.name,
                notifier=notifier.outputs.name,
                populator=share.outputs.populator,
                image=image.outputs.reference,
                dependency_bundle=share.outputs.bundle_id,
                results_bucket=results.outputs.results_bucket,
                tablestore_instance=store.outputs.instance,
                event_bus=completion.outputs.bus,
                dead_letters=completion.outputs.dead_letters,
            )
        )
