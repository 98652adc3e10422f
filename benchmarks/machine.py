"""What a measurement ran on, for its report."""

import datetime as dt
import os
import platform
from importlib.metadata import version
from typing import Any

from infra.kafka import RunningBroker

_VERSIONS = ("faust-streaming", "aiokafka", "quixstreams", "confluent-kafka")


def described(broker: RunningBroker, begun: dt.datetime) -> dict[str, Any]:
    """Machine, versions and load, as the reports print them."""
    return {
        "started": begun.isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "kafka": broker.how,
        **{name: version(name) for name in _VERSIONS},
    }


def now() -> dt.datetime:
    """The present, in UTC."""
    return dt.datetime.now(dt.UTC)
