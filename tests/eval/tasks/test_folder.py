"""Tests of tasks from rows and folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_eval.tasks.folder import folder_name, read_folder
from longembed_eval.tasks.rows import Row, task_of_rows
from longembed_eval.tasks.values import Query
from longembed_rag.errors import InputError, ReadError

CORPUS = [{"_id": "d1", "title": "A title", "text": "first text"}, {"_id": "d2", "text": "second"}]
QUERIES = [{"_id": "q1", "text": "what?"}, {"_id": "q2", "text": "and this?"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\n"

Write = Callable[..., Path]


def _jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """``write(corpus=..., queries=..., **files)``: a task's folder; rows or the file's text."""

    def write(
        corpus: Sequence[Mapping[str, Any]] | str = CORPUS,
        queries: Sequence[Mapping[str, Any]] | str = QUERIES,
        qrels: str | None = QRELS,
        others: Mapping[str, str] | None = None,
    ) -> Path:
        folder = tmp_path / "small"
        files = {
            "corpus.jsonl": corpus if isinstance(corpus, str) else _jsonl(corpus),
            "queries.jsonl": queries if isinstance(queries, str) else _jsonl(queries),
            **({} if qrels is None else {"qrels.tsv": qrels}),
            **(others or {}),
        }
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder

    return write


def test_beir_form(write: Write) -> None:
    """BEIR's files give documents of title and text, queries and gains."""
    task = read_folder(write())
    assert task.name == "small"
    assert task.documents == {"d1": "A title first text", "d2": "second"}
    assert task.queries == (Query(id="q1", text="what?"), Query(id="q2", text="and this?"))
    assert task.gold == {"q1": {"d1": 1}, "q2": {"d2": 2}}
    assert (task.kind, task.metric, task.length) == ("labelled", "ndcg@10", None)
    assert task.source == "folder small"
    assert task.notes == ()


def test_both_spellings_and_layouts_are_one_task(write: Write, tmp_path: Path) -> None:
    """The hub's spelling, a qrels file without header and BEIR's own layout change nothing."""
    expected = read_folder(write()).fingerprint
    ones = [{"qid": "q1", "doc_id": "d1"}, {"qid": "q2", "doc_id": "d2", "score": 2}]
    hub = {"qrels.jsonl": _jsonl(ones)}
    corpus = [{"doc_id": "d1", "text": "A title first text"}, {"doc_id": "d2", "text": "second"}]
    queries = [{"qid": row["_id"], "text": row["text"]} for row in QUERIES]
    assert read_folder(write(qrels=QRELS.partition("\n")[2])).fingerprint == expected
    (tmp_path / "small" / "qrels.tsv").unlink()
    assert read_folder(write(corpus, queries, None, hub)).fingerprint == expected
    (tmp_path / "small" / "qrels.jsonl").unlink()
    beir = write(qrels=None, others={"qrels/test.tsv": QRELS})
    assert read_folder(beir).fingerprint == expected


def test_numbers_as_ids(write: Write) -> None:
    """Ids may be numbers on one side and text on the other."""
    folder = write([{"_id": 7, "text": "seven"}], [{"_id": "3", "text": "three?"}], "3\t7\t1.0\n")
    assert read_folder(folder).gold == {"3": {"7": 1}}


def test_source_has_the_title_and_no_path(write: Write, tmp_path: Path) -> None:
    """The first line of SOURCE.md is part of the source; the folder's place is not."""
    task = read_folder(write(others={"SOURCE.md": "# Minutes of meetings\nmore\n"}))
    assert task.source == "folder small: Minutes of meetings"
    assert str(tmp_path) not in task.source


def test_byte_order_mark_blank_lines_and_carriage_returns(write: Write) -> None:
    """What editors on Windows leave in files changes nothing."""
    expected = read_folder(write()).fingerprint
    corpus = "\ufeff" + _jsonl(CORPUS).replace("\n", "\r\n\r\n")
    changed = read_folder(write(corpus, qrels=QRELS.replace("\n", "\r\n")))
    assert changed.fingerprint == expected


def test_what_is_left_out_is_counted(write: Write) -> None:
    """Empty documents, and queries without an answer, go and are counted in the notes."""
    task = read_folder(
        write(
            [*CORPUS, {"_id": "d3", "title": " ", "text": None}],
            [*QUERIES, *({"_id": f"q{n}", "text": "?"} for n in (3, 4, 5)), {"_id": 6, "text": ""}],
            f"{QRELS}q3\td3\t1\nq4\td1\t0\n6\td1\t1\n",
        )
    )
    assert list(task.documents) == ["d1", "d2"]
    assert list(task.gold) == [query.id for query in task.queries] == ["q1", "q2"]
    assert task.notes == (
        "1 of 3 documents hold no text and are left out",
        "1 of 6 queries hold no text and are left out",
        "3 of 6 queries have no document that answers them and are left out",
    )


def test_second_judgements_are_noted(write: Write) -> None:
    """Where two files of judgements exist, the notes say which one counts."""
    task = read_folder(write(others={"qrels/test.tsv": "q1\td2\t1\n"}))
    assert task.gold["q1"] == {"d1": 1}
    assert task.notes == ("judgements are those of qrels.tsv; qrels/test.tsv is not read",)


def test_mixed_lengths_are_noted(write: Write) -> None:
    """A copy of LongEmbed's pass keys holds eight tasks in one; that is said."""
    corpus = [{**row, "context_length": 256 * n} for n, row in enumerate(CORPUS, 1)]
    (note,) = read_folder(write(corpus)).notes
    assert "documents of 2 lengths (256 to 512 tokens)" in note


