"""WholeDocument: one node, one point, per document."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import UUID

from llama_index.core.bridge.pydantic import Field
from llama_index.core.schema import (
    BaseNode,
    Document,
    MetadataMode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
    TransformComponent,
)

from longembed_rag.errors import InputError, LongEmbedWarning
from longembed_rag.store.values import document_id

#: Metadata that changes while the content stays: kept, but left out of a document's hash.
VOLATILE_METADATA = frozenset(
    {
        "creation_date",
        "last_modified_date",
        "last_accessed_date",
        "last_modified",
        "ctime",
        "mtime",
        "atime",
    }
)
_PATH_KEY = "file_path"
_PAGE_KEY = "page_label"
_PART = re.compile(r"_part_\d+")


class WholeDocument(TransformComponent):
    """Turns every document into one node, to be embedded whole and stored as one Qdrant point.

    The node's id is a uuid5, the same on every run, so that writing a document again replaces its
    point. It is made from, in this order: the id that was given to the document; where that is
    only LlamaIndex's random one, the metadata's ``file_path``, ``source`` or ``url`` (with the
    page label of a page); else the text and the metadata. The SOURCE relationship names the
    document by its own id, so that ``delete_ref_doc`` and ``update_ref_doc`` find the point.
    Metadata stays with the node and out of the embedded text.

    LlamaIndex decides which documents are new or changed before a transformation sees them, by
    their id and a hash over text and metadata. So hand the documents of a reader to
    :meth:`prepare` first: it joins the pages of a file, gives each file its path as id, and a
    hash that a new modification date does not change.

    A server takes at most 32 MiB per request: for long documents give
    ``QdrantVectorStore(batch_size=8)`` or less.

    Example:
        >>> whole = WholeDocument()
        >>> documents = whole.prepare(SimpleDirectoryReader("papers").load_data())
        >>> index = VectorStoreIndex.from_documents(documents, transformations=[whole])
    """

    merge_pages: bool = Field(
        default=True, description="Whether prepare() makes one document of a file's pages."
    )

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "WholeDocument"

    def prepare(self, documents: Iterable[Document]) -> list[Document]:
        """One document per file, with a stable id and a hash that follows the content.

        Needs every page of a file in one call: a transformation would see only the pages that
        changed, or those of its worker process, which is why joining happens here.

        Args:
            documents: What readers gave, in their order.

        Returns:
            Documents with a stable ``id_``: the one that was given, else the file's path, else
            what the class says. Those of one ``file_path`` are joined, by an empty line, unless
            they were given ids of their own; metadata that all pages share is kept.
        """
        documents = list(documents)
        groups: dict[str | int, tuple[str, list[Document]]] = {}
        for position, (document, name) in enumerate(zip(documents, _names(documents), strict=True)):
            path = str(document.metadata.get(_PATH_KEY) or "")
            if self.merge_pages and path and _is_random_or_made_from(document, path):
                _, pages = groups.setdefault(path, (path, []))
            else:
                _, pages = groups.setdefault(position, (name, []))
            pages.append(document)
        return [_join(name, pages) for name, pages in groups.values()]

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[BaseNode]:
        """Make one text node per document.

        Args:
            nodes: Documents, or text nodes of another transformation.
            **kwargs: Ignored.

        Returns:
            One :class:`TextNode` per document with text, in order. Documents without text are
            left out with a warning that names them; the same document twice gives one node.

        Raises:
            InputError: Two documents have one id and different texts.
        """
        result: dict[str, BaseNode] = {}
        for node, name in zip(nodes, _names(nodes), strict=True):
            text = node.get_content(metadata_mode=MetadataMode.NONE)
            if not text.strip():
                _warn(f"{name} holds no text and is left out")
                continue
            whole = _whole_node(node, name, text)
            known = result.setdefault(whole.id_, whole)
            if known.get_content(metadata_mode=MetadataMode.NONE) != text:
                raise InputError(
                    f"two documents have the id {name!r} and different texts: the second would "
                    "replace the first. Give each its own id_"
                )
        if self.merge_pages:
            _warn_of_parts(nodes)
        return list(result.values())


class _PreparedDocument(Document):
    """A document whose hash leaves out the metadata that changes while the content stays."""

    @property
    def hash(self) -> str:
        """Hash of the text and of the metadata that belongs to the content."""
        return _content_hash(self)


def _is_random_or_made_from(node: BaseNode, path: str) -> bool:
    """Whether nobody chose the id: it is random, or a reader made it from the file's path."""
    made = node.id_.startswith(path) and _PART.fullmatch(node.id_, len(path)) is not None
    return made or _is_random(node.id_)


