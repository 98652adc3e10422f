import doctest
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.features import NumberFeatures, TextFeatures
from producers.features import text as text_module
from producers.features.content import STOP_WORDS, content, terms
from producers.features.shape import SHAPES
from producers.features.wording import WORDINGS, wording

texts = st.text(max_size=300)

SAMPLES = (
    "",
    "How many legs has a spider?\nA. 4\nB. 6\nC. 8\nD. 10\nAnswer:",
    "def f(x):\n    return x ** 2  # 1,000.5 times\n",
    "Größe und Überfluss — où est l'été? 今日は良い天気ですね。 👍🏽 Ещё",
    "ALL CAPITALS!!! " * 40,
)


@given(texts, st.integers(1, 130))
def test_vectors_are_finite_and_bounded(text, dimensions):
    """Whatever the text: shape features lie in 0..1 and the content part has length 1, or 0 without words."""
    vector = TextFeatures(content=True, dimensions=dimensions)(text)
    assert vector.dtype == np.float32
    assert vector.shape == (len(SHAPES) + dimensions,)
    shape, projected = vector[: len(SHAPES)], vector[len(SHAPES) :]
    assert ((shape >= 0) & (shape <= 1)).all()
    length = float(np.linalg.norm(projected.astype(np.float64)))
    assert length == 0.0 or length == pytest.approx(1.0, abs=1e-5)


@given(texts)
def test_content_is_off_without_consent(text):
    """Without opt-in the vector is the content-free part and nothing more, the same as with opt-in."""
    without, with_ = TextFeatures(content=False), TextFeatures(content=True)
    assert without.size == len(SHAPES)
    assert without(text).tolist() == with_(text)[: without.size].tolist()


@given(st.text(alphabet="abcdefgh ", max_size=60), st.permutations("abcdefgh"))
def test_content_free_features_do_not_know_the_letters(text, letters):
    """Another text of the same shape (every letter replaced by another) has the same vector: content cannot leak."""
    renamed = text.translate(str.maketrans("abcdefgh", "".join(letters)))
    features = TextFeatures(content=False)
    assert features(text).tolist() == features(renamed).tolist()


@given(texts, texts, st.integers(1, 100))
def test_content_equals_a_projection_done_by_hand(first, second, dimensions):
    """The vectorised projection is the plain sum of one +-1 direction per term, scaled to length 1."""
    text = f"{first} {second}"
    total = [0] * dimensions
    for term in terms(text):
        for i, sign in enumerate(naive_direction(term, dimensions)):
            total[i] += sign
    norm = sum(x * x for x in total) ** 0.5
    expected = [x / norm if norm else 0.0 for x in total]
    np.testing.assert_allclose(content(text, dimensions), np.array(expected, dtype=np.float32), rtol=1e-6)


