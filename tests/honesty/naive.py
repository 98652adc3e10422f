"""The checks as they are described (docs/decisions/0010-honesty.md), over whole lists of outcomes, with numpy alone."""

import math

import numpy as np

from stream_workers.honesty import evidence, judging

KINDS = (
    "propensity", "floor", "calibration", "reward", "prediction", "feature", "share", "feedback", "starving", "thin"
)  # fmt: skip


def bernstein(lam, total, variance):
    return lam * abs(total) - variance * lam**2 / 2 / (1 - lam / 3)


def hoeffding(lam, total, number):
    return lam * total - number * lam**2 / 8


def largest(bets, size):
    """What a mean of `size` e-values is at least."""
    return max(bets) - math.log(size)


def of_excess(total, variance):
    return largest([bernstein(lam, total, variance) for lam in evidence.FINE], 2 * len(evidence.FINE))


def of_gap(total, number, tolerance):
    over = abs(total) - tolerance * number
    return largest([hoeffding(lam, over, number) for lam in evidence.STEADY], 2 * len(evidence.STEADY))


def above(total, number):
    return largest([hoeffding(lam, total, number) for lam in evidence.QUICK], len(evidence.QUICK))


def away(total, number, tolerance):
    return above(abs(total) - tolerance * number, number) - math.log(2)


def of_feature(z, energy):
    """From the very z of a stretch."""
    n, up, down = len(z), 1.25 * energy + 0.25, 0.5 * energy
    bets = []
    for sign in (1, -1):
        x = sign * z - 0.5
        bets += [lam * x.sum() - lam**2 * (x**2).sum() for lam in (1 / 7, 1 / 21)]
    for lam in (0.03, 0.1, 0.2):
        bets.append(lam * (z**2).sum() - n * up / 9 * math.expm1(9 * lam))
        bets.append(-n * down / 9 * math.expm1(-9 * lam) - lam * (z**2).sum())
    return largest(bets, len(bets))