@pytest.mark.parametrize(
    ("corpus", "queries", "qrels", "told"),
    [
        ('{"_id": "d1", "text"\n', QUERIES, QRELS, r"corpus\.jsonl, line 1: no valid JSON"),
        ("[" * 100_000, QUERIES, QRELS, r"corpus\.jsonl, line 1: no valid JSON"),
        ("\n[1]\n", QUERIES, QRELS, r"corpus\.jsonl, line 2: a JSON object .* not list"),
        ([*CORPUS, CORPUS[0]], QUERIES, QRELS, r"line 3: the document 'd1' .* line 1;"),
        (CORPUS, [*QUERIES, QUERIES[1]], QRELS, r"queries\.jsonl, line 3: the query 'q2' .*line 2"),
        ([{"_id": "d1", "body": "x"}], QUERIES, QRELS, r"no 'text'; there is '_id', 'body'"),
        ([{"_id": "d1", "text": 3}], QUERIES, QRELS, r"line 1: text is no text but int"),
        ([{"name": "d1", "text": "x"}], QUERIES, QRELS, r"no '_id' or 'doc_id'; there is 'name'"),
        ([{"_id": True, "text": "x"}], QUERIES, QRELS, r"_id=True is no id"),
        ([{"_id": "", "text": "x"}], QUERIES, QRELS, r"_id='' is no id"),
        (CORPUS, QUERIES, "q1\td9\t1\n", r"qrels\.tsv, line 1: there is no document 'd9'"),
        (CORPUS, QUERIES, "q1\td1\t1\nq9\td1\t0\n", r"qrels\.tsv, line 2: there is no query 'q9'"),
        (CORPUS, QUERIES, "q1 d1 1\n", r"qrels\.tsv, line 1: 1 fields; give three with tabs"),
        (CORPUS, QUERIES, "q1\t0\td1\t1\n", r"qrels\.tsv, line 1: 4 fields"),
        (CORPUS, QUERIES, "q1\td1\t1\nq2\td2\tyes\n", r"line 2: the score 'yes' is no whole"),
        (CORPUS, QUERIES, "q1\td1\t0.5\n", r"line 1: the score '0.5' is no whole number"),
        (CORPUS, QUERIES, "q1\td1\tinf\n", r"line 1: the score 'inf' is no whole number"),
        (CORPUS, QUERIES, "q1\td1\t1\nq1\td1\t2\n", r"line 2: .* judged before, 1 and now 2"),
        (CORPUS, QUERIES, "q1\td1\t0\n", r"small: none of its 2 queries has a document"),
    ],
)
def test_bad_rows(write: Write, corpus: Any, queries: Any, qrels: str, told: str) -> None:
    """A bad row is refused with its file, its line and what is wrong with it."""
    with pytest.raises(InputError, match=told):
        read_folder(write(corpus, queries, qrels))


def test_bytes_that_are_no_utf8(write: Write) -> None:
    """A line in another encoding is named."""
    folder = write()
    (folder / "queries.jsonl").write_bytes(b'{"_id": "q1", "text": "a"}\n{"_id": "q2\xe9"}\n')
    with pytest.raises(InputError, match=r"queries\.jsonl, line 2: not UTF-8"):
        read_folder(folder)


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    """A folder that lacks files is refused with all it lacks; so is one that is none."""
    (tmp_path / "queries.jsonl").write_text("{}")
    with pytest.raises(ReadError, match=r"lacks corpus\.jsonl and qrels\.tsv, .* or qrels\.jsonl"):
        read_folder(tmp_path)
    with pytest.raises(ReadError, match="nowhere does not exist"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(ReadError, match=r"queries\.jsonl is no folder"):
        read_folder(tmp_path / "queries.jsonl")


def test_name_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--data .`` is called as the folder is."""
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert folder_name(Path()) == "below"
    assert folder_name(Path("..")) == tmp_path.name


def test_half_a_surrogate_pair(write: Write) -> None:
    """JSON can hold what no tokenizer takes; it becomes a replacement character."""
    corpus = '{"_id": "d1", "text": "a \\ud83d b \\ud83d\\ude00"}\n{"_id": "d2", "text": "x"}\n'
    assert read_folder(write(corpus)).documents["d1"] == "a \ufffd b \U0001f600"


_IDS = st.integers(0, 5).map(str)


@given(
    texts=st.dictionaries(_IDS, st.sampled_from(["", " ", "text"])),
    asked=st.dictionaries(_IDS, st.sampled_from(["", "query"])),
    judged=st.dictionaries(st.tuples(_IDS, _IDS), st.integers(-1, 2)),
)
def test_whatever_is_read_is_a_task(
    texts: dict[str, str], asked: dict[str, str], judged: dict[tuple[str, str], int]
) -> None:
    """A task has answers for every query, all of them there, and texts that are not empty."""
    try:
        task = task_of_rows(
            "any",
            corpus_rows=[Row("c", {"_id": key, "text": text}) for key, text in texts.items()],
            query_rows=[Row("q", {"_id": key, "text": text}) for key, text in asked.items()],
            qrel_rows=[
                Row("j", {"qid": query, "doc_id": document, "score": score})
                for (query, document), score in judged.items()
            ],
            source="",
        )
    except InputError:
        known = all(query in asked and document in texts for query, document in judged)
        answerable = any(
            asked[query] and texts[document].strip() and score > 0
            for (query, document), score in judged.items()
            if known
        )
        assert not (known and answerable)
        return
    assert all(text.strip() for text in task.documents.values())
    assert [query.id for query in task.queries] == list(task.gold)
    for answers in task.gold.values():
        assert answers
        assert all(document in task.documents and gain > 0 for document, gain in answers.items())
