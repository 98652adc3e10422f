"""The catalogue: the example is right, and whatever is wrong with a file is told with its place, all at once."""

from pathlib import Path

import pytest

from producers.providers import CatalogueError, parse_catalogue, read_catalogue

EXAMPLE = Path("examples/models.toml")
SOUND = """
[providers.local]
kind = "openai"
base_url = "http://127.0.0.1:11434/v1"

[models.small]
provider = "local"
model = "small:8b"
input = 0.1
output = 0.2
context_length = 8192
most_output_tokens = 2048
"""


def test_the_example_is_a_catalogue():
    """What the documentation tells people to copy is read without a complaint, with limits handed down to models."""
    catalogue = read_catalogue(EXAMPLE)
    assert "llama-local" in catalogue.models and "llama-local" not in catalogue.arms
    assert all(model.provider in catalogue.providers for model in catalogue.models.values())
    assert all(model.cached is None or model.cached < model.input for model in catalogue.models.values())
    assert {model.limits.first_token_s for model in catalogue.models.values()} == {20.0}


def test_limits_are_those_of_the_model_over_those_of_all():
    """A model overrides single limits; `hedge = false` switches hedging off, for one or for all."""
    text = "[limits]\nretries = 4\nhedge_after_s = 2.5\n" + SOUND
    small = parse_catalogue(text + "limits = { total_s = 9 }", "f").models["small"].limits
    assert (small.retries, small.hedge_after_s, small.total_s, small.connect_s) == (4, 2.5, 9.0, 3.0)
    assert parse_catalogue(text + "limits = { hedge = false }", "f").models["small"].limits.hedge_after_s is None
    assert parse_catalogue("[limits]\nhedge = false\n" + SOUND, "f").models["small"].limits.hedge_after_s is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f.toml: no model: expected at least one table [models.NAME]"),
        ("[models", "f.toml: not TOML: "),
        (
            f"{SOUND}[model.x]",
            "f.toml: [model]: unknown (did you mean models?); known are limits, breaker, throttle, prov",
        ),
        (f"{SOUND}pice = 1", "f.toml: [models.small] pice: unknown; known are provider, model, input, output"),
        (f"{SOUND}capabilities = ['sight']", "f.toml: [models.small] capabilities[0]: invalid enum value 'sight'"),
        (SOUND.replace("= 0.1", '= "0.1"'), "f.toml: [models.small] input: expected `float`, got `str`"),
        (SOUND.replace("= 0.1", "= -1"), "f.toml: [models.small] input: expected `float` >= 0.0"),
        (SOUND.replace("input = 0.1", ""), "f.toml: [models.small]: object missing required field `input`"),
        (SOUND.replace("2048", "9000"), "f.toml: [models.small] most_output_tokens: more than context_length (8192)"),
        (
            SOUND.replace('"local"', '"locel"'),
            "f.toml: [models.small] provider: no [providers.locel] (did you mean local?)",
        ),
        (SOUND.replace("openai", "opena"), "f.toml: [providers.local] kind: invalid enum value 'opena'"),
        (SOUND.replace("http:", "htp:"), "f.toml: [providers.local] base_url: expected `str` matching regex"),
        (f"{SOUND}limits = {{ total = 3 }}", "f.toml: [models.small] limits total: unknown (did you mean total_s?)"),
        (f"[limits]\nconnect_s = 0\n{SOUND}", "f.toml: [limits] connect_s: expected `float` > 0.0"),
        (f"[breaker]\nfailures = 0\n{SOUND}", "f.toml: [breaker] failures: expected `int` >= 1"),
        (f"limits = 3\n{SOUND}", "f.toml: limits: found 3; expected a table"),
        (f"[limits]\nhedge = 3\n{SOUND}", "f.toml: [limits] hedge: found 3; expected true or false"),
        (f"{SOUND}[models.'a b']\nx=1", 'f.toml: [models."a b"]'),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, problem):
    """Table, key, what was found, what is known: enough to mend it without the documentation."""
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, "f.toml")
    assert str(caught.value).startswith(problem)


def test_everything_wrong_is_told_at_once():
    text = SOUND.replace("= 0.1", "= -1").replace("openai", "opena") + "[modles]\n"
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, "f.toml")
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CatalogueError, match=r"none\.toml: can not be read .*examples/models\.toml"):
        read_catalogue(tmp_path / "none.toml")