class Naive:
    """Looks at outcomes one by one, and keeps all of a stretch."""

    def __init__(self, subject, false_ever, false_every):
        self.subject, self.false_ever, self.false_every = subject, false_ever, false_every
        self.wait = subject.horizon_ms * 1.125 + 1000
        self.now, self.decided, self.begin, self.until = 0.0, 0.0, None, None
        self.lapsed, self.quiet = 0.0, 0
        self.stretch = []
        self.alarms = {}
        self.raised = 0
        self.spans = [[]]  # of stretches
        self.restart = False
        K, d = len(subject.arms), subject.features
        self.pending = [[] for _ in range(K)]
        self.acts, self.completes, self.mean = np.zeros(K), np.zeros(K), np.zeros(K)
        self.surprise, self.dry, self.shift = np.zeros(K), np.zeros(K), np.zeros(K)
        self.idle = np.zeros(K)
        self.share, self.level, self.fallen, self.known = np.zeros(K), 0.0, 0.0, 0
        self.weights, self.squares, self.offered = np.zeros(K), np.zeros(K), np.zeros(K)
        self.phase, self.length, self.reference, self.moved = 0, judging.REFERENCE, [], np.zeros(d)

    def alarm(self, kind, place, before, after):
        self.alarms[kind] = (self.now, place, before, after)
        self.raised += 1

    def look(self, row, has_model):
        """row: the columns of one outcome, by name."""
        c = row["chosen"]
        p = row["propensities"].astype(float)
        self.weights[c] += 1 / p[c]
        self.squares[c] += 1 / p[c] ** 2
        self.offered += row["eligible"]
        self.now, self.decided = max(self.now, row["ended"]), max(self.decided, row["decided"])
        if row["lapsed"]:
            self.lapsed, self.quiet = max(self.lapsed, row["decided"]), 0
        else:
            self.quiet += 1
        if self.begin is None:
            self.begin = self.now + self.wait + 1
        elif self.until is None:
            if len(self.stretch) >= 64 and self.now - self.begin >= self.wait:
                self.until = self.now
        elif self.lapsed > self.until or (
            self.quiet >= 1_024 and self.decided > self.until and self.now > self.until + self.wait
        ):
            self.judge(has_model)
            self.stretch, self.begin, self.until = [], self.now + 1, None
        if self.begin <= row["decided"] and (self.until is None or row["decided"] <= self.until):
            self.take(row, p, has_model)

    def take(self, row, p, has_model):
        c = row["chosen"]
        expected = min(max(row["predicted"][0], 0.0), 1.0) if has_model else self.mean[c]
        row = row | {"p": p, "residual": row["reward"] - expected, "judged": self.acts[c] >= 100}
        self.stretch.append(row)
        self.pending[c].append(row)
        eligible = np.flatnonzero(row["eligible"])
        floor = self.subject.exploration_minimum / len(eligible)
        least = eligible[np.argmin(p[eligible])]
        if p[least] < 0.999 * floor:
            self.alarm("floor", least, floor, p[least])

    def judge(self, has_model):
        subject, stretch, n = self.subject, self.stretch, len(self.stretch)
        K, P = len(subject.arms), len(subject.policies)
        if self.restart or sum(map(len, self.spans[-1])) >= 16_384:
            self.restart = False
            self.spans.append([])
            self.weights, self.squares, self.offered = self.weights / 2, self.squares / 2, self.offered / 2
        self.spans[-1].append(stretch)
        rows = [row for each in self.spans[-1] for row in each]
        # Span k has 1/2 4^-j of the level, where 2^j <= k + 1 < 2^(j + 1), from span 0 on.
        part = 0.5 * 4.0 ** -math.floor(math.log2(len(self.spans)))
        probabilities = np.array([row["p"] for row in rows])
        chosen = np.array([row["chosen"] for row in rows])
        worst = math.log((K + 1) / self.false_ever / part)
        audited = False
        shares = np.array([row["p"] for row in stretch]).mean(0)
        for a in range(K):
            excess = ((chosen == a) - probabilities[:, a]).sum()
            found = of_excess(excess, (probabilities[:, a] * (1 - probabilities[:, a])).sum())
            if found >= worst:
                worst, audited = found, True
                self.alarms["propensity"] = (self.now, a, shares[a], shares[a] + excess / len(rows))
        square = (probabilities**2).sum(1)
        sharp = (probabilities[np.arange(len(rows)), chosen] - square).sum()
        limit = math.log((K + 1) / self.false_ever / part)
        spread = np.maximum((probabilities**3).sum(1) - square**2, 0).sum()
        if not audited and of_excess(sharp, spread) >= limit:
            audited = True
            self.alarms["propensity"] = (self.now, K, 0.0, sharp / len(rows))
        self.raised += audited
        worst = math.log(P * 5 / self.false_ever / part)
        off = False
        for policy in range(P):
            for b in range(5):
                gaps = []
                for row in rows:
                    q = row["predicted"][policy]
                    if row["judged"] and not math.isnan(q) and min(int(min(max(q, 0.0), 1.0) * 5), 4) == b:
                        gaps.append(row["reward"] - min(max(q, 0.0), 1.0))
                if gaps and of_gap(sum(gaps), len(gaps), 0.05) >= worst:
                    worst, off = of_gap(sum(gaps), len(gaps), 0.05), True
                    self.alarms["calibration"] = (self.now, 5 * policy + b, 0.0, np.mean(gaps))
        self.raised += off
        self.restart = audited or off
        self.judge_levels(np.mean([row["reward"] for row in stretch]), shares, n)
        self.judge_arms(has_model)
        self.judge_features(np.array([row["x"] for row in stretch], float))

    def judge_levels(self, mean, shares, n):
        K = len(shares)
        if self.known >= 512:
            self.fallen = max(self.fallen, 0) + above((self.level - 0.1 - mean) * n, n)
            if self.fallen >= math.log(self.false_every):
                self.alarm("reward", 0, self.level, mean)
                self.fallen, self.level = 0.0, mean
            for a in range(K):
                self.shift[a] = max(self.shift[a], 0) + away((shares[a] - self.share[a]) * n, n, 0.25)
                if self.shift[a] >= math.log(K * self.false_every):
                    self.alarm("share", a, self.share[a], shares[a])
                    self.shift[a], self.share[a] = 0.0, shares[a]
        rate = n / (self.known + n)
        self.level += (mean - self.level) * rate
        self.share += (shares - self.share) * rate
        self.known = min(self.known + n, 2048)

    def judge_arms(self, has_model):
        K = len(self.subject.arms)
        limit = math.log(K * self.false_every)
        acted = np.bincount([row["chosen"] for row in self.stretch], minlength=K)
        should = np.sum([row["p"] for row in self.stretch], axis=0)
        for a in range(K):
            self.idle[a] = 0.0 if acted[a] else self.idle[a] + should[a]
            if self.idle[a] >= 20:
                self.alarm("starving", a, self.idle[a], 0.0)
            n = len(self.pending[a])
            if n < 64:
                continue
            residual = sum(row["residual"] for row in self.pending[a])
            complete = sum(row["complete"] for row in self.pending[a])
            if self.acts[a] >= 100:
                self.surprise[a] = max(self.surprise[a], 0) + away(residual, n, 0.1)
                rate = self.completes[a] / self.acts[a]
                self.dry[a] = max(self.dry[a], 0) + above(rate / 2 * n - complete, n)
                if self.surprise[a] >= limit:
                    self.alarm("prediction", a, 0.0, residual / n)
                    self.surprise[a] = 0.0
                if self.dry[a] >= limit:
                    self.alarm("feedback", a, rate, complete / n)
                    self.dry[a] = 0.0
            if not has_model:
                self.mean[a] += residual / (self.acts[a] + n)
            self.acts[a] += n
            self.completes[a] += complete
            if self.acts[a] >= 8192:
                self.acts[a] /= 2
                self.completes[a] /= 2
            self.pending[a] = []
        for a in range(K):
            effective = self.weights[a] ** 2 / self.squares[a] if self.squares[a] else 0.0
            if self.subject.enabled[a] and max(self.offered) >= 1000 and (
                self.offered[a] < 1 or (self.offered[a] >= 8192 and effective < 10)
            ):  # fmt: skip
                self.alarm("thin", a, self.offered[a], effective)

    def judge_features(self, x):
        d = self.subject.features
        if self.phase < 2:
            self.reference += list(x)
            if len(self.reference) < self.length:
                return
            reference = np.array(self.reference)
            if self.phase == 0:
                there = ~np.isnan(reference)
                number = np.maximum(there.sum(0), 1)
                self.centre = np.where(there, reference, 0).sum(0) / number
                deviation = np.sqrt((np.where(there, reference - self.centre, 0) ** 2).sum(0) / number)
                self.scale = 1 / np.maximum(np.maximum(deviation, 1e-6 * abs(self.centre)), 1e-9)
            else:
                self.energy = (self.z(reference) ** 2).mean(0)
                self.moved = np.zeros(d)
            self.phase, self.reference = self.phase + 1, []
            return
        z, worst, place = self.z(x), math.log(max(d, 1) * self.false_every), None
        for j in range(d):
            self.moved[j] = max(self.moved[j], 0) + of_feature(z[:, j], self.energy[j])
            if self.moved[j] >= worst:
                worst, place = self.moved[j], j
        if place is None:
            return
        unit, mean, square = 1 / self.scale[place], z[:, place].mean(), (z[:, place] ** 2).mean()
        if abs(mean) >= 0.25 and mean**2 >= square / 4:
            self.alarm("feature", 2 * place, self.centre[place], self.centre[place] + mean * unit)
        else:
            self.alarm("feature", 2 * place + 1, unit * self.energy[place] ** 0.5, unit * square**0.5)
        self.phase, self.reference, self.length = 0, [], min(2 * self.length, 65_536)

    def z(self, x):
        return np.nan_to_num(np.clip((x - self.centre) * self.scale, -3, 3))
