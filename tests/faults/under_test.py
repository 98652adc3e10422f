"""The deployment that faults are injected into, and its healthy neighbour on the same broker."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from infra.connection import HOME_VARIABLE, VARIABLE
from infra.domains.file import read_domains
from infra.domains.publish import apply_specs
from infra.kafka import RunningBroker, start_broker
from infra.kafka.ports import free_port
from infra.kafka.settings import Listener
from infra.kafka.topics import create_topics
from infra.supervisor import Program, Supervisor
from infra.traffic import recordings_for
from producers.replay.recording import Recording
from schemas.domains import DomainSpec

from . import shifted_clock
from .tcp_proxy import TcpProxy
from .volume import Volume

DOMAINS = Path(__file__).parents[2] / "examples" / "domains.toml"
HORIZON_MS = 4_000
EARLY_MS = 3_000
SESSION_SECONDS = 6.0
PARTITIONS = 4
NEIGHBOUR = "neighbour-"
_CHECKPOINT_SECONDS = 0.5
_VOLUME_MEGABYTES = 512
_PID_SECONDS = 40.0

Say = Callable[[str], None]


class UnderTest:
    """One deployment: its processes, each with a network, a disk, a clock and a stop file of its own."""

    def __init__(self, broker: RunningBroker, home: Path, prefix: str, say: Say, *, early_ms: int = EARLY_MS) -> None:
        self.broker = broker
        self.home = home
        self.prefix = prefix
        self.say = say
        self.early_ms = early_ms
        self.processes: list[str] = []
        self.proxies: dict[str, TcpProxy] = {}
        self.volumes: dict[str, Volume] = {}
        self.supervisor = Supervisor([], home / "logs", say)

    # --- what a process has of its own --------------------------------------------------------------------------

    def stop_file(self, name: str) -> Path:
        """Names the point at which the process stops itself."""
        return self.home / "faults" / f"{name}.stop"

    def shift_file(self, name: str) -> Path:
        """By how much the process's clock is off."""
        return self.home / "faults" / f"{name}.shift"

    def state_dir(self, name: str) -> Path:
        """The process's local tables."""
        return self.home / "state" / name

    def program(self, name: str) -> Program:
        """The process as a command; its name begins with its role."""
        role = name.rpartition("-")[0]
        (self.home / "faults").mkdir(parents=True, exist_ok=True)
        shifted_clock.shift(self.shift_file(name), 0.0)
        proxy = self.proxies.get(name)
        servers = self.broker.bootstrap_servers if proxy is None else f"127.0.0.1:{proxy.port}"
        command = [
            sys.executable, "-m", "tests.faults.shifted_clock", role, "--prefix", self.prefix,
            "--state-dir", str(self.state_dir(name)), "--stop-file", str(self.stop_file(name)),
            "--session-timeout", str(SESSION_SECONDS), "--checkpoint-seconds", str(_CHECKPOINT_SECONDS),
        ]  # fmt: skip
        if role == "worker":
            command += ["--early-ms", str(self.early_ms)]
        environment = {
            VARIABLE: servers, HOME_VARIABLE: str(self.home), shifted_clock.VARIABLE: str(self.shift_file(name)),
        }  # fmt: skip
        return Program(name, command, environment)

    # --- processes ----------------------------------------------------------------------------------------------

    async def pid(self, name: str) -> int:
        """The process's id; waits while the supervisor is about to start it again."""
        async with asyncio.timeout(_PID_SECONDS):
            while (pid := self.supervisor.pid(name)) is None:
                await asyncio.sleep(0.05)
        return pid

    async def kill(self, name: str) -> int:
        """SIGKILL, and wait until the process is gone; its former id."""
        pid = await self.pid(name)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while self.supervisor.pid(name) == pid:
            await asyncio.sleep(0.01)
        return pid


@contextmanager
def broker_with_proxies(
    home: Path, names: Sequence[str], say: Say
) -> Iterator[tuple[RunningBroker, dict[str, TcpProxy]]]:
    """A broker with one proxy before it for each name; the proxies are to be started."""
    ports: set[int] = set()
    while len(ports) < 2 * len(names):
        ports.add(free_port())
    numbers = iter(sorted(ports))
    listeners = [Listener(f"PROXY{index}", next(numbers), next(numbers)) for index in range(len(names))]
    with start_broker(data_dir=home / "kafka", how="local", listeners=listeners, progress=say) as broker:
        proxies = {name: TcpProxy(each.advertised_port, each.port) for name, each in zip(names, listeners, strict=True)}
        yield broker, proxies


@asynccontextmanager
async def running(under: UnderTest, names: Sequence[str], *, mount: bool) -> AsyncIterator[None]:
    """Topics, and the processes under a supervisor, ended in order when the block is left."""
    await create_topics(under.broker.bootstrap_servers, prefix=under.prefix, partitions=PARTITIONS)
    async with AsyncExitStack() as stack:
        for proxy in under.proxies.values():
            await proxy.start()
            stack.push_async_callback(proxy.stop)
        for name in names:
            volume = under.volumes[name] = Volume(under.state_dir(name), _VOLUME_MEGABYTES, mount=mount)
            stack.callback(volume.unmount)
        under.processes = list(names)
        under.supervisor = Supervisor([under.program(name) for name in names], under.home / "logs", under.say)
        stop = asyncio.Event()
        supervising = asyncio.create_task(under.supervisor.run(stop))
        try:
            yield
        finally:
            stop.set()
            await supervising


async def declare(under: UnderTest, tenants: int) -> list[Recording]:
    """Declare domains with a short horizon; the recordings that fit them."""
    specs: list[DomainSpec] = [
        msgspec.structs.replace(each, horizon_ms=HORIZON_MS) for each in read_domains(DOMAINS)[:tenants]
    ]
    await apply_specs(under.broker.bootstrap_servers, under.prefix, specs)
    return recordings_for(specs)
