"""Tests of the task made of a person's own documents."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_eval.tasks.held_out import LARGEST_SHARE, chance, held_out_task
from longembed_eval.tasks.own_files import read_own_files, short_names
from longembed_eval.tasks.prose import is_query, normal, word_count
from longembed_rag.errors import ReadError, SettingsError

WORDS = [
    *("harbour", "mooring", "captain", "current", "anchor", "lantern", "compass", "voyage"),
    *("weather", "channel", "customs", "freight", "ballast", "rigging", "cannon", "whaler"),
    *("trawler", "lighthouse", "estuary", "breakwater"),
]


def _prose(seed: int, sentences: int = 40) -> str:
    """Paragraphs of made-up sentences, hardly two of them alike."""
    rng = random.Random(seed)
    lines = []
    for _ in range(sentences):
        first, *rest = rng.choices(WORDS, k=10)
        lines.append(f"{first.title()} {' '.join(rest)} at {rng.randrange(1_000_000)}.")
    return "\n\n".join(" ".join(lines[index : index + 5]) for index in range(0, sentences, 5))


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """``write(**files)``: a folder with files by name, ``__`` standing for the dot."""

    def write(**files: str) -> Path:
        folder = tmp_path / "mine"
        for name, text in files.items():
            path = folder / name.replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def three(write: Write) -> Path:
    """Three documents of 40 sentences."""
    return write(a__txt=_prose(1), b__md=_prose(2), c__txt=_prose(3))


def test_task(three: Path) -> None:
    """Every query is a sentence of its document and the document is its answer."""
    task = held_out_task([three])
    assert (task.name, task.kind, task.metric) == ("own-documents", "held_out", "ndcg@10")
    assert list(task.documents) == ["a.txt", "b.md", "c.txt"]
    assert len(task.queries) == 9
    assert task.source == "3 own documents, seed 0"
    for query in task.queries:
        (document,) = task.gold[query.id]
        original = (three / document).read_text()
        assert is_query(query.text)
        assert query.id.startswith(f"{document}#")
        assert query.depth is not None
        place = round(query.depth * len(original))
        assert " ".join(original[place:].split()).startswith(query.text)


def test_sentences_are_gone_and_nothing_else(three: Path) -> None:
    """A query stands in no document that is searched; all other words do, in order."""
    task = held_out_task([three])
    for name, text in task.documents.items():
        original = (three / name).read_text()
        for query in task.queries:
            assert normal(query.text) not in normal(text)
            if name in task.gold[query.id]:
                original = original.replace(query.text, "")
        assert text.split() == original.split()


def test_spread_over_the_depth(three: Path) -> None:
    """Each query of a document comes from another part of it."""
    task = held_out_task([three], per_document=4)
    for name in task.documents:
        depths = [query.depth or 0 for query in task.queries if name in task.gold[query.id]]
        assert [math.floor(4 * depth) for depth in depths] == [0, 1, 2, 3]


def test_same_seed_same_task(three: Path) -> None:
    """The seed decides; a further document changes nothing for the others."""
    task = held_out_task([three])
    assert held_out_task([three]).fingerprint == task.fingerprint
    assert held_out_task([three], seed=1).fingerprint != task.fingerprint
    (three / "d.txt").write_text(_prose(4))
    longer = held_out_task([three])
    assert set(task.queries) < set(longer.queries)


def test_most_queries_are_shared_out(three: Path) -> None:
    """With fewer queries than documents would give, every document gives one first."""
    task = held_out_task([three], most_queries=4)
    answers = [document for gold in task.gold.values() for document in gold]
    assert len(answers) == 4
    assert set(answers) == {"a.txt", "b.md", "c.txt"}
    assert len(held_out_task([three], most_queries=2).queries) == 2


def test_sentences_that_stand_twice_stay(write: Write) -> None:
    """A sentence that another document holds too, however it is set, is no query."""
    shared, own = _prose(1, 30), _prose(2, 10)
    folder = write(a__txt=f"{shared}\n\n{own}", b__txt=shared.upper().replace(" ", "\n"))
    task = held_out_task([folder], per_document=10)
    assert task.queries
    for query in task.queries:
        assert query.text in own
    twice = write(a__txt=f"{shared} {shared}", b__txt=f"{own} {own}")
    with pytest.raises(SettingsError, match="none of the 2 documents has a sentence"):
        held_out_task([twice])


def test_only_queries_are_taken_out(write: Write) -> None:
    """A sentence that stands twice in its own document stays there both times."""
    twice, once = _prose(1, 30), _prose(2, 10)
    task = held_out_task([write(a__txt=f"{twice}\n\n{once}\n\n{twice}", b__txt=_prose(3))])
    asked = [query.text for query in task.queries if "a.txt" in task.gold[query.id]]
    assert asked
    original = 2 * word_count(twice) + word_count(once)
    assert word_count(task.documents["a.txt"]) == original - sum(map(word_count, asked))


def test_short_documents_are_searched_whole(write: Write) -> None:
    """Nothing is taken out of documents below 200 words, and the notes say so."""
    short = _prose(3, 8)
    task = held_out_task([write(a__txt=_prose(1), b__txt=short)])
    assert task.documents["b.txt"] == short
    assert all("a.txt" in answers for answers in task.gold.values())
    assert "taken out of 1 of the 2 documents" in task.notes[0]
    assert "shorter than 200 words" in task.notes[0]


@settings(max_examples=10, deadline=None)
@given(per_document=st.integers(1, 60), seed=st.integers(0, 5))
def test_enough_is_left(
    tmp_path_factory: pytest.TempPathFactory, per_document: int, seed: int
) -> None:
    """However many queries are asked for, at most a quarter of a document goes."""
    folder = tmp_path_factory.mktemp("mine")
    for name in ("a", "b"):
        (folder / f"{name}.txt").write_text(_prose(ord(name)))
    task = held_out_task([folder], per_document=per_document, seed=seed)
    for name, text in task.documents.items():
        words = word_count((folder / name).read_text())
        assert word_count(text) >= (1 - LARGEST_SHARE) * words


def test_notes(three: Path) -> None:
    """The notes say what such queries tell and what they do not, and the chance level."""
    (three / "broken.pdf").write_bytes(b"no pdf")
    (three / "picture.png").write_bytes(b"x")
    task = held_out_task([three])
    told = "\n".join(task.notes)
    assert "9 queries: sentences taken out of the 3 documents" in told
    assert "flatters word search" in told
    assert "not whether a question in other words is answered" in told
    assert "a miss looks like an error" in told
    assert f"by lot has nDCG@10 {chance(3):.1f}" in told
    assert "9 queries are few" in told
    assert "1 could not be read and are left out: broken.pdf: " in told
    assert "1 files of other types are left out" in told
    assert str(three) not in told + task.source


@pytest.mark.parametrize(
    ("documents", "expected"), [(1, 100.0), (2, 50 * (1 + 1 / math.log2(3))), (1000, 0.4543559)]
)
def test_chance(documents: int, expected: float) -> None:
    """By lot, one right document stands at each rank equally often."""
    assert chance(documents) == pytest.approx(expected)


def test_too_little(write: Write, tmp_path: Path) -> None:
    """Fewer than two documents, and documents without prose, are refused with the way out."""
    folder = write(a__txt=_prose(1))
    with pytest.raises(SettingsError, match=r"mine: 1 readable document, .* name further files"):
        held_out_task([folder])
    with pytest.raises(ReadError, match=r"1 could not be read, the first of them b\.pdf: "):
        held_out_task([write(b__pdf="no pdf")])
    numbers = write(a__txt="12 13 14\n" * 200, b__pdf=" ", c__csv="1;2;3\n" * 200)
    with pytest.raises(SettingsError, match=r"none of the 2 documents .* with --data"):
        held_out_task([numbers])
    with pytest.raises(SettingsError, match="does not exist"):
        held_out_task([tmp_path / "nowhere"])
    with pytest.raises(SettingsError, match="per_document=0 is below 1"):
        held_out_task([folder], per_document=0)


def test_short_names_below_what_is_shared(tmp_path: Path) -> None:
    """Names are paths below the folder that all roots share, with slashes."""
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one / "x" / "a.txt", two / "a.txt"):
        path.parent.mkdir(parents=True)
        path.write_text("text")
    assert list(read_own_files([one]).texts) == ["x/a.txt"]
    assert list(read_own_files([one, two]).texts) == ["one/x/a.txt", "two/a.txt"]
    assert list(read_own_files([one / "x" / "a.txt"]).texts) == ["a.txt"]
    assert list(read_own_files([two / "a.txt", one]).texts) == ["one/x/a.txt", "two/a.txt"]


def test_short_names_tell_nothing_of_the_machine() -> None:
    """Roots that share nothing give their own names, and equal names are numbered."""
    files = [Path(f"/{top}/person/mine/a.txt") for top in ("home", "mnt", "srv")]
    names = short_names(files, files)
    assert list(names.values()) == ["mine/a.txt", "mine/a.txt (2)", "mine/a.txt (3)"]
