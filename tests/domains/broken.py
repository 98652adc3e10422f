"""A good domain file, and the ways people break it: each one replacement, and what the message must say."""

from dataclasses import dataclass

GOOD = """\
# Two domains of two tenants.
[[domain]]
tenant = "acme"
name = "model_routing"
features = 32
horizon = "20s"
ends = "required"
default_reward = 0.25
exploration_minimum = 0.05
forgetting = 0.999

[[domain.arms]]
name = "small"
price = 0.001
most = 0.005

[[domain.arms]]
name = "large"
price = 0.03
most = 0.1
enabled = true

[domain.reward.success]
weight = 1.0
required = true

[domain.reward.cost]
weight = 0.5
worst = 0.05
best = 0.0

[domain.champion]
name = "learned"
kind = "doubly_robust"

[[domain.challengers]]
name = "strongest"
kind = "fixed"
params = { arm = "large" }

[domain.budget]
cost_per_request = 0.01
hard_cap = 5
period = "day"

[domain.quality]
share = 0.9
of = "large"

[[domain]]
tenants = ["acme", "globex"]
name = "user_engagement"
features = 8
content_features = false
arms = [
    { name = "wave" },
    { name = "quiz" },
]
reward.thumbs = { worst = -1, best = 1 }
champion = { name = "even", kind = "uniform" }
inputs = [{ domain = "user_engagement", what = "recent_reward" }]
"""


@dataclass(frozen=True)
class Case:
    """`old` in GOOD becomes `new`; the problem is on line `at` of what was put in (from 0), or on that with `on`."""

    name: str
    old: str
    new: str
    says: tuple[str, ...]
    at: int = 0
    on: str = ""
    together: bool = False  # does not touch what another such case touches: they can be broken at once


def given(keys: str) -> str:
    """An input of acme's model_routing, on the line after the first."""
    return f'features = 32\ninputs = [\n{{ domain = "user_engagement", {keys} }}]'


#: Two domains that each follow from the other.
CIRCLE = """\
inputs = [{ domain = "user_engagement", what = "recent_reward" }]

[[domain]]
tenant = "acme"
name = "acting"
features = 0
arms = [{ name = "a" }]
reward.success = {}
champion = { name = "even", kind = "uniform" }
inputs = [
    { what = "propensity", domain = "thinking" },
]

[[domain]]
tenant = "acme"
name = "thinking"
features = 0
arms = [{ name = "a" }]
reward.success = {}
champion = { name = "even", kind = "uniform" }
inputs = [{ domain = "acting", what = "reward" }]
"""

