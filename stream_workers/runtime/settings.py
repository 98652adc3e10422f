"""The runtime's settings, with what each is traded for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """One process's settings."""

    bootstrap_servers: str
    group: str  # the consumer group, without prefix
    state_dir: Path
    prefix: str = ""  # of topics and group: several deployments can share a broker
    checkpoint_seconds: float = 1.0  # longer: fewer state bytes written; shorter: less to do again after a crash
    session_timeout_seconds: float = 10.0  # a dead worker's partitions move after this
    lease_share: float = 0.5  # of the session timeout: a process that stood still longer ends
    fetch_bytes: int = 512 * 1024  # per partition; bounds how long one batch holds the event loop
    in_flight_bytes: int = 32 * 1024 * 1024
    stall_seconds: float = 2.0  # lag without progress for so long: seek back
    give_up_seconds: float = 15.0  # lag without progress, and seeking back did not help: the process ends
    unhealthy_seconds: float = 30.0  # lag without a commit for so long: /health says so
    stop_file: Path | None = None  # for tests of crashes: see stop_points

    @property
    def group_id(self) -> str:
        """The consumer group on the broker."""
        return f"{self.prefix}croupier-{self.group}"
