import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.kafka import distribution
from infra.kafka.cache import cache_directory
from infra.kafka.distribution import KAFKA_VERSION, ensure_jars, locked_jars
from infra.kafka.ports import free_port
from schemas.errors import BrokerUnavailableError

from . import maven


@pytest.fixture
def repository(monkeypatch):
    with maven.serve() as repository:
        monkeypatch.setenv(distribution.REPOSITORY_VARIABLE, repository.url)
        yield repository


@pytest.fixture
def lockfile(tmp_path) -> Path:
    return maven.write_lockfile(tmp_path / "lock.toml")


def _start(cache: Path, lockfile: Path) -> subprocess.Popen:
    """ensure_jars in a process of its own."""
    program = (
        "import sys, pathlib; from infra.kafka.distribution import ensure_jars;"
        "ensure_jars(print, cache=pathlib.Path(sys.argv[1]), lockfile=pathlib.Path(sys.argv[2]))"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(cache), str(lockfile)], stdout=subprocess.DEVNULL)


def _whole(paths) -> bool:
    return all(path.read_bytes() == maven.content(path.name.rsplit("-", 1)[0]) for path in paths)


def test_committed_lockfile_is_one_kafka():
    """The jars we ship a list of are one version of Kafka with a log binding that brings nothing along."""
    jars = locked_jars()
    kafka = {jar.version for jar in jars if jar.group == "org.apache.kafka"}
    assert kafka == {KAFKA_VERSION}
    bindings = [jar.artifact for jar in jars if jar.group == "org.slf4j" and jar.artifact != "slf4j-api"]
    assert bindings == ["slf4j-simple"]
    assert not [jar.coordinate for jar in jars if "log4j" in jar.coordinate]


def test_mixed_versions_are_refused(tmp_path):
    """A lockfile in which another dependency pulled kafka-clients down is refused with the culprit's name."""
    lockfile = maven.write_lockfile(
        tmp_path / "lock.toml", [*maven.COORDINATES[:1], ("org.apache.kafka", "kafka-clients", "3.8.0")]
    )
    with pytest.raises(BrokerUnavailableError, match=r"mixes versions of Kafka: org.apache.kafka:kafka-clients:3.8.0"):
        locked_jars(lockfile)


def test_lockfile_without_checksum_is_refused(tmp_path):
    """An artifact that could not be checked is not run."""
    lockfile = maven.write_lockfile(tmp_path / "lock.toml")
    lockfile.write_text(lockfile.read_text().replace(hashlib.sha256(maven.content("slf4j-simple")).hexdigest(), ""))
    with pytest.raises(BrokerUnavailableError, match=r"no checksum for org.slf4j:slf4j-simple"):
        locked_jars(lockfile)


def test_downloads_once_and_says_so(repository, lockfile, tmp_path):
    """The first call downloads every jar and says which; the second asks the network for nothing."""
    said: list[str] = []
    paths = ensure_jars(said.append, cache=tmp_path / "cache", lockfile=lockfile)
    assert len(paths) == len(maven.COORDINATES)
    assert _whole(paths)
    assert repository.url in said[0]
    assert {line.split()[-1] for line in said[1:]} == {":".join(each) for each in maven.COORDINATES}
    asked = repository.asked.total()
    assert ensure_jars(said.append, cache=tmp_path / "cache", lockfile=lockfile) == paths
    assert repository.asked.total() == asked


def test_damaged_jar_is_replaced(repository, lockfile, tmp_path):
    """A byte changed in the cache is noticed and mended by downloading that jar again, and only that one."""
    paths = ensure_jars(lambda _: None, cache=tmp_path, lockfile=lockfile)
    victim = paths[1]
    damaged = bytearray(victim.read_bytes())
    damaged[100] ^= 1
    victim.write_bytes(damaged)
    repository.asked.clear()
    said: list[str] = []
    ensure_jars(said.append, cache=tmp_path, lockfile=lockfile)
    assert _whole(paths)
    assert any(str(victim) in line and "damaged" in line for line in said)
    assert {path for path in repository.asked if path.endswith(".jar")} == {maven.path_of(*maven.COORDINATES[1])}


def test_altered_download_is_refused(repository, lockfile, tmp_path):
    """A repository that serves other bytes than were locked is not believed, and nothing gets its name."""
    path = maven.path_of(*maven.COORDINATES[0])
    repository.files[path] = repository.files[path][:-1] + b"?"
    with pytest.raises(BrokerUnavailableError, match=r"kafka_2.13:4.0.1 arrived with sha256 .* expected"):
        ensure_jars(lambda _: None, cache=tmp_path, lockfile=lockfile)
    assert not list(tmp_path.rglob("kafka_2.13-*.jar"))


def test_missing_artifact_and_no_network_say_what_to_do(repository, lockfile, tmp_path, monkeypatch):
    """Without the file, and without anybody listening, the error names the artifact and the ways out."""
    repository.files.clear()
    with pytest.raises(BrokerUnavailableError, match=r"could not be downloaded: .*not found.* KAFKA_BOOTSTRAP_SERVERS"):
        ensure_jars(lambda _: None, cache=tmp_path, lockfile=lockfile)
    monkeypatch.setenv(distribution.REPOSITORY_VARIABLE, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnavailableError, match=r"could not be downloaded: .*refused.* KAFKA_BOOTSTRAP_SERVERS"):
        ensure_jars(lambda _: None, cache=tmp_path, lockfile=lockfile)


def test_full_disk_says_where_to_go(repository, lockfile, tmp_path, monkeypatch):
    """ENOSPC while a jar is stored names the directory and the variable that moves it."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BrokerUnavailableError, match=r"No space .* in .*4.0.1.* CROUPIER_CACHE"):
        ensure_jars(lambda _: None, cache=tmp_path, lockfile=lockfile)


def test_cache_that_cannot_be_made_is_explained(repository, lockfile, tmp_path):
    """A cache path below a file gets a sentence, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerUnavailableError, match="CROUPIER_CACHE"):
        ensure_jars(lambda _: None, cache=tmp_path / "file" / "cache", lockfile=lockfile)


def test_killed_download_leaves_no_broken_cache(repository, lockfile, tmp_path):
    """SIGKILL in mid-file leaves nothing under a jar's name, and the next call finishes and tidies up."""
    cache = tmp_path / "cache"
    repository.stall.set()
    process = _start(cache, lockfile)
    assert repository.half_sent.wait(60)
    process.kill()
    process.wait()
    assert not list((cache / "kafka" / KAFKA_VERSION).glob("*.jar"))
    repository.stall.clear()
    repository.released.set()
    paths = ensure_jars(lambda _: None, cache=cache, lockfile=lockfile)
    assert _whole(paths)
    assert {path.name for path in paths[0].parent.iterdir()} == {path.name for path in paths}


def test_two_processes_download_once(repository, lockfile, tmp_path):
    """Two processes that start together both succeed, and each jar crosses the network once."""
    processes = [_start(tmp_path / "cache", lockfile) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    jars = {path: count for path, count in repository.asked.items() if path.endswith(".jar")}
    assert jars == {maven.path_of(*each): 1 for each in maven.COORDINATES}


def test_cache_directory_order():
    """$CROUPIER_CACHE goes before $XDG_CACHE_HOME, and that before the home directory."""
    both = {"CROUPIER_CACHE": "/a", "XDG_CACHE_HOME": "/b"}
    assert cache_directory(both) == Path("/a")
    assert cache_directory({"XDG_CACHE_HOME": "/b"}) == Path("/b/croupier")
    assert cache_directory({}) == Path.home() / ".cache" / "croupier"
