"""Which directory a process keeps its tables in."""

import multiprocessing

import pytest

from infra.state_directory import claim_state_directory
from schemas.errors import CroupierError


def _claim(home, answer, done):
    answer.put(str(claim_state_directory(None, home, "worker")))
    done.wait()


def test_a_directory_belongs_to_one_process_and_is_free_again_when_it_ends(tmp_path):
    """Another process has the first directory: we get the second, and may not have the first; when it ends, we may."""
    context = multiprocessing.get_context("spawn")
    answer, done = context.Queue(), context.Event()
    other = context.Process(target=_claim, args=(tmp_path, answer, done))
    other.start()
    first = tmp_path / "state" / "worker-1"
    assert answer.get(timeout=60) == str(first)
    assert claim_state_directory(None, tmp_path, "worker") == tmp_path / "state" / "worker-2"
    with pytest.raises(CroupierError, match="directory of its own"):
        claim_state_directory(first, tmp_path, "worker")
    done.set()
    other.join()
    assert claim_state_directory(first, tmp_path, "worker") == first
