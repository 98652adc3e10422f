"""The rules as Prometheus itself reads them: promtool is asked, on series that fail and mend."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from infra.monitoring.alert import Alert, duration
from infra.monitoring.alerts import ALERTS
from infra.monitoring.programs import ProgramMissingError, program
from infra.monitoring.rules import rules, written

from .examples import ALWAYS, FAILING, Series

_STEPS = (15, 60, 240)  # the longest is below the five minutes after which a sample is too old to count
_FEW = 20  # steps in a window


@pytest.fixture(scope="module")
def promtool():
    try:
        return program("promtool")
    except ProgramMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def rule_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("rules") / "rules.yml"
    file.write_text(written(rules()))
    return file


def test_promtool_takes_the_rules(promtool, rule_file):
    """Names, expressions and templates are what Prometheus expects."""
    checked = subprocess.run([promtool, "check", "rules", rule_file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_an_example():
    """An alert without one would never have been seen to fire.  The watchdog always does."""
    assert {*FAILING, "Watchdog"} == {each.name for each in ALERTS}


def test_every_alert_fires_when_it_must_and_only_then(promtool, tmp_path):
    """All well: it does not fire.  Failing: not before it has held, then it fires.  Well again: it ends."""
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda alert: _ran(promtool, tmp_path, alert), _WITH_EXAMPLE))
    assert not [each for each in said if each]


def test_nothing_fires_where_all_is_well(promtool, rule_file, tmp_path):
    """All rules on all series as they are when all is well."""
    series = {each.name: each for example in (ALWAYS, *FAILING.values()) for each in example}
    steps = 80
    test = {
        "interval": "15s",
        "input_series": [
            {"series": each.name, "values": values}
            for each in series.values()
            if (values := _values(each._replace(failing=each.well), 15, steps, steps, steps)).strip("_ ")
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertname!="Watchdog"})',
                "eval_time": duration(15 * (3 * steps - 1)),
                "exp_samples": [],
            }
        ],
    }
    assert _asked(promtool, tmp_path / "well.yml", rule_file, 15, test) == ""


_WITH_EXAMPLE = [alert for alert in ALERTS if alert.name in FAILING]


def _ran(promtool, directory, alert: Alert) -> str:
    """Why promtool does not agree; nothing where it does."""
    step = _step(alert)
    file = directory / f"{alert.name}.rules.yml"
    file.write_text(written(rules(alerts=[alert])))
    return _asked(promtool, directory / f"{alert.name}.yml", file, step, _test(alert, step))


def _asked(promtool, file, rule_file, step: int, test: dict) -> str:
    every = {"rule_files": [str(rule_file)], "evaluation_interval": duration(step), "tests": [test]}
    file.write_text(yaml.dump(every, Dumper=yaml.CSafeDumper))
    ran = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


def _window(alert: Alert) -> float:
    return alert.limit if _is_alarm(alert) else alert.long or alert.window


def _is_alarm(alert: Alert) -> bool:
    return alert.expr.startswith("croupier_alarm_timestamp")


def _step(alert: Alert) -> int:
    shortest = min(each for each in (alert.short or _window(alert), alert.hold or _window(alert)) if each)
    return max((step for step in _STEPS if step <= shortest / 4 and step <= _window(alert) / _FEW), default=_STEPS[0])


def _test(alert: Alert, step: int) -> dict:
    """Three phases of so many steps each, and what fires at the end of each."""
    window = int(_window(alert) // step) + 2
    hold = int(alert.hold // step)
    well, failing, again = window + 2, hold + window + 4, hold + window + 8
    if _is_alarm(alert):
        failing = 4  # it fires at once, and for a day
    firing = f'count(ALERTS{{alertname="{alert.name}", alertstate="firing"}}) > bool 0 or vector(0)'
    asked = [(well - 1, firing, 0), (well + failing - 1, firing, 1), (well + failing + again - 1, firing, 0)]
    if hold:
        asked.append((well + hold - 1, firing, 0))
    series = {each.name: each for each in (*ALWAYS, *FAILING[alert.name])}
    return {
        "name": alert.name,
        "interval": duration(step),
        "input_series": [
            {"series": each.name, "values": _values(each, step, well, failing, again)} for each in series.values()
        ],
        "promql_expr_test": [
            {"expr": expr, "eval_time": duration(at * step), "exp_samples": [{"labels": "{}", "value": value}]}
            for at, expr, value in asked
        ],
    }


def _values(series: Series, step: int, well: int, failing: int, again: int) -> str:
    if series.kind == "moment":
        if series.failing is None:
            return "_"
        raised = f"{well * step}"  # just then; a day later it is long ago
        return " ".join(["_"] * well + [raised] * (failing + again))
    parts, at = [], 0.0
    if series.kind == "clock":
        ahead = [(0, series.well, well), (well, series.failing, failing), (well + failing, series.well, again)]
        return " ".join(f"{begin * step + off:g}+{step}x{steps - 1}" for begin, off, steps in ahead)
    for value, steps in ((series.well, well), (series.failing, failing), (series.well, again)):
        if value is None:
            parts += ["_"] * steps
        elif series.kind == "gauge":
            parts.append(f"{value:g}x{steps - 1}")
        else:
            parts.append(f"{at:g}+{value:g}x{steps - 1}")
            at += value * steps
    return " ".join(parts)
