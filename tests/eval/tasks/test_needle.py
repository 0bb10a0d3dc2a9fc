"""The needle task, its facts and its haystack."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_eval.tasks.needle import (
    FEWEST_WORDS,
    load_facts,
    needle_task,
    read_haystack,
    shipped_haystack,
)
from longembed_eval.tasks.synthetic import LENGTHS, LONGEST_SENTENCE, SHORTEST
from longembed_rag import get_analyzer
from longembed_rag.errors import ReadError, SettingsError

ROOT = Path(__file__).parents[3]
DATA = ROOT / "eval" / "longembed_eval" / "data"
FACT_OF = {fact.question: fact.text for fact in load_facts()}


def shipped_text() -> str:
    return "".join(part.text + part.gap for part in shipped_haystack().sentences)


def terms(text: str) -> frozenset[str]:
    return frozenset(get_analyzer().stems(text))


def prose(words: int, name: str = "word") -> str:
    """Sentences of ten words, each its own."""
    return " ".join(
        " ".join([f"Sentence {name}{start}", *["goes"] * 7, "on."]) for start in range(words // 10)
    )


def test_the_task_is_described() -> None:
    """Name, kind, metric, numbers and gold are those of a needle task."""
    task = needle_task(512)
    assert (task.name, task.group, task.length) == ("needle-512", "needle", 512)
    assert (task.kind, task.metric) == ("needle", "accuracy@1")
    assert (len(task.documents), len(task.queries)) == (100, 50)
    assert list(task.gold) == [query.id for query in task.queries]
    assert task.source.startswith("text that ships with longembed-rag: Alice")
    assert any("facts and questions are this project's own" in note for note in task.notes)


@settings(deadline=None, max_examples=40)
@given(
    length=st.sampled_from(LENGTHS[:6]) | st.integers(SHORTEST, 8192),
    seed=st.integers(-5, 2**70),
    documents=st.integers(1, 12),
)
def test_documents_have_their_length(length: int, seed: int, documents: int) -> None:
    """A document has at most 0.75 words a token, and lacks at most a sentence."""
    task = needle_task(length, seed=seed, documents=documents, queries=1)
    for text in task.documents.values():
        assert length * 0.75 - LONGEST_SENTENCE - 1 < len(text.split()) <= length * 0.75


@pytest.mark.parametrize("length", [SHORTEST, 256, 4096, LENGTHS[-1]])
def test_every_query_has_its_document_and_no_other(length: int) -> None:
    """The fact stands once in the gold document and in no other, at the depth the query gives."""
    task = needle_task(length, documents=40, queries=20, seed=3)
    for query in task.queries:
        fact = FACT_OF[query.text]
        found = {key: text.count(fact) for key, text in task.documents.items() if fact in text}
        assert found == task.gold[query.id]
        (answer,) = found
        text = task.documents[answer]
        assert query.depth == text.index(fact) / len(text)


def test_all_else_is_the_haystack() -> None:
    """Without its fact, a document is a stretch of the haystack, with nothing changed."""
    hay = " ".join((shipped_text() * 2).split())
    for text, fact in zip(needle_task(1024).documents.values(), load_facts(), strict=False):
        before, after = text.split(fact.text)
        assert " ".join(f"{before} {after}".split()) in hay
        assert before == "" or re.search(r"""[.!?;]['"`)\]]*\s+$""", before)


def test_documents_start_at_different_places() -> None:
    """No two documents begin with the same stretch of the haystack."""
    texts = needle_task(1024).documents.values()
    facts = [fact.text for fact in load_facts()]
    starts = {text.replace(fact, "").strip()[:60] for text, fact in zip(texts, facts, strict=False)}
    assert len(starts) == 100


def test_short_documents_do_not_overlap_and_long_ones_say_so() -> None:
    """Notes tell where documents share text, and where they repeat it."""
    short = needle_task(1024)
    assert not any("overlap" in note for note in short.notes)
    lines = [line for text in short.documents.values() for line in set(text.split("\n\n")[1:-1])]
    assert len(lines) == len(set(lines))
    assert any("overlap" in note for note in needle_task(2048, queries=1).notes)
    longest = needle_task(262_144, documents=1, queries=1)
    assert any("repeat" in note for note in longest.notes)
    (text,) = longest.documents.values()
    assert text.count("Alice was beginning to get very tired of sitting") in (1, 2)
    assert 262_144 * 0.75 - LONGEST_SENTENCE < len(text.split()) <= 262_144 * 0.75


def test_depths_are_uniform() -> None:
    """The depths of a hundred documents are spread evenly (Kolmogorov-Smirnov, p > 0.001)."""
    for length in (1024, 8192):
        depths = sorted(query.depth or 0.0 for query in needle_task(length, queries=100).queries)
        gaps = [max((i + 1) / 100 - depth, depth - i / 100) for i, depth in enumerate(depths)]
        assert max(gaps) < 0.195


def test_seeds_and_lengths_give_other_tasks() -> None:
    """The same arguments give the same task; another seed asks other things, a length the same."""
    tasks = [needle_task(256), needle_task(256, seed=1), needle_task(512)]
    assert needle_task(256).fingerprint == tasks[0].fingerprint
    assert len({task.fingerprint for task in tasks}) == 3
    first, other_seed, longer = [[query.text for query in task.queries] for task in tasks]
    assert first == longer != other_seed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 63}, "length=63"),
        ({"length": 256, "documents": 121}, "one of the 120 facts"),
        ({"length": 256, "documents": 10}, "queries=50"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    """Each message names the number that is wrong."""
    with pytest.raises(SettingsError, match=message):
        needle_task(**arguments)


def test_a_folder_as_haystack(tmp_path: Path) -> None:
    """Text and Markdown files are read, subfolders included, and only the folder's name is told."""
    folder = tmp_path / "my notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text(prose(700, "first"))
    (folder / "deep" / "b.MD").write_text(prose(700, "second"))
    (folder / "c.csv").write_text("never,read")
    task = needle_task(512, haystack=folder, documents=12, queries=3)
    everything = " ".join(task.documents.values())
    assert "first3 " in everything
    assert "second3 " in everything
    assert "never" not in everything
    assert task.source == "the text of the folder my notes"
    assert str(tmp_path) not in " ".join((task.source, *task.notes))


def test_a_file_as_haystack(tmp_path: Path) -> None:
    """A file that is named may be of any type that can be read; documents longer than it wrap."""
    file = tmp_path / "page.html"
    file.write_text(f"<html><body><p>{prose(1200)}</p></body></html>")
    task = needle_task(4096, haystack=file, documents=2, queries=1)
    assert task.source == "the text of the file page.html"
    for text in task.documents.values():
        assert 4096 * 0.75 - 10 < len(text.split()) <= 4096 * 0.75
        assert text.count("word5 ") in (2, 3)


def test_too_little_text_is_refused(tmp_path: Path) -> None:
    """A haystack of fewer than a thousand words is refused with the folder and a way out."""
    (tmp_path / "a.txt").write_text(prose(FEWEST_WORDS - 10))
    with pytest.raises(SettingsError, match=r"990 words .* in 1 files.*1,000 are needed") as caught:
        read_haystack(tmp_path)
    assert str(tmp_path) in str(caught.value)
    (tmp_path / "b.txt").write_text(prose(10))
    assert read_haystack(tmp_path).words == FEWEST_WORDS


def test_no_text_and_no_folder_are_refused(tmp_path: Path) -> None:
    """An empty folder holds no words; a folder that is not there does not exist."""
    with pytest.raises(SettingsError, match=r"0 words .* in 0 files"):
        read_haystack(tmp_path)
    with pytest.raises(SettingsError, match="does not exist"):
        read_haystack(tmp_path / "none")


def test_unreadable_haystacks_are_refused(tmp_path: Path) -> None:
    """A file of no readable type, and one that is no text, are named."""
    (tmp_path / "a.exe").write_bytes(b"x")
    with pytest.raises(ReadError, match=r"a\.exe cannot be read: unsupported type"):
        read_haystack(tmp_path / "a.exe")
    (tmp_path / "a.txt").write_bytes(b"")
    with pytest.raises(ReadError, match=r"a\.txt: no text"):
        read_haystack(tmp_path)


def test_facts_are_well_formed() -> None:
    """Facts are sentences of 10 to 30 words, questions end in question marks, none comes twice."""
    facts = load_facts()
    assert len(facts) >= 112
    assert (
        len({fact.text for fact in facts}) == len({fact.question for fact in facts}) == len(facts)
    )
    for fact in facts:
        assert 10 <= len(fact.text.split()) <= 30
        assert re.fullmatch(r"[A-Z0-9][^\n!?]*\.", fact.text)
        assert re.fullmatch(r"[A-Z][^\n.!]*\?", fact.question)


def test_no_two_facts_are_on_the_same_thing() -> None:
    """Two facts share less than a third of the words of the shorter one."""
    words = [terms(fact.text) for fact in load_facts()]
    for index, one in enumerate(words):
        for other in words[:index]:
            assert 3 * len(one & other) < min(len(one), len(other)), one & other


def test_questions_point_at_their_own_fact() -> None:
    """No other fact shares all of a question's words, and most questions share some with theirs."""
    words = [terms(fact.text) for fact in load_facts()]
    asked = [terms(fact.question) for fact in load_facts()]
    for index, question in enumerate(asked):
        others = words[:index] + words[index + 1 :]
        assert max(len(question & other) for other in others) < len(question)
    shared = Counter(min(len(a & b), 4) for a, b in zip(asked, words, strict=True))
    assert shared[1] + shared[2] + shared[3] > 0.8 * len(asked)
    assert shared[0] >= 3


def test_the_haystack_answers_no_question() -> None:
    """No paragraph of it has all of a question's words, and every fact has words it never uses."""
    paragraphs = [terms(paragraph) for paragraph in shipped_text().split("\n\n")]
    known = frozenset().union(*paragraphs)
    for fact in load_facts():
        question = terms(fact.question)
        assert max(len(question & paragraph) for paragraph in paragraphs) < len(question)
        assert terms(fact.text) - known, fact.text


@pytest.fixture(scope="module")
def make_haystack() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_haystack", ROOT / "eval/make_haystack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_haystack_is_what_the_script_makes(make_haystack: ModuleType) -> None:
    """Making it again from the demo's documents gives the text that is committed."""
    import lzma

    packed = (DATA / "haystack.txt.xz").read_bytes()
    assert len(packed) < 400_000
    assert lzma.decompress(packed).decode() == make_haystack.haystack()


def test_the_haystack_is_prose_in_whole_sentences() -> None:
    """It has 90,000 words and more, in paragraphs that begin and end as sentences do."""
    paragraphs = shipped_text().strip().split("\n\n")
    assert shipped_haystack().words > 90_000
    assert len(set(paragraphs)) == len(paragraphs)
    for paragraph in paragraphs:
        assert re.match(r"""[`'"(]*[A-Z]""", paragraph)
        assert re.search(r"""[.!?]['"`)]*$""", paragraph)
        assert len(paragraph.split()) >= 15