def naive_direction(term, dimensions):
    """SplitMix64 over Python integers, one word of 64 signs at a time."""
    from zlib import crc32

    mask, signs = (1 << 64) - 1, []
    for counter in range(1, -(-dimensions // 64) + 1):
        x = ((crc32(term.encode()) << 16) + counter) * 0x9E3779B97F4A7C15 & mask
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
        x ^= x >> 31
        signs += [1 if x >> bit & 1 else -1 for bit in range(64)]
    return signs[:dimensions]


def test_directions_are_nearly_orthogonal():
    """Different words point in unrelated directions, as a random projection needs (mean square 1/D)."""
    dimensions = 64
    words = np.stack([content(f"word{i}", dimensions).astype(np.float64) for i in range(400)])
    inner = words @ words.T
    off = inner[~np.eye(len(words), dtype=bool)]
    assert abs(off.mean()) < 0.005
    assert (off**2).mean() == pytest.approx(1 / dimensions, rel=0.05)


def test_terms_are_words_and_pairs():
    """Stop words do not stand alone but remain in pairs; scripts without spaces are cut into characters."""
    assert terms("What IS the Capital") == ["what", "capital", "what is", "is the", "the capital"]
    assert terms("天気") == ["天", "気", "天 気"]
    assert "is" in STOP_WORDS


def test_golden_vectors():
    """The bits never change: a learner's state would silently mean something else."""
    digest = hashlib.sha256()
    for text in SAMPLES:
        digest.update(TextFeatures(content=True, dimensions=16)(text).astype("<f4").tobytes())
    assert digest.hexdigest()[:16] == "130a9c5153eb9510"
    spider = TextFeatures(content=True, dimensions=16)(SAMPLES[1])
    by_name = dict(zip((each.name for each in TextFeatures(content=True).describe()), spider.tolist(), strict=True))
    length = len(SAMPLES[1])
    assert by_name["length"] == struct.unpack("<f", struct.pack("<f", length / (length + 150)))[0]
    assert by_name["questions"] == 0.5
    assert by_name["ends_with_colon"] == 1.0
    assert by_name["options"] == pytest.approx(4 / 6)
    assert by_name["numbers"] == pytest.approx(4 / 7)
    assert by_name["not_ascii"] == 0.0


def test_description_names_every_number_and_its_privacy_class():
    """What a tenant consents to can be listed: one entry for each number, names unique, classes right."""
    features = TextFeatures(content=True, dimensions=24)
    described = features.describe()
    assert len(described) == features.size
    assert len({each.name for each in described}) == features.size
    assert [each.privacy for each in described] == ["shape"] * len(SHAPES) + ["content"] * 24
    assert all(each.privacy == "shape" for each in TextFeatures(content=False).describe())


def test_length_is_that_of_the_whole_text():
    """A text of which only the beginning is kept has the length features of the whole."""
    features = TextFeatures(content=False)
    assert features("abc", 1000)[0] == features("x" * 1000)[0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_numbers_are_scaled_into_the_unit_interval(row):
    """Min-max scaling clips, maps the ends to 0 and 1, and gives 0 for a column that never varies."""
    scale = NumberFeatures([-5.0, 0.0, 7.0], [5.0, 100.0, 7.0])
    scaled = scale(row)
    assert ((scaled >= 0) & (scaled <= 1)).all()
    assert scale([-5.0, 100.0, 7.0]).tolist() == [0.0, 1.0, 0.0]


def test_numbers_refuse_what_they_cannot_scale():
    """A row of the wrong length and constants that make no sense are refused with the expected shape."""
    scale = NumberFeatures([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"expected \(2,\)"):
        scale([1.0])
    with pytest.raises(ValueError, match="not above"):
        NumberFeatures([1.0], [0.0])
    with pytest.raises(ValueError, match="at least 1"):
        TextFeatures(content=True, dimensions=0)


def test_the_documented_example_is_true():
    """What the docstring of TextFeatures shows is what it does."""
    outcome = doctest.testmod(text_module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@given(texts)
def test_wordings_are_shares(text):
    """Whatever the text: every number about its wording lies in 0..1, after shape and projection, which stay."""
    features = TextFeatures(content=True, dimensions=8, wording=True)
    vector, plain = features(text), TextFeatures(content=True, dimensions=8)(text)
    assert vector.shape == (features.size,) == (len(SHAPES) + 8 + len(WORDINGS),)
    assert vector[: len(plain)].tolist() == plain.tolist()
    assert ((vector[len(plain) :] >= 0) & (vector[len(plain) :] <= 1)).all()


def test_wordings_say_what_they_mean():
    """Of texts whose words can be counted by hand."""
    options = "A. It is quickly void\nB. 12 Justices of America agree"  # of 21 and 31 characters
    law = f"In 1803 the court held that the contract was not a crime.\n{options}"
    found = {each.name: value for each, value in zip(WORDINGS, wording(law), strict=True)}
    assert found["field_law"] == pytest.approx(2 / 3)  # court, contract
    assert found["field_negation"] == pytest.approx(1 / 2)
    assert found["field_medicine"] == 0.0
    assert found["years"] == pytest.approx(1 / 2)
    assert found["names"] == pytest.approx(1 / 3)  # America
    assert found["ending_adverbs"] == pytest.approx(1 / 21)
    assert found["options_with_digits"] == pytest.approx(1 / 2)
    assert found["option_length"] == pytest.approx(26.0 / 66.0)
    assert found["option_spread"] == pytest.approx(10 / 41)
    assert found["option_deviation"] == pytest.approx(5 / 15)
    assert found["option_variety"] == 1.0
    assert found["option_echo"] == pytest.approx(1 / 11)  # a
    assert found["first_line"] == pytest.approx(57 / 157)
    assert found["longest_word"] == pytest.approx(8 / 18)
    assert found["large_numbers"] == pytest.approx(1 / 2)
    assert found["initials"] == pytest.approx(4 / 21)  # In, It, Justices, America
    assert found["blanks"] == found["quotes"] == found["formulas"] == 0.0


def test_wording_needs_consent():
    """It is made from words: without consent it cannot be asked for, and every number of it is of that class."""
    with pytest.raises(ValueError, match="opt in"):
        TextFeatures(content=False, wording=True)
    described = TextFeatures(content=True, dimensions=0, wording=True).describe()
    assert [each.privacy for each in described] == ["shape"] * len(SHAPES) + ["content"] * len(WORDINGS)
    assert len({each.name for each in described}) == len(described)


def test_golden_wordings():
    """The bits never change: a learner's state would silently mean something else."""
    digest = hashlib.sha256()
    for text in SAMPLES:
        digest.update(TextFeatures(content=True, dimensions=0, wording=True)(text).astype("<f4").tobytes())
    assert digest.hexdigest()[:16] == "7fffbf9003712d16"
