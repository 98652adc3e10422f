"""Apache Kafka's jars: exactly those of `kafka.lock.toml`, downloaded once, checked by checksum.

The lockfile is the only word on what runs.  It was resolved once (`python -m infra.kafka.resolve`), because resolving
anew can silently give something else: together with a log4j binding, whose own dependency list wins, kafka-clients
became 3.8.0 under a 4.0.1 broker.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import BrokerUnavailableError

from .cache import cache_directory, exclusive
from .progress import Progress

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCKFILE = Path(__file__).with_name("kafka.lock.toml")
KAFKA_VERSION = "4.0.1"
#: A mirror of Maven Central to use instead, for networks that reach no other.
REPOSITORY_VARIABLE = "CROUPIER_MAVEN_REPOSITORY"
_PARALLEL = 6
_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Jar:
    """One artifact of the lockfile."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """As Maven writes it."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def filename(self) -> str:
        """Its name in our directory.  Unique: `locked_jars` refuses two of the same name."""
        return f"{self.artifact}-{self.version}.jar"


def locked_jars(lockfile: Path = LOCKFILE) -> tuple[Jar, ...]:
    """The lockfile's artifacts; BrokerUnavailableError if they are not one Kafka of the expected version."""
    try:
        listed = tomllib.loads(lockfile.read_text())["dependencies"]
        jars = tuple(
            Jar(each["groupId"], each["artifactId"], each["version"], each.get("sha256", "")) for each in listed
        )
    except (OSError, ValueError, LookupError) as error:
        raise BrokerUnavailableError(f"{lockfile} cannot be read ({error!r}). Reinstall Croupier.") from error
    if unchecked := [jar.coordinate for jar in jars if len(jar.sha256) != 64]:
        raise BrokerUnavailableError(f"{lockfile} has no checksum for {', '.join(unchecked)}; resolve it again.")
    other = [jar.coordinate for jar in jars if jar.group == "org.apache.kafka" and jar.version != KAFKA_VERSION]
    if other:
        raise BrokerUnavailableError(
            f"{lockfile} mixes versions of Kafka: {', '.join(other)} beside {KAFKA_VERSION}. Resolve it again without "
            "dependencies that bring their own."
        )
    if len({jar.filename for jar in jars}) != len(jars) or not any(jar.artifact == "kafka_2.13" for jar in jars):
        raise BrokerUnavailableError(f"{lockfile} names a jar twice or lacks kafka_2.13; resolve it again.")
    return jars


def ensure_jars(progress: Progress, *, cache: Path | None = None, lockfile: Path = LOCKFILE) -> tuple[Path, ...]:
    """Paths of all jars, after downloading what is missing or damaged.

    Every jar is compared with its checksum each time (45 MB, 0.05 s), appears under its name only when it is whole,
    and one process downloads while others wait.  BrokerUnavailableError says what to do without a network or disk.
    """
    jars = locked_jars(lockfile)
    cache = cache or cache_directory()
    directory = cache / "kafka" / KAFKA_VERSION
    paths = tuple(directory / jar.filename for jar in jars)
    try:
        if not any(_damaged(directory, jar) for jar in jars):
            return paths
        with exclusive(
            cache / "kafka" / "download.lock", progress, "Another process is downloading Kafka; waiting for it"
        ):
            missing = [jar for jar in jars if _damaged(directory, jar, progress)]
            if missing:
                _download(missing, directory, progress)
    except OSError as error:
        raise _explained(error, directory) from error
    return paths


def _damaged(directory: Path, jar: Jar, progress: Progress | None = None) -> bool:
    """Whether the jar is not there with the right bytes; a wrong one is mentioned, since somebody changed it."""
    path = directory / jar.filename
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return True
    if found == jar.sha256:
        return False
    if progress:
        progress(f"{path} is damaged (sha256 {found[:12]}…, expected {jar.sha256[:12]}…): downloading it again")
    return True


def _download(jars: list[Jar], directory: Path, progress: Progress) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob(".download-*"):  # of a process that was killed; we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    mirror = os.environ.get(REPOSITORY_VARIABLE)
    origin = mirror or "Maven Central"
    progress(f"Downloading Apache Kafka {KAFKA_VERSION} from {origin} ({len(jars)} files, about 40 MB, once)")
    from jgo.maven import MavenContext  # heavy, and only needed to download

    with contextlib.ExitStack() as stack:
        staging = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".download-", dir=directory)))
        # jgo writes straight to a file's final name, so its repository is a staging directory of ours.
        maven = MavenContext(
            repo_cache=staging,
            remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
            timeout=_TIMEOUT_SECONDS,
        )
        pool = stack.enter_context(ThreadPoolExecutor(_PARALLEL, thread_name_prefix="jars"))
        stopped = threading.Event()

        def fetch(jar: Jar) -> Jar:
            if not stopped.is_set():
                _fetch(maven, jar, directory)
            return jar

        futures = [pool.submit(fetch, jar) for jar in jars]
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                jar = future.result()
                progress(f"  [{number}/{len(jars)}] {jar.coordinate}")
        finally:
            stopped.set()  # after a failure the others need not try (and time out) one by one


def _fetch(maven: "MavenContext", jar: Jar, directory: Path) -> None:
    """Download, check, and only then give it its name."""
    try:
        source: Path = maven.create_dependency(jar.coordinate).artifact.resolve()
    except OSError as error:  # requests' errors are OSErrors too
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        raise BrokerUnavailableError(
            f"{jar.coordinate} could not be downloaded: {_root_cause(error)}. {_WITHOUT_NETWORK}"
        ) from error
    except RuntimeError as error:  # jgo: not found in any repository
        raise BrokerUnavailableError(
            f"{jar.coordinate} could not be downloaded: {error}. {_WITHOUT_NETWORK}"
        ) from error
    with source.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise BrokerUnavailableError(
            f"{jar.coordinate} arrived with sha256 {found}, expected {jar.sha256}: a cut or altered download. "
            "Try again; if it stays, something between here and Maven Central changes files."
        )
    source.replace(directory / jar.filename)


_WITHOUT_NETWORK = (
    "The first start needs the network (about 40 MB from Maven Central). Without it, set KAFKA_BOOTSTRAP_SERVERS to a "
    f"Kafka that runs, start Docker, or set {REPOSITORY_VARIABLE} to a mirror."
)


def _root_cause(error: BaseException) -> str:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__


def _explained(error: OSError, directory: Path) -> BrokerUnavailableError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BrokerUnavailableError(
            f"No space for Kafka's jars (about 40 MB) in {directory}. Free some, or set CROUPIER_CACHE to another disk."
        )
    return BrokerUnavailableError(
        f"Kafka's jars cannot be kept in {directory}: {error}. Set CROUPIER_CACHE to a directory you can write."
    )