# fmt: off
BROKEN = (
    Case("not TOML", "features = 32", "features 32", ("features 32", "column", "valid TOML")),
    Case("unclosed string", 'name = "learned"', 'name = "learned', ("learned", "valid TOML")),
    Case("key twice", "features = 32", "features = 32\nfeatures = 33", ("features = 33", "valid TOML"), at=1),
    Case(
        "unknown key",
        "forgetting = 0.999",
        "forgeting = 0.999",
        ("domain acme/model_routing", "forgeting", 'Did you mean "forgetting"?'),
        together=True,
    ),
    Case("horizon_ms", 'horizon = "20s"', "horizon_ms = 20000", ("horizon_ms", 'Did you mean "horizon"?')),
    Case("unlike any key", "features = 8", "features = 8\nzzz = 1", ("zzz", "Known are: tenant, tenants,"), at=1),
    Case("unknown arm key", "price = 0.03", "price = 0.03\ncosts = 1", ("arms[large].costs", "unknown key"), at=1),
    Case("domains", "[[domain]]\ntenants", "[[domains]]\ntenants", ('"domains"', 'Did you mean "domain"?')),
    Case("no name", 'name = "user_engagement"', "", ("name", "nothing", "missing"), on='tenants = ["acme"', at=-1),
    Case("no tenant", 'tenant = "acme"', "", ("tenant", "nothing", "missing"), on="[[domain]]"),
    Case("tenant twice",
         'tenants = ["acme", "globex"]', 'tenants = ["acme"]\ntenant = "b"', ("both tenant and tenants",)),
    Case("no tenants", 'tenants = ["acme", "globex"]', "tenants = []", ("an empty array", "one or more tenants")),
    Case("bad tenant", '"globex"]', '"glo bex"]', ("tenants[1]", '"glo bex"', "1 to 64 letters")),
    Case("tenant repeated", '"globex"]', '"acme"]', ("a second domain user_engagement of tenant acme", "line 51")),
    Case(
        "domain repeated",
        'name = "model_routing"',
        'name = "user_engagement"',
        ("a second domain user_engagement of tenant acme", "the first is on line 4"),
        on="tenants = [",
    ),
    Case("missing features", "features = 8", "",
         ("features", "a whole number from 0 to 1024"), on="[[domain]]\ntenants"),
    Case("features as text", "features = 32", 'features = "32"', ('"32"', "a whole number from 0 to 1024")),
    Case("features not whole", "features = 32", "features = 3.5", ("3.5", "a whole number"), together=True),
    Case("too many features", "features = 32", "features = 1025", ("1025", "from 0 to 1024")),
    Case("duration without unit", 'horizon = "20s"', 'horizon = "20"', ('"20"', "one number and one unit")),
    Case("duration as number", 'horizon = "20s"', "horizon = 20", ("20", "in quotes"), together=True),
    Case("duration of two", 'horizon = "20s"', 'horizon = "1m20s"', ('"1m20s"', "one number and one unit")),
    Case("duration too short", 'horizon = "20s"', 'horizon = "5ms"', ('"5ms"', "from 100ms to 30d")),
    Case("duration too long", 'horizon = "20s"', 'horizon = "31d"', ('"31d"', "from 100ms to 30d")),
    Case("unknown end", 'ends = "required"', 'ends = "requird"', ('"all", "required"', 'Did you mean "required"?')),
    Case("nothing required", "required = true", "required = false", ("no reward component",), on="ends ="),
    Case("default reward", "default_reward = 0.25", "default_reward = 1.5", ("1.5", "from 0 to 1"), together=True),
    Case("no exploration", "exploration_minimum = 0.05", "exploration_minimum = 0", ("above 0 and at most 1",)),
    Case("nan exploration", "exploration_minimum = 0.05", "exploration_minimum = nan", ("nan", "a number above 0")),
    Case("true is no number", "forgetting = 0.999", "forgetting = true", ("found true", "a number above 0.9")),
    Case("content as text", "content_features = false", 'content_features = "no"', ('"no"', "true or false")),
    Case("baseline is no arm", "content_features = false", 'baseline = "wafe"',
         ("baseline", '"wafe"', '"wave", "quiz"', 'Did you mean "wave"?')),
    Case("no arms", 'arms = [\n    { name = "wave" },\n    { name = "quiz" },\n]', "arms = []", ("1 to 64",)),
    Case("arm without name", '{ name = "quiz" }', "{ price = 1 }", ("arms[1].name", "nothing", "missing")),
    Case("arm as text", '{ name = "quiz" }', '"quiz"', ("arms[1]", "a table with name, price, enabled")),
    Case("arm twice", '{ name = "quiz" }', '{ name = "wave" }', ("a second arm", "line 56"), together=True),
    Case("negative price", "price = 0.03", "price = -0.03",
         ("arms[large].price", "-0.03", "at least 0"), together=True),
    Case("infinite price", "price = 0.001", "price = inf", ("arms[small].price", "inf", "at least 0")),
    Case("huge price", "price = 0.001", f"price = {'9' * 400}", ("arms[small].price", "999...", "at least 0")),
    Case(
        "all disabled",
        '{ name = "wave" },\n    { name = "quiz" }',
        '{ name = "wave", enabled = false },\n    { name = "quiz", enabled = false }',
        ("at least one enabled arm",),
        on="arms = [",
    ),
    Case("nan weight", "weight = 1.0", "weight = nan", ("reward.success.weight", "nan", "at least 0"), together=True),
    Case("negative weight", "weight = 0.5", "weight = -1", ("reward.cost.weight", "-1", "at least 0")),
    Case("no weight counts", "{ worst = -1, best = 1 }", "{ weight = 0, worst = -1 }", ("weight above 0",)),
    Case("infinite weights", "weight = 0.5", "weight = inf", ("reward.cost.weight", "inf")),
    Case("weights overflow", "weight = 1.0", "weight = 1.5e308\n[domain.reward.b]\nweight = 1.5e308\n"
         "[domain.reward.c]", ("finite sum",), at=-1),
    Case("no range", "worst = 0.05", "worst = 0.0", ("reward.cost.best", "differs from worst"), at=1, together=True),
    Case("endless range", "{ worst = -1, best = 1 }", "{ worst = -1.7e308, best = 1.7e308 }", ("length is finite",)),
    Case("component as number", "{ worst = -1, best = 1 }", "3", ("reward.thumbs", "found 3", "a table with weight")),
    Case("component name", "reward.thumbs", 'reward."thumbs up"', ('the key "thumbs up"', "1 to 64 letters")),
    Case("kind misspelled", 'kind = "doubly_robust"', 'kind = "doubly-robust"', ('Did you mean "doubly_robust"?',),
         together=True),
    Case("kind unknown", 'kind = "doubly_robust"', 'kind = "oracle"', ('"oracle"', '"fastcb", "fixed"')),
    Case("parameter unknown", 'kind = "doubly_robust"', 'kind = "doubly_robust"\nparams = { ridgge = 1 }',
         ("champion.params.ridgge", 'Did you mean "ridge"?'),
         at=1),
    Case("parameter out of range", 'kind = "doubly_robust"', 'kind = "doubly_robust"\nparams = { ridge = -2 }',
         ("champion.params.ridge", "found -2", "a number from"), at=1),
    Case("parameter is a list", 'kind = "doubly_robust"', 'kind = "doubly_robust"\nparams = { ridge = [1] }',
         ("champion.params.ridge", "a number or text in quotes"), at=1),
    Case("fixed without arm", 'params = { arm = "large" }', "", ("arm",), on='name = "strongest"', at=-1),
    Case("fixed to no arm", '{ arm = "large" }', '{ arm = "larg" }', ('"larg"', '"small", "large"',
         'Did you mean "large"?'), together=True),
    Case("learner twice", 'name = "strongest"', 'name = "learned"', ("a second learner", "line 33"), together=True),
    Case("no champion", 'champion = { name = "even", kind = "uniform" }', "", ("champion", "missing"),
         on="[[domain]]\ntenants"),
    Case("budget of nothing", "cost_per_request = 0.01", "cost_per_request = 0", ("found 0", "a number above 0")),
    Case("budget too low", "cost_per_request = 0.01", "cost_per_request = 0.0005", ("below the price", "0.001")),
    Case("budget without cost", "[domain.reward.cost]", "[domain.reward.costs]", ("no [domain.reward.cost]",),
         on="[domain.budget]"),
    Case("budget without price", "price = 0.001\n", "", ("arms[small].price", "nothing", "under a budget"),
         on='name = "small"', at=-1),
    Case("cap without most", "most = 0.005\n", "", ("arms[small].most", "nothing", "under a hard cap"),
         on='name = "small"', at=-1),
    Case("most below the price", "most = 0.1", "most = 0.01", ("arms[large].most", "at least the price, 0.03")),
    Case("cap of nothing", "hard_cap = 5", "hard_cap = 0", ("found 0", "a number above 0")),
    Case("cap below all", "hard_cap = 5", "hard_cap = 0.001", ("below what one request", "0.005")),
    Case("cap for a week", 'period = "day"', 'period = "week"', ('"week"', '"month"')),
    Case("floor under no arm", 'of = "large"', 'of = "larg"', ("quality.of", 'Did you mean "large"?')),
    Case("floor above all", "share = 0.9", "share = 1.5", ("found 1.5", "at most 1")),
    Case("budget as array", "[domain.budget]\ncost_per_request = 0.01", "[[domain.budget]]",
         ("budget", "a table with")),
    Case("input of no domain", 'domain = "user_engagement", what', 'domain = "user_engagment", what',
         ("inputs[0].domain", '"user_engagment"', 'Did you mean "user_engagement"?'), together=True),
    Case("input of another tenant's domain", 'domain = "user_engagement", what', 'domain = "model_routing", what',
         ("inputs[0].domain", '"model_routing"', "for tenant globex")),
    Case("input of an unknown sort", 'what = "recent_reward"', 'what = "recent_rewards"',
         ("inputs[0].what", '"choice"', 'Did you mean "recent_reward"?')),
    Case("input that goes round", 'what = "recent_reward"', 'what = "reward"',
         ("inputs[0].domain", "a circle", "user_engagement -> user_engagement")),
    Case("inputs that go round", 'inputs = [{ domain = "user_engagement", what = "recent_reward" }]\n', CIRCLE,
         ("a circle", "acting -> thinking -> acting"), at=10),
    Case("choice without arms", "features = 32", given('what = "choice"'), ("inputs[0].arms", "the arms of"), at=2),
    Case("choice of no arm", "features = 32", given('what = "choice", arms = ["wave", "quizz"]'),
         ("inputs[0].arms", '"quizz"', "acme/user_engagement", 'Did you mean "quiz"?'), at=2),
    Case("arms of no choice", "features = 32", given('what = "reward", arms = ["wave"]'),
         ("inputs[0].arms", 'no arms with what = "reward"'), at=2),
    Case("choice of an arm twice", "features = 32", given('what = "choice", arms = ["wave", "wave"]'),
         ("inputs[0].arms", "each arm once"), at=2),
    Case("observation of no name", "features = 32", given('what = "observation"'), ("inputs[0].name",), at=2),
    Case("input twice", 'what = "recent_reward" }', 'what = "recent_reward" }, { domain = "user_engagement", '
         'what = "recent_reward" }', ("inputs[1]", "each input once")),
    Case("too many features with inputs", "features = 8", "features = 1023", ("1023 features and 2 of inputs",),
         on="inputs ="),
    Case("domain as table", GOOD, "[domain]\nname = 'x'", ("[domain], a single table", "[[domain]]")),
    Case("empty", GOOD, "", ("no domain", "at least one [[domain]] table")),
)
# fmt: on


def broken_text(case: Case) -> str:
    assert GOOD.count(case.old) >= 1, f"{case.name}: GOOD does not have {case.old!r}"
    return GOOD.replace(case.old, case.new, 1)


def broken_line(case: Case) -> int:
    text = broken_text(case)
    where = text.index(case.on) if case.on else GOOD.index(case.old)
    return text.count("\n", 0, where) + 1 + case.at
