"""From a plan and a usage profile to lines of cost.

Function Compute is billed in compute units: one per active vCPU-second, 0.15 per GB-second of
memory, 0.05 per GB-second of disk above the free 512 MB, 75 per 10,000 invocations; a provisioned
instance pays for its memory while it idles and nothing for its vCPU (official pay-as-you-go page,
2025-12-13; the free disk is a third party's note).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from review.cost.book import Book, Usage
    from review.plan import Plan, Resource

DAYS = Decimal(30)
MONTH_SECONDS = DAYS * 86400
CU_VCPU = Decimal(1)
CU_MEMORY_GB = Decimal("0.15")
CU_DISK_GB = Decimal("0.05")
CU_INVOCATION = Decimal(75) / Decimal(10000)
FREE_DISK_MB = Decimal(512)


@dataclass(frozen=True)
class Line:
    """One line of the bill.

    Attributes:
        component: what it is for.
        item: a key of the price book.
        quantity: how many units a month.
        cost: a month, in the book's currency; None where the book has no price.
        fixed: whether it is paid without any use.
    """

    component: str
    item: str
    quantity: Decimal
    cost: Decimal | None
    fixed: bool


@dataclass(frozen=True)
class Bill:
    """The lines of one environment; the total is a lower bound while a line is unpriced."""

    currency: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        """The sum of what has a price."""
        return sum((line.cost for line in self.lines if line.cost is not None), Decimal(0))

    @property
    def fixed(self) -> Decimal:
        """The part that is paid without any use."""
        return sum(
            (line.cost for line in self.lines if line.cost is not None and line.fixed), Decimal(0)
        )

    @property
    def unpriced(self) -> tuple[Line, ...]:
        """What costs something that is not known."""
        return tuple(line for line in self.lines if line.cost is None)

    def by_component(self) -> dict[str, Decimal]:
        """The priced lines, summed by component."""
        sums: dict[str, Decimal] = {}
        for line in self.lines:
            if line.cost is not None:
                sums[line.component] = sums.get(line.component, Decimal(0)) + line.cost
        return sums


def reckon(plan: Plan, usage: Usage, book: Book) -> Bill:
    """The bill of a month of 30 days."""
    demand = Demand(plan, usage)
    lines = []
    for resource in plan.resources.values():
        for item, quantity, fixed in METERS.get(resource.type, _nothing)(resource, demand):
            if not quantity:
                continue
            price = book.prices[item]
            billed = max(Decimal(0), quantity - price.free)
            cost = None if price.price is None else billed * price.price
            lines.append(Line(plan.component(resource.urn), item, quantity, cost, fixed))
    return Bill(book.currency, tuple(lines))


@dataclass(frozen=True)
class Demand:
    """What the usage profile means for the resources of one plan, for a month."""

    plan: Plan
    usage: Usage

    @property
    def tasks(self) -> Decimal:
        """Tasks handed in."""
        return self.usage.tasks_a_day * DAYS

    @property
    def heavy(self) -> Decimal:
        """Tasks that are planned and run; the others are replies."""
        return self.tasks * self.usage.heavy_share

    @property
    def rows(self) -> Decimal:
        """Rows read or written: admission and settling take about four, each step one."""
        return self.tasks * 4 + self.heavy * self.usage.steps_a_task

    @property
    def events(self) -> Decimal:
        """Events published: a completion each, and each step."""
        return self.tasks + self.heavy * self.usage.steps_a_task


Meter = Callable[["Resource", Demand], Iterable[tuple[str, Decimal, bool]]]


def _nothing(_resource: Resource, _demand: Demand) -> list[tuple[str, Decimal, bool]]:
    return []


def _function(resource: Resource, demand: Demand) -> list[tuple[str, Decimal, bool]]:
    usage, name = demand.usage, str(resource.inputs.get("functionName", resource.name))
    if "dispatcher" in name:
        # One call hands the task in, about one more asks for its state.
        calls = demand.tasks * 2
        seconds = calls * usage.dispatcher_seconds
    elif "commander" in name:
        calls, light = demand.tasks, demand.tasks - demand.heavy
        seconds = demand.heavy * usage.heavy_seconds + light * usage.reply_seconds
    elif "notifier" in name:
        calls = demand.events
        seconds = calls * usage.dispatcher_seconds
    else:
        return []
    units = seconds * _units_a_second(resource.inputs, active=True) + calls * CU_INVOCATION
    return [("fc_cu", units, False)]


def _provisioned(resource: Resource, demand: Demand) -> list[tuple[str, Decimal, bool]]:
    return [("fc_cu", _idle_units(demand.plan, resource.inputs), True)]


def _tablestore(_resource: Resource, demand: Demand) -> list[tuple[str, Decimal, bool]]:
    return [
        ("tablestore_read_cu", demand.rows, False),
        ("tablestore_write_cu", demand.rows, False),
        ("tablestore_gb_month", demand.usage.stored_gb, False),
    ]


def _model(_resource: Resource, demand: Demand) -> list[tuple[str, Decimal, bool]]:
    # A model key means that tasks are planned by a model, which is paid by the token.
    usage, tasks = demand.usage, demand.tasks
    return [
        ("model_input_mtoken", usage.input_tokens_a_task * tasks / 1_000_000, False),
        ("model_output_mtoken", usage.output_tokens_a_task * tasks / 1_000_000, False),
    ]


METERS: dict[str, Meter] = {
    "alicloud:fc/v3Function:V3Function": _function,
    "alicloud:fc/v3ProvisionConfig:V3ProvisionConfig": _provisioned,
    "alicloud:ots/instance:Instance": _tablestore,
    "alicloud:oos/secretParameter:SecretParameter": _model,
    "alicloud:apigateway/group:Group": lambda _, d: [("api_gateway_call", d.tasks * 2, False)],
    "alicloud:eventbridge/eventBus:EventBus": lambda _, d: [("eventbridge_event", d.events, False)],
    "alicloud:nas/fileSystem:FileSystem": lambda _, d: [
        ("nas_performance_gib_month", d.usage.stored_gb, False)
    ],
    "alicloud:oss/bucket:Bucket": lambda _, d: [("oss_zrs_gb_month", d.usage.stored_gb, False)],
    "alicloud:log/project:Project": lambda _, d: [("sls_ingested_gb", d.usage.log_gb, False)],
    "alicloud:message/serviceQueue:ServiceQueue": lambda _, _d: [("mns_queue_day", DAYS, True)],
    "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance": lambda _, _d: [
        ("acr_enterprise_month", Decimal(1), True)
    ],
}
"""What each type is billed for: to add a price, add its row to book.yaml and its meter here."""


def _idle_units(plan: Plan, provision: dict[str, Any]) -> Decimal:
    function = next(
        (
            resource.inputs
            for resource in plan.resources.values()
            if resource.type == "alicloud:fc/v3Function:V3Function"
            and resource.inputs.get("functionName") == provision.get("functionName")
        ),
        {},
    )
    target = Decimal(str(provision.get("target") or 0))
    return target * MONTH_SECONDS * _units_a_second(function, active=False)


def _units_a_second(function: dict[str, Any], *, active: bool) -> Decimal:
    memory = Decimal(str(function.get("memorySize", 512))) / 1024
    disk = max(Decimal(0), Decimal(str(function.get("diskSize", 512))) - FREE_DISK_MB) / 1024
    vcpu = Decimal(str(function.get("cpu", "0.35"))) if active else Decimal(0)
    return vcpu * CU_VCPU + memory * CU_MEMORY_GB + disk * CU_DISK_GB
