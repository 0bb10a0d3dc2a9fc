"""Tasks from rows of documents, queries and judgements.

Two spellings of the same rows are read: BEIR's (``_id``, ``title``, ``text``, and judgements of
``query-id``, ``corpus-id``, ``score``) and that of LongEmbed's hub data set (``doc_id``, ``qid``,
``text``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from longembed_eval.tasks.values import Kind, MainMetric, Query, Task
from longembed_rag.errors import InputError

#: Tokens that a document was made for, in rows of LongEmbed's synthetic tasks.
LENGTH = "context_length"

_DOCUMENT_IDS = ("_id", "doc_id")
_QUERY_IDS = ("_id", "qid")
_JUDGED_QUERIES = ("qid", "query-id")
_JUDGED_DOCUMENTS = ("doc_id", "corpus-id")


class Row(NamedTuple):
    """A row of a task's files.

    Attributes:
        place: Where it stands, for messages: the file and the line.
        values: What it holds, by name.
    """

    place: str
    values: Mapping[str, Any]


def task_of_rows(
    name: str,
    *,
    corpus_rows: Iterable[Row],
    query_rows: Iterable[Row],
    qrel_rows: Iterable[Row],
    source: str,
    kind: Kind = "labelled",
    metric: MainMetric = "ndcg@10",
    length: int | None = None,
    notes: Iterable[str] = (),
) -> Task:
    """A task from its rows, however they are spelled.

    A document's text is its title and its text (LongEmbed, section 4.1). Empty documents and
    queries without a document that answers them are left out, and the notes count them.

    Args:
        name: What to call the task.
        corpus_rows: ``_id`` or ``doc_id``, ``text``, and ``title`` if there is one.
        query_rows: ``_id`` or ``qid``, ``text``.
        qrel_rows: ``qid`` or ``query-id``, ``doc_id`` or ``corpus-id``, and ``score`` if not 1; a
            document answers the query if the score is above 0.
        source: Where the rows come from.
        kind: Kind of the task.
        metric: What it is judged by.
        length: Nominal tokens of each document, where they were made for one length.
        notes: What is known of the task before it is read.

    Raises:
        InputError: A row is malformed, an id is used twice, a judgement names what is not there,
            or no query is left; names the row's place.
    """
    corpus = list(corpus_rows)
    texts = _texts(corpus, ids=_DOCUMENT_IDS, what="document")
    asked = _texts(query_rows, ids=_QUERY_IDS, what="query")
    documents = {key: text for key, text in texts.items() if text}
    gold = _gold(qrel_rows, queries=asked, documents=texts)
    answered = {
        query: {document: gain for document, gain in answers.items() if document in documents}
        for query, answers in gold.items()
    }
    queries = tuple(
        Query(id=key, text=text) for key, text in asked.items() if text and answered.get(key)
    )
    if not queries:
        raise InputError(
            f"{name}: none of its {len(asked):,} queries has a document that answers it (a score "
            "above 0); check that the judgements belong to these queries"
        )
    empty_queries = sum(not text for text in asked.values())
    unanswered = len(asked) - empty_queries - len(queries)
    found = [
        *notes,
        *_counted(len(texts) - len(documents), len(texts), "documents", "hold no text"),
        *_counted(empty_queries, len(asked), "queries", "hold no text"),
        *_counted(unanswered, len(asked), "queries", "have no document that answers them"),
        *([] if length is not None else _mixed_lengths(corpus)),
    ]
    return Task(
        name=name,
        documents=documents,
        queries=queries,
        gold={query.id: answered[query.id] for query in queries},
        kind=kind,
        metric=metric,
        length=length,
        source=source,
        notes=tuple(found),
    )


def _texts(rows: Iterable[Row], *, ids: tuple[str, ...], what: str) -> dict[str, str]:
    """Texts by id, empty ones among them."""
    texts: dict[str, str] = {}
    places: dict[str, str] = {}
    for row in rows:
        key = _id(row, ids)
        if key in texts:
            raise InputError(
                f"{row.place}: the {what} {key!r} stands already in {places[key]}; give each "
                "its own id"
            )
        if "text" not in row.values:
            raise InputError(f"{row.place}: no 'text'; there is {_names(row)}")
        title = _text(row, "title")
        texts[key] = f"{title} {_text(row, 'text')}".strip()
        places[key] = row.place
    return texts


def _gold(
    rows: Iterable[Row], *, queries: Mapping[str, str], documents: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    scores: dict[tuple[str, str], int] = {}
    for row in rows:
        query, document = _id(row, _JUDGED_QUERIES), _id(row, _JUDGED_DOCUMENTS)
        for key, known, what in ((query, queries, "query"), (document, documents, "document")):
            if key not in known:
                raise InputError(
                    f"{row.place}: there is no {what} {key!r}; remove the line or add the {what}"
                )
        score = _score(row)
        if scores.setdefault((query, document), score) != score:
            raise InputError(
                f"{row.place}: query {query!r} and document {document!r} were judged before, "
                f"{scores[query, document]} and now {score}; keep one"
            )
    gold: dict[str, dict[str, int]] = {}
    for (query, document), score in scores.items():
        if score > 0:
            gold.setdefault(query, {})[document] = score
    return gold


def _id(row: Row, names: tuple[str, ...]) -> str:
    for name in names:
        value = row.values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value:
            return _encodable(value)
        if value is not None:
            raise InputError(f"{row.place}: {name}={value!r} is no id; give a text or a number")
    told = " or ".join(repr(name) for name in names)
    raise InputError(f"{row.place}: no {told}; there is {_names(row)}")


def _text(row: Row, name: str) -> str:
    value = row.values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{row.place}: {name} is no text but {type(value).__name__}")
    return _encodable(value)


def _score(row: Row) -> int:
    value = row.values.get("score", 1)
    try:
        score = float(value)
        if score == int(score):
            return int(score)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{row.place}: the score {value!r} is no whole number")


def _encodable(text: str) -> str:
    """The text with halves of surrogate pairs, which JSON can hold, as replacement characters."""
    return (
        text
        if text.isascii()
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _names(row: Row) -> str:
    return ", ".join(map(repr, row.values)) or "nothing"


def _counted(count: int, total: int, what: str, why: str) -> list[str]:
    return [f"{count:,} of {total:,} {what} {why} and are left out"] if count else []


def _mixed_lengths(rows: Iterable[Row]) -> list[str]:
    values = (row.values.get(LENGTH) for row in rows)
    lengths = sorted({value for value in values if isinstance(value, int)})
    if len(lengths) < 2:
        return []
    return [
        f"documents of {len(lengths)} lengths ({lengths[0]} to {lengths[-1]} tokens) are searched "
        "together; LongEmbed searches each length by itself"
    ]