def _is_random(name: str) -> bool:
    return _uuid_version(name) == 4


def _uuid_version(name: str) -> int | None:
    """Which kind of UUID a name is, if it is one in its usual spelling."""
    try:
        value = UUID(name)
    except ValueError:
        return None
    return value.version if str(value) == name.lower() else None


def _source(node: BaseNode) -> str | None:
    """Where a document came from, as its reader wrote it down."""
    path = node.metadata.get(_PATH_KEY)
    if path:
        return str(path)
    for key in ("source", "url"):
        value = str(node.metadata.get(key, ""))
        # Many use "source" for a kind ("newsletter"), which is no document's name.
        if "://" in value or Path(value).is_absolute() or PureWindowsPath(value).is_absolute():
            return value
    return None


def _content_hash(node: BaseNode) -> str:
    stable = sorted(
        (str(key), str(value))
        for key, value in node.metadata.items()
        if key not in VOLATILE_METADATA
    )
    content = repr(stable) + node.get_content(metadata_mode=MetadataMode.NONE)
    return sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _page_key(node: BaseNode, source: str) -> str:
    page = node.metadata.get(_PAGE_KEY)
    return source if page is None else f"{source}#page={page}"


def _numbered(key: str, taken: set[str]) -> str:
    """The key itself, or with a number where an earlier part of the same file has it."""
    if key not in taken:
        return key
    number = 1
    while f"{key}#part={number}" in taken:
        number += 1
    return f"{key}#part={number}"


def _names(nodes: Sequence[BaseNode]) -> list[str]:
    """What each document is called, the same on every run; its point's id is made from this."""
    names: list[str] = []
    taken: set[str] = set()
    for node in nodes:
        source = _source(node)
        if not _is_random(node.id_):
            name = node.id_
        elif source is not None:
            name = _numbered(_page_key(node, source), taken)
        else:
            name = _content_hash(node)
        taken.add(name)
        names.append(name)
    return names


def _warn_of_parts(nodes: Sequence[BaseNode]) -> None:
    """Say so when files come in parts: a reader of whole documents did not mean that."""
    paths = (str(node.metadata[_PATH_KEY]) for node in nodes if node.metadata.get(_PATH_KEY))
    parts = {path: count for path, count in Counter(paths).items() if count > 1}
    if parts:
        path = min(parts)
        _warn(
            f"{path} came in {parts[path]} parts, and each becomes a document of its own "
            f"({len(parts)} such files): call WholeDocument().prepare(documents) first to keep "
            "files whole, or set merge_pages=False"
        )


def _whole_node(node: BaseNode, name: str, text: str) -> TextNode:
    template = getattr(node, "text_template", None)
    source = node.source_node or RelatedNodeInfo(
        # Without the metadata that LlamaIndex would repeat here: the node carries it.
        node_id=node.id_,
        node_type=node.get_type(),
        hash=node.hash,
    )
    return TextNode(
        # An id that is a uuid5 already is kept, so that doing this twice changes nothing.
        id_=name if _uuid_version(name) == 5 else document_id(name),
        text=text,
        metadata=dict(node.metadata),
        excluded_embed_metadata_keys=list(
            dict.fromkeys([*node.excluded_embed_metadata_keys, *node.metadata])
        ),
        excluded_llm_metadata_keys=list(node.excluded_llm_metadata_keys),
        metadata_template=node.metadata_template,
        metadata_separator=node.metadata_separator,
        relationships={NodeRelationship.SOURCE: source},
        **({} if template is None else {"text_template": template}),
    )


def _join(name: str, pages: Sequence[Document]) -> Document:
    first = pages[0]
    shared = {
        key: value
        for key, value in first.metadata.items()
        if all(page.metadata.get(key) == value for page in pages)
    }
    # By name: Document's own constructor takes text and metadata, which type checkers do not see.
    values: dict[str, Any] = {
        "id_": name,
        "text": "\n\n".join(page.text for page in pages),
        "metadata": shared,
        "excluded_embed_metadata_keys": list(first.excluded_embed_metadata_keys),
        "excluded_llm_metadata_keys": list(first.excluded_llm_metadata_keys),
        "metadata_template": first.metadata_template,
        "metadata_separator": first.metadata_separator,
        "text_template": first.text_template,
    }
    return _PreparedDocument(**values)


def _warn(message: str) -> None:
    warnings.warn(message, LongEmbedWarning, stacklevel=3)
