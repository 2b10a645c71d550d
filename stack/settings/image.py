"""Where the commander's image is."""

from collections.abc import Iterator

from pydantic import Field

from stack.settings.base import Broken, Group

REPOSITORY_PATTERN = r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*){2,}$"
EDITIONS = ("Basic", "Standard", "Advanced")


class NewRegistry(Group):
    """A new Container Registry Enterprise instance: a monthly purchase."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{1,28}[a-z0-9]$",
        description="Name of the instance, once in a region.",
    )
    edition: str = Field(default="Basic", description="`Basic`, `Standard` or `Advanced`.")
    months: int = Field(default=1, ge=1, le=36, description="Months to buy.")
    namespace: str = Field(
        default="agent", pattern=r"^[a-z0-9][a-z0-9_-]{1,118}[a-z0-9]$", description="Namespace."
    )
    repository: str = Field(
        default="commander",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}[a-z0-9]$",
        description="Repository in it.",
    )

    def broken_rules(self) -> Iterator[Broken]:
        """`edition` is one that Function Compute can use; Economy is not."""
        if self.edition == "Economy":
            yield Broken(
                "edition",
                "not be Economy: Function Compute neither accelerates nor accepts its images",
            )
        elif self.edition not in EDITIONS:
            yield Broken("edition", f"be one of {', '.join(EDITIONS)}")


class ImageSettings(Group):
    """The commander's repository: an existing one by address, or a new Enterprise instance."""

    repository: str | None = Field(
        default=None,
        pattern=REPOSITORY_PATTERN,
        description="Address of an existing repository, `host/namespace/name` without tag "
        "or digest.",
    )
    instance_id: str | None = Field(
        default=None,
        pattern=r"^cri-[a-z0-9]+$",
        description="Id of the Enterprise instance that it is in: temporary credentials "
        "for pushing come from there. "
        "Unset: REGISTRY_USERNAME and REGISTRY_PASSWORD in the environment.",
    )
    new_registry: NewRegistry | None = Field(
        default=None, description="Buy a new Enterprise instance and use a repository in it."
    )
    push_host: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9.-]+(:\d+)?$",
        description="Another host name to push to, where the deploying machine cannot "
        "reach that of `repository`.",
    )
    requires_base: bool = Field(
        default=True,
        description="Refuse to push an image without a base (`python -m stack.artifacts "
        "base` records one).",
    )

    def broken_rules(self) -> Iterator[Broken]:
        """Exactly one of `repository` and `new_registry`; `instance_id` belongs to the first."""
        if (self.repository is None) == (self.new_registry is None):
            yield Broken("repository", "be set, or `new_registry`: exactly one of the two")
        if self.new_registry and self.instance_id:
            yield Broken(
                "instance_id", "stay unset with `new_registry`, whose instance has no id yet"
            )
