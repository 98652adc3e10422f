"""The real worker, watched from within: processor time of each thread, added up by the part of the work it is in.

Every two milliseconds a thread looks at all others: what each has used since the last look is put down to where it is
now.  The sums are written to `sums.json` in the job's directory, again and again.
"""

import sys
import threading
import time
from pathlib import Path

import msgspec

from benchmarks.loops.croupier import arguments, work
from benchmarks.loops.job import begin
from benchmarks.parts import NATIVE, part_of
from infra.logs import configure_logs
from stream_workers.runtime.loop import run

SUMS = "sums.json"
_LOOK_SECONDS = 0.002
_WRITE_EVERY = 50  # looks
#: The looking thread waits for the interpreter no longer than this; with the usual 5 ms it would look when others rest.
_SWITCH_SECONDS = 0.0005


class Sampler(threading.Thread):
    """Adds up processor seconds by part."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._used: dict[int, float] = {}
        self._whole = time.process_time()
        self._parts: dict[tuple[tuple[str, str], ...], str] = {}
        self.sums: dict[str, float] = {}

    def run(self) -> None:
        """Look until the process ends."""
        looks = 0
        while True:
            time.sleep(_LOOK_SECONDS)
            self._look()
            looks += 1
            if looks % _WRITE_EVERY == 0:
                self._write()

    def _look(self) -> None:
        frames = sys._current_frames()
        mine = threading.get_ident()
        python = 0.0
        for ident, frame in frames.items():
            try:
                used = time.clock_gettime(time.pthread_getcpuclockid(ident))
            except (OSError, OverflowError):  # it has just ended
                continue
            spent = used - self._used.get(ident, 0.0)
            self._used[ident] = used
            python += spent
            if spent > 0 and ident != mine:
                self._add(self._part(frame), spent)
        whole = time.process_time()
        self._add(NATIVE, max(0.0, whole - self._whole - python))
        self._whole = whole

    def _part(self, frame: object) -> str:
        stack = []
        at = frame
        while at is not None:
            code = at.f_code  # type: ignore[attr-defined]
            stack.append((code.co_filename, code.co_name))
            at = at.f_back  # type: ignore[attr-defined]
        key = tuple(stack)
        if key not in self._parts:
            self._parts[key] = part_of(key)
        return self._parts[key]

    def _add(self, part: str, seconds: float) -> None:
        self.sums[part] = self.sums.get(part, 0.0) + seconds

    def _write(self) -> None:
        beside = self._path.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(self.sums))
        beside.replace(self._path)


if __name__ == "__main__":
    configure_logs("worker")
    job = begin()
    sys.setswitchinterval(_SWITCH_SECONDS)
    Sampler(job.state_dir / SUMS).start()
    run(work(job, arguments(sys.argv[2:])))
