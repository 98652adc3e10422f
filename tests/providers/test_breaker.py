"""The circuit breaker's laws, for every order in which requests begin and end, and against the clock."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from producers.providers.breaker import Breaker
from producers.providers.catalogue import BreakerLimits

LIMITS = BreakerLimits(failures=3, open_s=10.0, longest_open_s=40.0)


class BreakerMachine(RuleBasedStateMachine):
    """A model of what the breaker has to be, beside it: who is out asking, and what they may still change."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0
        self.breaker = Breaker(LIMITS, lambda: self.now)
        self.out = []  # permits, with whether they are the probe
        self.row = 0
        self.until = None
        self.pause = 10.0

    @property
    def probing(self):
        return any(probe for _, probe in self.out)

    @rule()
    def ask(self):
        may = self.until is None or (self.now >= self.until and not self.probing)
        assert self.breaker.admits == may
        permit = self.breaker.enter()
        assert (permit is not None) == may
        if permit is not None:
            self.out.append((permit, self.until is not None))

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 10**6))
    def succeed(self, which):
        permit, probe = self.out.pop(which % len(self.out))
        permit.succeeded()
        if probe or self.until is None:
            self.row, self.until, self.pause = 0, None, 10.0
            self.out = [(each, False) for each, _ in self.out]

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 10**6), asked_for=st.none() | st.floats(0, 100), lasting=st.booleans())
    def fail(self, which, asked_for, lasting):
        permit, probe = self.out.pop(which % len(self.out))
        permit.failed(pause_s=asked_for, lasting=lasting)
        permit.failed()  # only the first word counts
        permit.succeeded()
        if probe:
            self.pause = min(2 * self.pause, 40.0)
            self.until = self.now + max(self.pause, asked_for or 0.0)
        elif self.until is None:
            self.row += 1
            if lasting or self.row >= 3:
                self.until = self.now + max(self.pause, asked_for or 0.0)
            elif asked_for is not None:
                self.until = self.now + asked_for

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 10**6))
    def leave(self, which):
        permit, _ = self.out.pop(which % len(self.out))
        permit.left()

    @rule(seconds=st.floats(0, 30))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def its_state_is_the_models(self):
        expected = "closed" if self.until is None else "open" if self.now < self.until else "half-open"
        assert self.breaker.state == expected

    @invariant()
    def one_probe_at_most(self):
        assert sum(probe for _, probe in self.out) <= 1


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=60, stateful_step_count=40)


def test_a_model_that_never_recovers_is_asked_ever_less():
    """Probes come after 10, 20, 40, 40 ... seconds; the first success brings back the 10."""
    now = 0.0
    breaker = Breaker(LIMITS, lambda: now)
    for _ in range(3):
        breaker.enter().failed()
    waits = []
    for _ in range(4):
        begun = now
        while not breaker.admits:
            now += 1.0
        waits.append(now - begun)
        breaker.enter().failed()
    assert waits == [10.0, 20.0, 40.0, 40.0]
    now += 40.0
    breaker.enter().succeeded()
    breaker.enter().failed(lasting=True)  # one is enough when it will not heal by itself
    begun = now
    while not breaker.admits:
        now += 1.0
    assert now - begun == 10.0
