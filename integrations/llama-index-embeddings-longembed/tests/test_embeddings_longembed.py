"""LongEmbedding and WholeDocument under the hub's names: base classes, serialisation, use."""

from __future__ import annotations

import json
import pickle
import runpy
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import llama_index.embeddings.longembed as hub
import pytest
from llama_index.core import Settings, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.embeddings.utils import resolve_embed_model
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import Document, TextNode, TransformComponent
from llama_index.embeddings.longembed import LongEmbedding, WholeDocument

import longembed_rag
from longembed_rag import LongEncoder
from longembed_rag.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[1]
LEASE = "The lease was signed by the tenant."
GARDEN = "Apples and pears grow in the garden."
# Of every kind that a setting may have: a word, numbers, a choice of None, a text.
OPTIONS: dict[str, Any] = {
    "method": "gp",
    "max_length": 2048,
    "group_size": 4,
    "normalize": False,
    "query_prompt": "query: ",
    "embed_batch_size": 7,
}
NAMES = ("longembed_rag", "longembed_rag.llama_index", "llama_index.embeddings.longembed")


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Give LlamaIndex's global Settings back as they were."""
    before = dict(vars(Settings))
    yield
    vars(Settings).clear()
    vars(Settings).update(before)


@pytest.fixture(scope="session")
def encoder() -> LongEncoder:
    """The model that comes with longembed-rag, alive all along, so that it loads once."""
    return LongEncoder.from_pretrained()


@pytest.fixture
def embedding(encoder: LongEncoder) -> LongEmbedding:
    """An embedding around the model."""
    return LongEmbedding.from_encoder(encoder)


def test_base_classes() -> None:
    """They are what LlamaIndex's own classes of their kind are."""
    assert BaseEmbedding.__name__ in [each.__name__ for each in LongEmbedding.__mro__]
    assert issubclass(LongEmbedding, BaseEmbedding)
    assert issubclass(LongEmbedding, TransformComponent)
    assert issubclass(WholeDocument, TransformComponent)


def test_two_names_for_the_same_classes() -> None:
    """Whichever name they are imported by, they are the same objects; nothing else is exported."""
    assert hub.__all__ == ["LongEmbedding", "WholeDocument"]
    for name in hub.__all__:
        assert len({getattr(import_module(module), name) for module in NAMES}) == 1


