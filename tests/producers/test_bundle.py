import gzip
import io
import json
import tarfile

import pytest

from producers.replay import bundle, bundled


@pytest.fixture
def originals(tmp_path):
    """The four original data sets in small: the same files, columns and quirks."""
    for folder in ("routellm", "llmrouter", "paretobandit", "pmlb"):
        (tmp_path / folder).mkdir()
    header = "prompt,mistralai/Mixtral-8x7B-Instruct-v0.1,gpt-4-1106-preview\n"
    with tarfile.open(tmp_path / "routellm/mmlu_gsm8k_responses.tar.gz", "w:gz") as tar:
        for name, rows in (
            ("mmlu/responses/mmlu_b.csv", f'"{"long " * 200}",False,True\n'),
            ("mmlu/responses/mmlu_a.csv", '"two\nlines, ""quoted""",True,False\n'),
            ("gsm8k/gsm8k_responses.csv", "not read\n"),
        ):
            data = (header + rows).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    for part, question in (("train", "q1"), ("test", "q2")):
        rows = [{"question": question, "scores": {"y": 1.0, "x": 0.25}, "cluster_id": 0}]
        (tmp_path / f"llmrouter/{part}.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    prices = {"x": {"input_price": 0.1}, "y": {"input_price": 0.9}, "z": {"input_price": 5.0}}
    (tmp_path / "llmrouter/default_llm.json").write_text(json.dumps(prices))
    arms = {"b/m2": {"reward": 0.5, "cost": 2e-5}, "a/m1": {"reward": 1.0, "cost": 1e-5}}
    line = json.dumps({"prompt": "with\u2028separator", "arms": arms}, ensure_ascii=False)
    (tmp_path / "paretobandit/val_k4.jsonl.gz").write_bytes(gzip.compress(f"{line}\n".encode()))
    table = "c1\tc2\ttarget\n0.5\t3.0\t7\n1.5\t3.0\t2\n"
    for name in ("satimage", "pendigits"):
        (tmp_path / f"pmlb/{name}.tsv.gz").write_bytes(gzip.compress(table.encode()))
    return tmp_path


def test_bundles_hold_the_originals(originals, tmp_path):
    """Orders, cuts, names and pairing of models with results are as data/README.md says."""
    assert bundle.main([str(originals), str(tmp_path / "out")]) == 0
    made = {
        path.name.removesuffix(".json.gz"): json.loads(gzip.decompress(path.read_bytes()))
        for path in (tmp_path / "out").iterdir()
    }
    assert made.keys() == {each.file for each in bundled.BUNDLES}
    assert made["mmlu"] == {
        "arms": ["gpt-4-1106-preview", "mixtral-8x7b-instruct"],
        "dollars_per_million_tokens": [10.0, 0.6],
        "texts": ['two\nlines, "quoted"', ("long " * 200)[: bundle.TEXT_CHARACTERS]],
        "characters": [19, 1000],
        "observed": {"success": [[0, 1], [1, 0]]},
    }
    assert made["llmrouter"] == {
        "arms": ["x", "y"],
        "dollars_per_million_tokens": [0.1, 0.9],
        "texts": ["q1", "q2"],
        "characters": [2, 2],
        "observed": {"quality": [[0.25, 0.25], [1, 1]]},
    }
    assert made["paretobandit"]["arms"] == ["m1", "m2"]
    assert made["paretobandit"]["texts"] == ["with\u2028separator"]
    assert made["paretobandit"]["observed"] == {"quality": [[1], [0.5]], "cost": [[1e-5], [2e-5]]}
    assert made["pendigits"] == {
        "arms": ["class-2", "class-7"],
        "numbers": [[0.5, 1.5], [3, 3]],
        "minimum": [0.5, 3.0],
        "maximum": [1.5, 3.0],
        "classes": [1, 0],
    }


def test_the_same_originals_give_the_same_bytes(originals, tmp_path):
    """A maintainer who makes the bundles again changes nothing."""
    for out in ("first", "second"):
        assert bundle.main([str(originals), str(tmp_path / out)]) == 0
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_other_columns_are_refused(originals):
    """A source whose columns changed is not read as if they had not: models would swap their answers."""
    data = b"prompt,gpt-4-1106-preview,mistralai/Mixtral-8x7B-Instruct-v0.1\nq,True,False\n"
    archive = originals / "other.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("mmlu/responses/mmlu_a.csv")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    with pytest.raises(ValueError, match="expected"):
        bundle.routellm_mmlu(archive)


def test_usage_is_told(capsys):
    """Without a folder the script says what it wants, and fails."""
    assert bundle.main([]) == 2
    assert "ORIGINALS" in capsys.readouterr().err
