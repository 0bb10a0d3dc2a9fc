"""What is killed: each operation with what was there before it, and what finishes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_rag.points.values import is_sparse
from longembed_rag.store import outdated, writer
from longembed_rag.store.payload import OWN_KEY
from longembed_rag.store.store import DocumentStore
from longembed_rag.words import analyzer as analyzers
from longembed_rag.words.analyzer import Analyzer, Term, get_analyzer
from longembed_rag.words.lengths import TOLERANCE
from tests.kills.places import Place
from tests.store.corpora import everything

DOCUMENTS = 6
PAGE = "<html><body><h1>Page</h1>{}</body></html>"
_LATER = analyzers.ANALYZER_VERSION + 1

Contents = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Scene:
    """Where an operation takes place.

    Attributes:
        documents: The folder of documents.
        model: The folder of the model.
        source: A store that is copied from.
        data: A folder of queries, for ``eval``.
        prose: A folder of documents, for ``tune``.
        place: The collection that is written to; None where none is.
    """

    documents: Path
    model: Path
    source: Path
    data: Path
    prose: Path
    place: Place | None = None

    def ingest(self) -> list[str]:
        """The command that brings the collection in step with the documents."""
        assert self.place is not None
        chosen = ["--model", str(self.model), "--device", "cpu", "--passage-tokens", "16"]
        return ["ingest", str(self.documents), "--allow-deletions", *chosen, *self.place.options]


@dataclass(frozen=True)
class Operation:
    """Something that is killed.

    Attributes:
        name: Its name.
        command: Its arguments.
        finish: The commands that finish it when it was killed; None is the same once more.
        before: The version of the documents that the collection holds; None is no collection.
        documents: The version of the documents in the folder.
        damage: What is done to the collection before.
        patch: What every process of it does first.
        stores: Whether it writes to a collection.
        statuses: What it ends with when nobody kills it.
    """

    name: str
    command: Callable[[Scene], list[str]]
    finish: Callable[[Scene], list[list[str]]] | None = None
    before: int | None = None
    documents: int = 1
    damage: Callable[[DocumentStore], None] | None = None
    patch: Callable[[], None] | None = None
    stores: bool = True
    statuses: tuple[int, ...] = (0,)

    def finishing(self, scene: Scene) -> Sequence[list[str]]:
        """The commands that finish it."""
        return [self.command(scene)] if self.finish is None else self.finish(scene)


def write_documents(folder: Path, version: int) -> None:
    """Version 1; in 2 a third is changed and a third replaced; in 3 half are gone."""
    folder.mkdir()
    for number in range(DOCUMENTS):
        name = f"{number:02}.txt" if number else "page.html"
        words = " ".join(f"word{number}-{index}" for index in range(12 + 6 * number))
        if version == 2 and number % 3 == 1:
            words = f"changed {words}"
        if version == 2 and number % 3 == 2:
            name, words = f"new-{name}", f"new {words}"
        if (version != 1 and number == 0) or (version == 3 and number % 2):
            continue
        text = words if number else PAGE.format(f"<p>{words}</p>")
        (folder / name).write_text(f"{text} of the lease")


def write_queries(folder: Path) -> None:
    """A task for ``eval``."""
    folder.mkdir()
    names = ("zurich", "oslo", "lima", "cairo")
    rows = [{"_id": name, "title": name, "text": f"what {name} is " * 20} for name in names]
    queries = [{"_id": f"q-{name}", "text": f"what of {name}?"} for name in names]
    for name, values in (("corpus", rows), ("queries", queries)):
        lines = [json.dumps(value) for value in values]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    (folder / "qrels.tsv").write_text("".join(f"q-{name}\t{name}\t1\n" for name in names))


def write_prose(folder: Path) -> None:
    """Documents with sentences that are fit for queries."""
    folder.mkdir()
    for place in ("Arlen", "Borvik", "Castell", "Dorne"):
        lines = [
            f"The {number}th merchant of {place} quarrelled about copper prices in the autumn."
            for number in range(30)
        ]
        (folder / f"{place}.txt").write_text(" ".join(lines))


class Doubling(Analyzer):
    """The analyzer of a later release, which finds every word as two other ones."""

    version = _LATER

    def terms(self, text: str) -> list[Term]:
        """The words of a text."""
        found = super().terms(text)
        return [Term(f"{e.stem}{half}", e.start, e.end) for e in found for half in ("x", "y")]


def later_release() -> None:
    """Let this process be of a later release."""
    analyzers.ANALYZERS[_LATER] = Doubling
    named: Any = outdated
    named.ANALYZER_VERSION = _LATER
    writing: Any = writer
    writing.get_analyzer = lambda language, version=_LATER: get_analyzer(language, version=version)


def lose_passages(store: DocumentStore) -> None:
    """Take a passage from every second document."""
    place = store.place
    passages = everything(place)[place.passages]
    owners = {each.payload[OWN_KEY]["document"]: each.id for each in passages}
    lost = [owners[each] for each in sorted(owners)[::2]]
    place.points.delete(place.passages, lost, what="losing passages")


def _copied(scene: Scene) -> list[str]:
    assert scene.place is not None
    return ["copy", "--path", str(scene.source), "--to", scene.place.target]


def _repaired(scene: Scene) -> list[str]:
    assert scene.place is not None
    return ["verify", "--repair", *scene.place.options]


def _tuned(scene: Scene) -> list[str]:
    chosen = ["--model", str(scene.model), "--device", "cpu", "--minutes", "0.01"]
    return ["tune", "--docs", str(scene.prose), *chosen]


def _measured(scene: Scene) -> list[str]:
    chosen = ["--model", str(scene.model), "--device", "cpu", "--systems", "bm25,truncate"]
    return ["eval", "--data", str(scene.data), "--out", "results", *chosen]


OPERATIONS = (
    Operation("first ingest", Scene.ingest),
    Operation("update", Scene.ingest, before=1, documents=2),
    Operation("removal", Scene.ingest, before=1, documents=3),
    Operation(
        "repair",
        _repaired,
        finish=lambda scene: [scene.ingest()],
        before=1,
        damage=lose_passages,
        statuses=(0, 1),  # it names what is left to an ingest
    ),
    Operation("re-weighing", Scene.ingest, before=1, patch=later_release),
    Operation("copy", _copied),
    Operation("tune", _tuned, stores=False),
    Operation("eval", _measured, stores=False),
)


def contents(store: DocumentStore) -> Contents:
    """All points of all three collections; what depends on the way there is told roughly.

    Which average length a document's words were weighed by depends on what came before it, within
    the tolerance beyond which they are weighed anew.
    """
    return {
        name: {point.id: (_payload(point.payload), _vectors(point.vectors)) for point in points}
        for name, points in everything(store.place).items()
    }


def _payload(payload: Any) -> Any:
    own = dict(payload.get(OWN_KEY, {}))
    own.pop("words", None)  # the sums of their weights, which verify has looked at
    if len(own.get("counts", ())) > 2:
        own["counts"] = own["counts"][:2]
    return {**payload, OWN_KEY: own}


def _vectors(vectors: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, vector in vectors.items():
        if is_sparse(vector):
            told[name] = dict(zip(map(int, vector.indices), map(float, vector.values), strict=True))
        else:
            told[name] = [float(value) for value in vector]
    return told


def difference(one: Contents, other: Contents) -> str | None:
    """The first difference of two collections' contents; None where there is none."""
    for name in one:
        if one[name].keys() != other[name].keys():
            return f"{name}: {len(one[name])} points, expected {len(other[name])}"
        for point, (payload, vectors) in one[name].items():
            expected, their_vectors = other[name][point]
            if payload != expected:
                return f"{name} {point}: payload {payload}, expected {expected}"
            if vectors.keys() != their_vectors.keys():
                return f"{name} {point}: vectors {list(vectors)}"
            for kind, vector in vectors.items():
                if not _is_close(vector, their_vectors[kind]):
                    return f"{name} {point}: {kind}"
    return None


def _is_close(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            abs(value - other[index]) <= TOLERANCE * max(abs(value), abs(other[index]))
            for index, value in one.items()
        )
    return len(one) == len(other) and all(
        abs(value - expected) < 1e-5 for value, expected in zip(one, other, strict=True)
    )