def test_the_namespace_is_shared() -> None:
    """No folder on the way is a package of its own, so that LlamaIndex's others stay in reach."""
    for name in ("llama_index", "llama_index.embeddings"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is None, name
    assert find_spec("llama_index.core") is not None
    assert (Path(hub.__file__).parent / "py.typed").is_file()


def test_the_hub_is_told_the_truth() -> None:
    """The table for LlamaIndex's hub names the module, its classes and that there is an example."""
    told = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    table = told["tool"]["llamahub"]
    assert table["import_path"] == hub.__name__
    assert sorted(table["class_authors"]) == hub.__all__
    assert table["contains_example"] is bool(list((PROJECT / "examples").glob("*.py")))
    assert told["project"]["name"] == "llama-index-embeddings-longembed"


@pytest.mark.parametrize("writer", NAMES)
@pytest.mark.parametrize("reader", NAMES)
@pytest.mark.parametrize("options", [{}, OPTIONS])
def test_serialisation(writer: str, reader: str, options: dict[str, Any]) -> None:
    """As a dictionary, as JSON and as a pickle it comes back with all its settings."""
    given = import_module(writer).LongEmbedding(**options)
    cls: Any = import_module(reader).LongEmbedding
    data = given.to_dict()
    assert data["class_name"] == cls.class_name() == "LongEmbedding"
    assert data.items() >= options.items()
    for again in (
        cls.from_dict(data),
        cls.from_dict(json.loads(json.dumps(data))),
        cls.from_json(given.to_json()),
        cls(**data),
        pickle.loads(pickle.dumps(given)),
    ):
        assert again.to_dict() == data
        assert again.settings == given.settings
    changed = cls.from_dict(data, max_length=512)
    assert changed.max_length == 512
    assert data["max_length"] == given.max_length


def test_the_schema_names_the_class() -> None:
    """What reads the JSON schema, as LlamaIndex's services do, finds the class's name in it."""
    for cls in (LongEmbedding, WholeDocument):
        assert cls.model_json_schema()["properties"]["class_name"]["default"] == cls.class_name()


def test_the_loader_of_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entered by its class name, as LlamaIndex's own are, it is made again from a dictionary."""
    from llama_index.core.embeddings.loading import RECOGNIZED_EMBEDDINGS, load_embed_model

    monkeypatch.setitem(RECOGNIZED_EMBEDDINGS, LongEmbedding.class_name(), LongEmbedding)
    given = LongEmbedding(**OPTIONS)
    again = load_embed_model(given.to_dict())
    assert isinstance(again, longembed_rag.LongEmbedding)
    assert again.to_dict() == given.to_dict()


def test_whole_document_comes_back() -> None:
    """The transformation is serialised as LlamaIndex's are."""
    data = WholeDocument(merge_pages=False).to_dict()
    assert data == {"merge_pages": False, "class_name": "WholeDocument"}
    assert WholeDocument.from_dict(data).merge_pages is False
    assert WholeDocument.from_json(WholeDocument().to_json()) == WholeDocument()


def test_serialisation_loads_no_model() -> None:
    """Neither the import nor writing and reading settings loads torch."""
    program = (
        "import sys; from llama_index.embeddings.longembed import LongEmbedding; "
        "data = LongEmbedding(method='gp').to_dict(); "
        "assert LongEmbedding.from_dict(data).to_dict() == data; "
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "False"]


def test_settings() -> None:
    """LlamaIndex's Settings take it, and give it back to be serialised."""
    given = LongEmbedding(**OPTIONS)
    Settings.embed_model = given
    assert Settings.embed_model is given
    assert resolve_embed_model(given) is given
    assert LongEmbedding.from_dict(Settings.embed_model.to_dict()).to_dict() == given.to_dict()


def test_wrong_settings_are_refused() -> None:
    """A setting that is not there, or out of range, is named at once."""
    with pytest.raises(SettingsError, match="max_lenght"):
        LongEmbedding(max_lenght=3)
    with pytest.raises(SettingsError, match="embed_batch_size"):
        LongEmbedding(embed_batch_size=0)
    with pytest.raises(SettingsError, match="method"):
        LongEmbedding.from_dict({**LongEmbedding().to_dict(), "method": "magic"})


async def test_embedding(embedding: LongEmbedding) -> None:
    """Every way to ask for an embedding gives the same numbers, awaited or not."""
    lease, garden = embedding.get_text_embedding_batch([LEASE, GARDEN], show_progress=True)
    assert len(lease) == len(garden) == 384
    assert embedding.get_text_embedding(LEASE) == pytest.approx(lease, abs=1e-6)
    assert await embedding.aget_text_embedding(GARDEN) == pytest.approx(garden, abs=1e-6)
    several = await embedding.aget_text_embedding_batch([LEASE, GARDEN])
    assert several[1] == pytest.approx(garden, abs=1e-6)
    query = embedding.get_query_embedding("who rents the house?")
    assert await embedding.aget_query_embedding("who rents the house?") == pytest.approx(query)
    assert embedding.similarity(query, lease) > embedding.similarity(query, garden)
    assert embedding.get_agg_embedding_from_queries([LEASE, LEASE]) == pytest.approx(
        embedding.get_query_embedding(LEASE), abs=1e-6
    )


async def test_transformation(embedding: LongEmbedding) -> None:
    """As a step of a pipeline it puts the embeddings on the nodes."""
    nodes = embedding([TextNode(text=LEASE), TextNode(text=GARDEN)])
    again = await embedding.acall([TextNode(text=LEASE)])
    assert nodes[0].embedding == pytest.approx(embedding.get_text_embedding(LEASE), abs=1e-6)
    assert again[0].embedding == pytest.approx(nodes[0].embedding, abs=1e-6)
    assert nodes[1].embedding != nodes[0].embedding


def test_a_stored_pipeline_knows_it_again(embedding: LongEmbedding, tmp_path: Path) -> None:
    """A pipeline's cache that was made under one name serves one that is made under the other."""
    documents = [Document(id_="lease", text=LEASE), Document(id_="garden", text=GARDEN)]
    first = IngestionPipeline(transformations=[WholeDocument(), embedding])
    nodes = first.run(documents=documents)
    first.persist(str(tmp_path))
    other = longembed_rag.LongEmbedding.from_dict(embedding.to_dict())
    second = IngestionPipeline(transformations=[longembed_rag.WholeDocument(), other])
    second.load(str(tmp_path))
    entries = second.cache.cache.get_all(collection=second.cache.collection)
    assert len(entries) == 2
    again = second.run(documents=documents)
    assert [each.embedding for each in again] == [each.embedding for each in nodes]
    assert second.cache.cache.get_all(collection=second.cache.collection).keys() == entries.keys()


def test_a_stored_index_opens_again(embedding: LongEmbedding, tmp_path: Path) -> None:
    """An index on disk answers as before, with an embedding that was made from its dictionary."""
    index = VectorStoreIndex.from_documents(
        [Document(id_="lease", text=LEASE), Document(id_="garden", text=GARDEN)],
        transformations=[WholeDocument()],
        embed_model=embedding,
    )
    index.storage_context.persist(str(tmp_path))
    Settings.embed_model = LongEmbedding.from_dict(embedding.to_dict())
    again = load_index_from_storage(StorageContext.from_defaults(persist_dir=str(tmp_path)))
    (found,) = again.as_retriever(similarity_top_k=1).retrieve("who rents the house?")
    assert found.node.ref_doc_id == "lease"


def test_the_example_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The example answers about its own reports, and about a folder."""
    main = runpy.run_path(str(PROJECT / "examples" / "whole_documents.py"))["main"]
    main([])
    assert "lease.txt" in capsys.readouterr().out.splitlines()[0]
    (tmp_path / "pears.txt").write_text(GARDEN)
    main([str(tmp_path), "--query", "fruit"])
    assert capsys.readouterr().out.split()[1] == "pears.txt"


def test_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """What the README shows is what it says."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    exec(readme.split("```python\n")[1].split("```")[0], {})
    assert capsys.readouterr().out == "lease\n"
