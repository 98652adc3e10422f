"""The settings of a broker started here: one node that is broker and controller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.topics import ALL

_MIB = 1024 * 1024
#: The largest record any topic takes, and room for what surrounds it in a batch.
MAX_MESSAGE_BYTES = max(topic.max_message_bytes for topic in ALL) + _MIB


#: What a single node needs wherever it runs.
SINGLE_NODE: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A misspelt topic name must be an error, and topics need the settings of schemas.topics.
    "auto.create.topics.enable": "false",
    # There is one node.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # The defaults (50) are for clusters; each partition costs files and time at start.
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "message.max.bytes": str(MAX_MESSAGE_BYTES),
    "replica.fetch.max.bytes": str(MAX_MESSAGE_BYTES),
    # A restarted broker is refused until the session of its former self ends: 9 s by default (measured: up after 12 s
    # instead of 4).  No other node could mistake it for dead.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


@dataclass(frozen=True, slots=True)
class Listener:
    """A further port of the broker; who comes to it is told to go on to `advertised_port`, say of a proxy."""

    name: str  # capital letters and digits
    port: int
    advertised_port: int


def server_properties(
    log_directory: Path, port: int, controller_port: int, listeners: Sequence[Listener] = ()
) -> dict[str, str]:
    """The settings of a broker that listens on 127.0.0.1:`port` and keeps its data in `log_directory`."""
    protocols = SINGLE_NODE["listener.security.protocol.map"]
    listens = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"
    advertised = f"PLAINTEXT://127.0.0.1:{port}"
    for each in listeners:
        protocols += f",{each.name}:PLAINTEXT"
        listens += f",{each.name}://127.0.0.1:{each.port}"
        advertised += f",{each.name}://127.0.0.1:{each.advertised_port}"
    return {
        **SINGLE_NODE,
        "listener.security.protocol.map": protocols,
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": listens,
        "advertised.listeners": advertised,
        "log.dirs": str(log_directory),
    }


def image_environment(host: str, port: int, listen: int) -> dict[str, str]:
    """The same for the apache/kafka image, as environment: clients reach its port `listen` at `host`:`port`."""
    settings = {
        **SINGLE_NODE,
        "controller.quorum.voters": f"1@localhost:{listen + 1}",
        "listeners": f"PLAINTEXT://:{listen},CONTROLLER://localhost:{listen + 1}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
    }
    return {"KAFKA_" + key.upper().replace(".", "_"): value for key, value in settings.items()}


def render(properties: dict[str, str]) -> str:
    """The text of a Java properties file.  Backslashes (Windows paths) are doubled, as its reader expects."""
    return "".join(f"{key}={value.replace(chr(92), chr(92) * 2)}\n" for key, value in properties.items())
