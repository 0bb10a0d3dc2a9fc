"""The pass key task."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_eval.tasks.passkey import FILLER, FIRST_NAMES, LAST_NAMES, passkey_task
from longembed_eval.tasks.synthetic import LENGTHS, LONGEST, SHORTEST
from longembed_rag.errors import SettingsError

PIECE = re.compile(r"(\w+ \w+)'s pass key is (\d{5})\. Remember it\. \2 is the pass key for \1\.")
# Of passkey_task(256), as Python 3.11 on Linux made it.
FINGERPRINT = "ae5e9c033be4f5511e7cc45953362e0b"
QUESTION = re.compile(r"What is the pass key for (\w+ \w+)\?")


def piece_of(text: str) -> re.Match[str]:
    (found,) = PIECE.finditer(text)
    return found


def test_the_task_is_described() -> None:
    """Name, kind, metric, numbers and gold are those of a passkey task."""
    task = passkey_task(512)
    assert (task.name, task.group, task.length) == ("passkey-512", "passkey", 512)
    assert (task.kind, task.metric) == ("passkey", "accuracy@1")
    assert (len(task.documents), len(task.queries)) == (100, 50)
    assert list(task.gold) == [query.id for query in task.queries]
    assert "LongEmbed" in task.source
    assert any("only in shape" in note for note in task.notes)


@settings(deadline=None, max_examples=40)
@given(
    length=st.sampled_from(LENGTHS[:6]) | st.integers(SHORTEST, 8192),
    seed=st.integers(-5, 2**70),
    documents=st.integers(1, 12),
)
def test_documents_have_their_length(length: int, seed: int, documents: int) -> None:
    """A document has at most 0.75 words a token, and lacks less than a sentence of five words."""
    task = passkey_task(length, seed=seed, documents=documents, queries=1)
    for text in task.documents.values():
        assert length * 0.75 - 5 - 1 < len(text.split()) <= length * 0.75


@pytest.mark.parametrize("length", [SHORTEST, 256, 4096, LENGTHS[-1]])
def test_every_query_has_its_document_and_no_other(length: int) -> None:
    """The asked person is named in the gold document only, at the depth that the query gives."""
    task = passkey_task(length, documents=40, queries=20, seed=3)
    for query in task.queries:
        asked = QUESTION.fullmatch(query.text)
        assert asked is not None
        naming = [key for key, text in task.documents.items() if asked[1] in text]
        assert task.gold[query.id] == dict.fromkeys(naming, 1)
        (answer,) = naming
        text = task.documents[answer]
        piece = piece_of(text)
        assert piece[1] == asked[1]
        assert query.depth == piece.start() / len(text)


def test_all_else_is_the_filler() -> None:
    """Around the piece stand the five sentences, over and over, from the first one on."""
    for text in passkey_task(256, seed=1).documents.values():
        rest = " ".join(PIECE.sub("", text).split())
        assert rest.startswith(FILLER)
        assert (f"{FILLER} " * 20).startswith(rest)


def test_people_and_keys_are_distinct() -> None:
    """No two documents share a name or a key; first and last names are shared."""
    pieces = [piece_of(text) for text in passkey_task(256).documents.values()]
    names = [piece[1] for piece in pieces]
    assert len(set(names)) == len({piece[2] for piece in pieces}) == 100
    for part in (0, 1):
        assert max(Counter(name.split()[part] for name in names).values()) > 1


def test_every_name_can_be_told_from_every_other_one() -> None:
    """There are at least twenty of each, and no full name is found within another one."""
    first, last = FIRST_NAMES.split(), LAST_NAMES.split()
    assert min(len(set(first)), len(set(last))) >= 20
    everyone = {f"{one} {two}" for one, two in product(first, last)}
    assert len(everyone) == len(first) * len(last)
    assert not any(a != b and b.endswith(a) for a, b in product(first, first))
    assert not any(a != b and b.startswith(a) for a, b in product(last, last))


def test_everyone_can_be_used() -> None:
    """As many documents as there are names can be made, and not one more."""
    assert len(passkey_task(64, documents=576, queries=576).queries) == 576
    with pytest.raises(SettingsError, match="from 1 to 576"):
        passkey_task(64, documents=577)


def test_depths_are_uniform() -> None:
    """The depths of a hundred documents are spread evenly (Kolmogorov-Smirnov, p > 0.001)."""
    for length in (1024, 8192):
        depths = sorted(query.depth or 0.0 for query in passkey_task(length, queries=100).queries)
        gaps = [max((i + 1) / 100 - depth, depth - i / 100) for i, depth in enumerate(depths)]
        assert max(gaps) < 0.195


def test_the_same_arguments_give_the_same_task() -> None:
    """Tasks do not change from run to run, platform to platform or version to version."""
    assert passkey_task(256).fingerprint == passkey_task(256).fingerprint == FINGERPRINT


def test_seeds_and_lengths_give_other_tasks() -> None:
    """Another seed asks for other people; another length for the same, at other depths."""
    tasks = [passkey_task(256), passkey_task(256, seed=1), passkey_task(512)]
    assert len({task.fingerprint for task in tasks}) == 3
    first, other_seed, longer = [[query.text for query in task.queries] for task in tasks]
    assert first == longer != other_seed
    assert len({tuple(query.depth for query in task.queries) for task in tasks}) == 3


def test_the_longest_document() -> None:
    """A document of a million tokens can be made."""
    (text,) = passkey_task(LONGEST, documents=1, queries=1).documents.values()
    assert LONGEST * 0.75 - 5 < len(text.split()) <= LONGEST * 0.75


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 63}, "length=63"),
        ({"length": 256, "documents": 0}, "documents=0"),
        ({"length": 256, "documents": 10}, "queries=50"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: dict[str, int], message: str) -> None:
    """Each message names the number that is wrong."""
    with pytest.raises(SettingsError, match=message):
        passkey_task(**arguments)
