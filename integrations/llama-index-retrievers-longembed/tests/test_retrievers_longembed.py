"""LongRetriever under the hub's name: base classes, what it gives, serialisation of nodes."""

from __future__ import annotations

import json
import pickle
import runpy
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import llama_index.retrievers.longembed as hub
import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.bridge.pydantic import Field
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.llama_debug import LlamaDebugHandler
from llama_index.core.callbacks.schema import CBEventType
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.base import BaseEvent
from llama_index.core.instrumentation.events.retrieval import RetrievalEndEvent
from llama_index.core.llms import MockLLM
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.storage.docstore.utils import doc_to_json, json_to_doc
from llama_index.core.tools import RetrieverTool
from llama_index.core.vector_stores.types import (
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict
from llama_index.retrievers.longembed import LongRetriever

from longembed_rag import Document, Library, LongEncoder
from longembed_rag.errors import CollectionNotFoundError, SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[1]
LEASE = "The lease was signed by the tenant."
GARDEN = "Apples and pears grow in the garden."
QUESTION = "who signed the lease?"
DOCUMENTS = [
    Document(id="lease", text=LEASE, metadata={"year": 2003, "page": 7}),
    Document(id="garden", text=GARDEN, metadata={"year": 2010, "tags": ["fruit", "trees"]}),
]
NAMES = ("longembed_rag", "longembed_rag.llama_index", "llama_index.retrievers.longembed")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library with two documents, read by the model that comes with longembed-rag."""
    place = tmp_path_factory.mktemp("library") / "store"
    with Library.open(place, encoder=LongEncoder.from_pretrained()) as opened:
        assert opened.add(DOCUMENTS).added == 2
        yield opened


@pytest.fixture
def retriever(library: Library) -> LongRetriever:
    """A retriever of the best documents' passages."""
    return LongRetriever(library, similarity_top_k=2)


def sources(found: list[NodeWithScore]) -> list[str]:
    """The documents of nodes, in order."""
    return [each.node.metadata["document_id"] for each in found]


def test_base_classes() -> None:
    """It is what LlamaIndex's own retrievers are."""
    assert BaseRetriever.__name__ in [each.__name__ for each in LongRetriever.__mro__]
    assert issubclass(LongRetriever, BaseRetriever)


def test_two_names_for_the_same_class() -> None:
    """Whichever name it is imported by, it is the same object; nothing else is exported."""
    assert hub.__all__ == ["LongRetriever"]
    assert len({import_module(name).LongRetriever for name in NAMES}) == 1


def test_the_namespace_is_shared() -> None:
    """No folder on the way is a package of its own, so that LlamaIndex's others stay in reach."""
    for name in ("llama_index", "llama_index.retrievers"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is None, name
    assert find_spec("llama_index.core") is not None
    assert (Path(hub.__file__).parent / "py.typed").is_file()


def test_the_hub_is_told_the_truth() -> None:
    """The table for LlamaIndex's hub names the module, its class and that there is an example."""
    told = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    table = told["tool"]["llamahub"]
    assert table["import_path"] == hub.__name__
    assert sorted(table["class_authors"]) == hub.__all__
    assert table["contains_example"] is bool(list((PROJECT / "examples").glob("*.py")))
    assert told["project"]["name"] == "llama-index-retrievers-longembed"


async def test_retrieve(retriever: LongRetriever) -> None:
    """A text or a bundle finds the passages, awaited or not, the best document first."""
    found = retriever.retrieve(QUESTION)
    assert sources(found) == ["lease", "garden"]
    assert found[0].node.get_content() == LEASE
    for again in (
        retriever.retrieve(QueryBundle(QUESTION)),
        await retriever.aretrieve(QUESTION),
        await retriever.aretrieve(QueryBundle(QUESTION)),
    ):
        assert [(each.node_id, each.score) for each in again] == [
            (each.node_id, pytest.approx(each.score, abs=1e-5)) for each in found
        ]


def test_a_passage_carries_its_place(retriever: LongRetriever) -> None:
    """Where it comes from and where it stands are in its metadata, beside the document's own."""
    node = retriever.retrieve(QUESTION)[0].node
    told = node.metadata
    assert (told["source"], told["document_id"], told["start_index"]) == ("lease", "lease", 0)
    assert (told["year"], told["page"]) == (2003, 7)
    assert node.ref_doc_id == "lease"
    shown = node.get_content(metadata_mode=MetadataMode.LLM)
    assert "year: 2003" in shown
    assert not any(key in shown for key in ("longembed", "start_index", "document_id", "source"))


@pytest.mark.parametrize("returns", ["passages", "documents"])
def test_what_is_found_can_be_stored(library: Library, returns: str) -> None:
    """Nodes come back from dictionaries, JSON, document stores and pickles, as they were."""
    found = LongRetriever(library, returns=returns).retrieve(QUESTION)  # type: ignore[arg-type]
    assert len(found) == 2
    for each in found:
        assert pickle.loads(pickle.dumps(each)).score == each.score
        node = each.node
        for again in (
            TextNode.from_dict(node.to_dict()),
            TextNode.from_dict(json.loads(json.dumps(node.to_dict()))),
            TextNode.from_json(node.to_json()),
            json_to_doc(doc_to_json(node)),
            metadata_dict_to_node(node_to_metadata_dict(node)),
            pickle.loads(pickle.dumps(node)),
        ):
            assert again.node_id == node.node_id
            assert again.metadata == node.metadata
            assert again.relationships == node.relationships
            for mode in MetadataMode:
                assert again.get_content(metadata_mode=mode) == node.get_content(metadata_mode=mode)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse", "passages"])
def test_modes(library: Library, mode: str) -> None:
    """Every mode finds the document that answers."""
    found = LongRetriever(library, mode=mode, similarity_top_k=1).retrieve(  # type: ignore[arg-type]
        QUESTION
    )
    assert sources(found) == ["lease"]


@pytest.mark.parametrize(
    ("key", "operator", "value", "expected"),
    [
        ("year", FilterOperator.GT, 2003, ["garden"]),
        ("year", FilterOperator.EQ, 2003, ["lease"]),
        ("tags", FilterOperator.ALL, ["fruit", "trees"], ["garden"]),
        ("tags", FilterOperator.IS_EMPTY, None, ["lease"]),
    ],
)
def test_filters(
    library: Library, key: str, operator: FilterOperator, value: object, expected: list[str]
) -> None:
    """LlamaIndex's filters say which documents are looked at."""
    filters = MetadataFilters(
        filters=[MetadataFilter(key=key, operator=operator, value=value)]  # type: ignore[arg-type]
    )
    assert sources(LongRetriever(library, filters=filters).retrieve(QUESTION)) == expected


async def test_in_a_query_engine(retriever: LongRetriever) -> None:
    """An engine answers from what it finds, and a postprocessor cuts by its scores."""
    first, second = (each.score for each in retriever.retrieve(QUESTION))
    assert first is not None
    assert second is not None
    engine = RetrieverQueryEngine.from_args(
        retriever,
        llm=MockLLM(),
        node_postprocessors=[SimilarityPostprocessor(similarity_cutoff=(first + second) / 2)],
    )
    for answer in (engine.query(QUESTION), await engine.aquery(QUESTION)):
        assert LEASE in str(answer)
        assert GARDEN not in str(answer)
        assert sources(answer.source_nodes) == ["lease"]


def test_in_a_fusion_and_as_a_tool(library: Library, retriever: LongRetriever) -> None:
    """LlamaIndex's fusion knows that two retrievers found one node, and an agent can call it."""
    fusion = QueryFusionRetriever(
        [retriever, LongRetriever(library, mode="sparse")],
        llm=MockLLM(),
        num_queries=1,
        mode="reciprocal_rerank",  # type: ignore[arg-type]
        use_async=False,
    )
    assert sources(fusion.retrieve(QUESTION)) == ["lease", "garden"]
    tool = RetrieverTool.from_defaults(retriever, name="reports", description="Our reports.")
    assert LEASE in str(tool.call(QUESTION).content)


class _Recorder(BaseEventHandler):
    """Keeps the retrievals that end."""

    ends: list[RetrievalEndEvent] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        """Its name."""
        return "_Recorder"

    def handle(self, event: BaseEvent, **kwargs: object) -> None:
        """Keep it, if it is one."""
        if isinstance(event, RetrievalEndEvent):
            self.ends.append(event)


def test_callbacks_and_tracing(library: Library) -> None:
    """Both ways in which LlamaIndex watches a retriever tell of a retrieval."""
    handler, recorder = LlamaDebugHandler(print_trace_on_end=False), _Recorder()
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(recorder)
    try:
        watched = LongRetriever(library, callback_manager=CallbackManager([handler]))
        found = watched.retrieve(QUESTION)
    finally:
        dispatcher.event_handlers.remove(recorder)
    assert [event.nodes for event in recorder.ends] == [found]
    pairs = handler.get_event_pairs(CBEventType.RETRIEVE)
    assert [len(end.payload["nodes"]) for _, end in pairs] == [len(found)]


def test_opening(library: Library, tmp_path: Path) -> None:
    """It opens a store of its own, and what cannot be opened is named."""
    with Library.open(tmp_path / "other", encoder=library.encoder) as other:
        other.add(DOCUMENTS[0])
    with LongRetriever.open(path=tmp_path / "other", mode="sparse") as opened:
        assert sources(opened.retrieve("lease")) == ["lease"]
    with pytest.raises(CollectionNotFoundError, match="nothing"):
        LongRetriever.open(path=tmp_path / "nothing")
    with pytest.raises(SettingsError, match="returns"):
        LongRetriever(library, returns="pages")  # type: ignore[arg-type]


def test_the_example_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The example answers about its own reports, and about a folder."""
    main = runpy.run_path(str(PROJECT / "examples" / "ask_reports.py"))["main"]
    main([])
    assert capsys.readouterr().out.splitlines()[0].endswith(f"lease.txt, from character 0: {LEASE}")
    (tmp_path / "pears.txt").write_text(GARDEN)
    main([str(tmp_path), "--query", "fruit"])
    assert "pears.txt" in capsys.readouterr().out


def test_the_readme_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the README shows is what it says."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "lease.txt").write_text(LEASE)
    (tmp_path / "reports" / "garden.txt").write_text(GARDEN)
    with Library.open() as library:
        library.ingest("reports")
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    exec(readme.split("```python\n")[1].split("```")[0], {})
    assert capsys.readouterr().out == f"lease.txt - {LEASE}\n"
