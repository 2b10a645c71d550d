"""The functions of the account: their configuration, their code, whether they can be invoked."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError
from localcloud.fc.code import CodeStore
from localcloud.fc.model import Spec, State, parse_spec
from localcloud.registry.unpack import unpack_image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.documents import Documents
    from localcloud.registry import Image, ImageStore

log = logging.getLogger(__name__)


@dataclass
class Function:
    """A function as it is.

    Attributes:
        generation: goes up with every update; instances of older ones are let go.
        digest: of the code package or image.
        state: whether it can be invoked; a container is Pending until its image is cached.
        reason: of a failure.
    """

    spec: Spec
    generation: int
    digest: str
    state: State
    reason: str
    created_at: float
    updated_at: float

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name


class Functions:
    """Functions of one account and region.

    Args:
        config: account, region, state directory.
        clock: the cloud's.
        documents: where configurations are kept.
        images: of the registry.
        read_object: content of an OSS object by bucket and key.
        on_change: told the name of a function whose generation changed, or that is gone.
    """

    def __init__(
        self,
        config: CloudConfig,
        clock: Clock,
        documents: Documents,
        images: ImageStore,
        read_object: Callable[[str, str], bytes],
        on_change: Callable[[str], None],
    ) -> None:
        self._config = config
        self._clock = clock
        self._documents = documents
        self._images = images
        self._read_object = read_object
        self._on_change = on_change
        self._root = config.state_dir / "fc"
        self._code = CodeStore(self._root / "code")
        self._functions: dict[str, Function] = {}
        self._image_configs: dict[str, dict[str, Any]] = {}
        self._caching: set[asyncio.Task[None]] = set()
        for body in documents.all("function").values():
            function = _loaded(body)
            self._functions[function.name] = function

    def start(self) -> None:
        """Go on with images that were being cached; let go of code that nobody has any more."""
        used = {function.digest for function in self._functions.values()}
        self._code.forget_all_but(used)
        images = self._root / "images"
        for folder in images.iterdir() if images.exists() else ():
            if f"sha256:{folder.name}" not in used:
                shutil.rmtree(folder, ignore_errors=True)
        for function in self._functions.values():
            if function.spec.container is not None:
                self._settle_image(function)

    async def stop(self) -> None:
        """Stop caching."""
        for task in self._caching:
            task.cancel()
        await asyncio.gather(*self._caching, return_exceptions=True)

    def create(self, raw: Mapping[str, Any]) -> Function:
        """Make a function.

        Raises:
            CloudError: 409 when there is one of that name, 400 for a bad configuration, 404 when
                its code is not there.
        """
        spec = parse_spec(raw)
        if spec.name in self._functions:
            raise CloudError(409, "FunctionAlreadyExists", f"function {spec.name!r} already exists")
        now = self._clock.now()
        return self._put(Function(spec, 1, "", "Pending", "", now, now))

    def update(self, name: str, raw: Mapping[str, Any]) -> Function:
        """Change a function; running requests end on the old instances.

        Raises:
            CloudError: 404 when there is no such function, otherwise as `create`.
        """
        old = self.get(name)
        spec = parse_spec({**raw, "functionName": name})
        now = self._clock.now()
        return self._put(Function(spec, old.generation + 1, "", "Pending", "", old.created_at, now))

    def get(self, name: str) -> Function:
        """Find a function.

        Raises:
            CloudError: 404, there is none.
        """
        function = self._functions.get(name)
        if function is None:
            raise CloudError(404, "FunctionNotFound", f"function '{name}' does not exist")
        return function

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._functions)

    def delete(self, name: str) -> None:
        """Remove a function; one that is gone is no error."""
        if self._functions.pop(name, None) is not None:
            self._documents.remove("function", name)
            self._on_change(name)

    def place(self, function: Function) -> tuple[Path, dict[str, Any]]:
        """Where the code lies, unpacked, and the image's configuration (empty for a package).

        Raises:
            CloudError: 400, the package is malformed.
        """
        if function.spec.container is None:
            return self._code.folder(function.digest), {}
        return self._image_folder(function.digest), self._image_configs[function.digest]

    def describe(self, function: Function) -> dict[str, Any]:
        """The function as `GetFunction` shows it."""
        spec = function.spec
        raw = {key: value for key, value in spec.raw.items() if key not in ("code", "tags")}
        shown: dict[str, Any] = {
            **raw,
            "functionName": spec.name,
            "functionId": f"{self._config.account_id}-{spec.name}",
            "functionArn": self.arn(spec.name),
            "memorySize": spec.memory,
            "timeout": int(spec.timeout),
            "instanceConcurrency": spec.concurrency,
            "createdTime": _iso(function.created_at),
            "lastModifiedTime": _iso(function.updated_at),
            "state": function.state,
            "stateReason": function.reason,
            "lastUpdateStatus": {"Active": "Successful", "Pending": "InProgress"}.get(
                function.state, "Failed"
            ),
            "lastUpdateStatusReason": function.reason,
        }
        if function.digest:
            shown["codeChecksum"] = function.digest
        return shown

    def arn(self, name: str) -> str:
        """The function's resource name."""
        return f"acs:fc:{self._config.region}:{self._config.account_id}:functions/{name}"

    def _put(self, function: Function) -> Function:
        spec = function.spec
        if spec.code is not None:
            function.digest = self._code.keep(self._read_object(*spec.code))
            function.state = "Active"
        self._functions[spec.name] = function
        if spec.container is not None:
            self._settle_image(function)
        self._save(function)
        self._on_change(spec.name)
        return function

    def _save(self, function: Function) -> None:
        body = {
            "spec": dict(function.spec.raw) | {"functionName": function.name},
            "generation": function.generation,
            "digest": function.digest,
            "state": function.state,
            "reason": function.reason,
            "createdAt": function.created_at,
            "updatedAt": function.updated_at,
        }
        self._documents.put("function", function.name, body)

    def _settle_image(self, function: Function) -> None:
        """A function whose image is cached is Active at once; else it is Pending for a while."""
        container = function.spec.container
        if container is None:
            return
        function.state = "Pending"
        with suppress(CloudError):  # The task below says, and keeps, what is wrong.
            image = self._images.image(container.image)
            if self._image_folder(image.digest).exists():
                self._activate(function, image)
                return
        task = asyncio.create_task(self._cache_image(function))
        self._caching.add(task)
        task.add_done_callback(self._caching.discard)

    async def _cache_image(self, function: Function) -> None:
        """Fetch and unpack the image, as the platform does after Create- and UpdateFunction."""
        container = function.spec.container
        if container is None:
            return
        try:
            image = self._images.image(container.image)
            await asyncio.to_thread(unpack_image, image, self._image_folder(image.digest))
        except (CloudError, OSError) as error:
            function.state, function.reason = "Failed", str(error)
            log.warning("function %s cannot be invoked: %s", function.name, error)
        else:
            self._activate(function, image)
        if self._functions.get(function.name) is function:
            self._save(function)
            self._on_change(function.name)

    def _activate(self, function: Function, image: Image) -> None:
        self._image_configs[image.digest] = dict(image.config.get("config") or {})
        function.digest = image.digest
        function.state, function.reason = "Active", ""

    def _image_folder(self, digest: str) -> Path:
        return self._root / "images" / digest.removeprefix("sha256:")


def _loaded(body: Mapping[str, Any]) -> Function:
    return Function(
        spec=parse_spec(body["spec"]),
        generation=int(body["generation"]),
        digest=body["digest"],
        state=body["state"],
        reason=body["reason"],
        created_at=body["createdAt"],
        updated_at=body["updatedAt"],
    )


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
