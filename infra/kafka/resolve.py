"""Writes `kafka.lock.toml`: run `python -m infra.kafka.resolve` after changing the version, and read the difference."""

import sys
import tempfile
from pathlib import Path

from jgo.env import LockedDependency, LockFile
from jgo.maven import MavenContext

from .distribution import KAFKA_VERSION, LOCKFILE, locked_jars

#: slf4j-simple of the series Kafka uses: without a binding nothing is logged, and other bindings bring dependencies.
COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")


def resolve(lockfile: Path = LOCKFILE) -> int:
    """Resolve COORDINATES and all they need, write their versions and checksums; how many jars that is."""
    with tempfile.TemporaryDirectory() as repository:
        maven = MavenContext(repo_cache=Path(repository))
        inputs, transitive = maven.resolver.resolve([maven.create_dependency(each) for each in COORDINATES])
        locked = [LockedDependency.from_dependency(each) for each in (*inputs, *transitive)]
    locked.sort(key=lambda each: (each.groupId, each.artifactId))
    LockFile(locked, environment_name=f"kafka-{KAFKA_VERSION}").save(lockfile)
    return len(locked_jars(lockfile))


if __name__ == "__main__":
    print(f"{resolve()} jars in {LOCKFILE}", file=sys.stderr)  # noqa: T201
