"""Makes the bundled recordings from the original data sets: `python -m producers.replay.bundle ORIGINALS [OUT]`.

Maintainers run it; users get the bundles with the package (data/README.md: sources, licences, what was changed).  The
same originals give the same bytes.  ORIGINALS holds the folders routellm, llmrouter, paretobandit and pmlb.
"""

import csv
import gzip
import io
import json
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: Prompts are cut to this many characters, on a character boundary; their whole length is kept in `characters`.
TEXT_CHARACTERS = 600

_DATA = Path(__file__).parent / "data"

#: USD per million input tokens.  gpt-4-1106-preview: OpenAI's public list price (2023-11); mixtral-8x7b-instruct: the
#: price LLMRouter's table gives for it.
_ROUTELLM_PRICES = {"gpt-4-1106-preview": 10.0, "mixtral-8x7b-instruct": 0.6}
_ROUTELLM_COLUMNS = ("prompt", "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview")


def main(arguments: Sequence[str]) -> int:
    """Write every bundle and say how large it is."""
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python -m producers.replay.bundle ORIGINALS [OUT]\n")
        return 2
    originals = Path(arguments[0])
    out = Path(arguments[1]) if len(arguments) > 1 else _DATA
    out.mkdir(parents=True, exist_ok=True)
    bundles = {
        "mmlu": routellm_mmlu(originals / "routellm" / "mmlu_gsm8k_responses.tar.gz"),
        "llmrouter": llmrouter(originals / "llmrouter"),
        "paretobandit": paretobandit(originals / "paretobandit"),
        "satimage": pmlb(originals / "pmlb" / "satimage.tsv.gz"),
        "pendigits": pmlb(originals / "pmlb" / "pendigits.tsv.gz"),
    }
    for name, content in bundles.items():
        packed = pack(content)
        (out / f"{name}.json.gz").write_bytes(packed)
        sys.stdout.write(f"{name}: {len(packed):,} bytes\n")
    return 0


def pack(content: Mapping[str, Any]) -> bytes:
    """JSON in gzip without a name and a time, so that the bytes depend on the content alone."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


def routellm_mmlu(archive: Path) -> dict[str, Any]:
    """MMLU questions in order of subject, and whether each model answered right."""
    rows: list[list[str]] = []
    with tarfile.open(archive) as tar:
        members = sorted(
            (each for each in tar.getmembers() if each.isfile() and each.name.startswith("mmlu/")),
            key=lambda each: each.name,
        )
        for member in members:
            file = tar.extractfile(member)
            assert file is not None
            table = list(csv.reader(io.StringIO(file.read().decode(), newline="")))
            if tuple(table[0]) != _ROUTELLM_COLUMNS:
                raise ValueError(f"{member.name} has the columns {table[0]}; expected {_ROUTELLM_COLUMNS}")
            rows.extend(table[1:])
    right = {"True": 1, "False": 0}
    return {
        "arms": list(_ROUTELLM_PRICES),
        "dollars_per_million_tokens": list(_ROUTELLM_PRICES.values()),
        **_texts([row[0] for row in rows]),
        "observed": {"success": [[right[row[2]] for row in rows], [right[row[1]] for row in rows]]},
    }


def llmrouter(folder: Path) -> dict[str, Any]:
    """Queries (train, then test) and every model's score."""
    rows: list[dict[str, Any]] = []
    for part in ("train", "test"):
        with gzip.open(folder / f"{part}.json.gz") as file:
            rows.extend(json.load(file))
    models = json.loads((folder / "default_llm.json").read_text())
    arms = sorted(rows[0]["scores"])
    return {
        "arms": arms,
        "dollars_per_million_tokens": [models[arm]["input_price"] for arm in arms],
        **_texts([row["question"] for row in rows]),
        "observed": {"quality": [[_short(row["scores"][arm]) for row in rows] for arm in arms]},
    }


def paretobandit(folder: Path, part: str = "val_k4") -> dict[str, Any]:
    """Prompts of a part of the set and every model's judged reward and cost in dollars."""
    with gzip.open(folder / f"{part}.jsonl.gz", "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file.read().split("\n") if line]
    models = sorted(rows[0]["arms"])
    return {
        # Without the vendor's folder ("google/"): the shorter names that people use.
        "arms": [model.rpartition("/")[2] for model in models],
        **_texts([row["prompt"] for row in rows]),
        "observed": {
            "quality": [[_short(row["arms"][model]["reward"]) for row in rows] for model in models],
            "cost": [[row["arms"][model]["cost"] for row in rows] for model in models],
        },
    }


def pmlb(path: Path) -> dict[str, Any]:
    """A classification set: each class an arm, its numbers as they are, and the constants that scale them to 0..1."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        header, *lines = [line.split("\t") for line in file.read().split("\n") if line]
    assert header[-1] == "target"
    columns = [[float(line[i]) for line in lines] for i in range(len(header) - 1)]
    target = [int(line[-1]) for line in lines]
    return {
        "arms": [f"class-{each}" for each in sorted(set(target))],
        "numbers": [[_short(value) for value in column] for column in columns],
        "minimum": [min(column) for column in columns],
        "maximum": [max(column) for column in columns],
        "classes": [sorted(set(target)).index(each) for each in target],
    }


def _texts(whole: Sequence[str]) -> dict[str, Any]:
    return {"texts": [text[:TEXT_CHARACTERS] for text in whole], "characters": [len(text) for text in whole]}


def _short(value: float) -> float:
    """Whole numbers without the `.0`: smaller files, the same values."""
    return int(value) if value == int(value) else value


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
