"""A process stops itself where its stop file says, once, and nowhere else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stream_workers.runtime import checkpoint, recovery
from stream_workers.runtime.stop_points import CHECKPOINT_POINTS, RECOVERY_POINTS

PROGRAM = """
import sys
from pathlib import Path
from stream_workers.runtime.stop_points import stop_where
reached = stop_where(Path(sys.argv[1]))
for point in ("one", "two", "two", "three"):
    reached(point)
    print(point, flush=True)
"""


def test_a_process_stops_at_the_point_its_file_names_and_goes_on_from_there(tmp_path):
    """It passes the first point, stops before it is through with the second, and after SIGCONT comes to the end."""
    file = tmp_path / "stop"
    file.write_text("two\n")
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(file)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "one\n"
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert not file.exists()
        process.send_signal(signal.SIGCONT)
        passed = [line for line in process.stdout.read().splitlines() if line in {"one", "two", "three"}]
        assert passed == ["two", "two", "three"]  # beside what it logs
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_every_point_is_on_the_way():
    """The names that tests may ask for are those that checkpoint and recovery pass, in this order."""
    for module, points in ((checkpoint, CHECKPOINT_POINTS), (recovery, RECOVERY_POINTS)):
        text = Path(module.__file__).read_text(encoding="utf-8")
        assert {f'"{point}"' in text for point in points} == {True}
        assert text.count("self._reached(") == len(points)
