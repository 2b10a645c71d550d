"""A cloud for tests to kill: starts instances, says their process ids, and waits.

Run as ``python orphans.py <state directory>``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from localcloud.core.clock import SystemClock
from localcloud.core.config import CloudConfig
from localcloud.fc import FunctionCompute
from localcloud.mns import Queues
from localcloud.nas import FileStorage
from localcloud.ram import Ram
from localcloud.registry import ImageStore
from localcloud.sls import LogService
from tests.localcloud.fc.conftest import Bus, zipped
from tests.localcloud.fc.images import layer, push
from tests.localcloud.fc.test_container import CONFIG, SERVER

BUSY = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
ECHO = "def handler(event, context):\n    return event\n"


async def main(state: Path) -> None:
    config, clock, code = CloudConfig(state_dir=state), SystemClock(), {}
    images = ImageStore(config)
    fc = FunctionCompute(
        config,
        clock,
        Ram(config, clock),
        read_object=lambda bucket, key: code[key],
        nas=FileStorage(config),
        sls=LogService(config),
        images=images,
        eventbridge=Bus(),
        mns=Queues(config, clock),
    )
    await fc.start()
    for name, source in (("busy", BUSY), ("frozen", ECHO)):
        code[name] = zipped({"index.py": source})
        package = {"ossBucketName": "code", "ossObjectName": name}
        spec = {"functionName": name, "runtime": "python3.11", "handler": "index.handler"}
        fc.create_function({**spec, "code": package, "timeout": 50})
    image = push(images, "box", [layer({"app/server.py": SERVER})], CONFIG)
    box = {"functionName": "box", "runtime": "custom-container", "handler": "none"}
    container = {"customContainerConfig": {"image": image}}
    fc.create_function({**box, **container, "environmentVariables": {"NOTES": str(state)}})
    while fc.get_function("box")["state"] == "Pending":
        await asyncio.sleep(0.01)
    await fc.invoke("frozen", b"x")
    await fc.invoke("box", b'"look"')
    call = asyncio.create_task(fc.invoke("busy", b""))
    while not any(instance.state == "running" for instance in fc.instances()):
        await asyncio.sleep(0.01)
    print(*(instance.pid for instance in fc.instances()), flush=True)
    await call


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
