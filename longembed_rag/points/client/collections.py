"""Collections through a qdrant-client: finding, making and indexing them, and their rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from longembed_rag.errors import StoreError
from longembed_rag.points.client.cluster import Replicas
from longembed_rag.points.client.conversion import create_arguments, values_of
from longembed_rag.points.client.facts import Facts
from longembed_rag.points.client.gateway import Gateway
from longembed_rag.points.client.rules import FREE, Rules
from longembed_rag.points.nearness import Comparing, Nearness
from longembed_rag.points.port import LOGIN, NOT_FOUND, Failure
from longembed_rag.points.values import TENANT_INDEX, Described, Layout, described_kind

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import CollectionInfo

    from longembed_rag.points.spread import MissingReplicas

Result = TypeVar("Result")

# Points that are looked at for what a field holds.
_SAMPLE = 256
# What is answered when a collection has come into being in the meantime.
_CONFLICT = (400, 409)
_REFUSED = 400
_VERSION = re.compile(r"(?P<major>\d+)\.(?P<minor>\d+)")
# The first version that counts how rare terms are among some of the points; earlier ones pass the
# wish over in silence.
_WEIGHS_CORPORA = (1, 19)
_, _FORBIDDEN = LOGIN


class ClientCollections:
    """The collections that a qdrant-client leads to, and what each of them allows.

    Args:
        client: The client.
        gateway: How it is called.
        engine: ``"server"``, or ``"local"`` for the client's own local mode.
        on_close: What closing it does.
        believing: What is to be done once the files of local mode, which somebody has changed,
            have been found whole; None where nobody has.
        nearness: When a server is to compare a query with every vector.
    """

    def __init__(
        self,
        client: QdrantClient,
        gateway: Gateway,
        *,
        engine: str,
        on_close: Callable[[], None] = lambda: None,
        believing: Callable[[], None] | None = None,
        nearness: Nearness | None = None,
    ) -> None:
        self._believing = believing
        self._nearness = nearness or Nearness()
        self._replicas = Replicas(client)
        self._facts: dict[str, Facts] = {}
        self.client = client
        self.gateway = gateway
        self.engine = engine
        self._on_close = on_close
        self._rules: dict[str, Rules] = {}
        self._aliases: dict[str, str] | None = None

    @property
    def location(self) -> str:
        """Folder or address, for messages."""
        return self.gateway.location

    @property
    def embedded(self) -> bool:
        """Whether it is local mode."""
        return self.engine != "server"

    @property
    def changes(self) -> None:
        """Nothing: others write to a server, and other programs by the client of local mode."""
        return None

    @property
    def is_touched(self) -> bool:
        """Whether somebody has changed the files of local mode."""
        return self._believing is not None

    def believe(self) -> None:
        """Go on with files that were found whole."""
        if self._believing is not None:
            self._believing()
            self._believing = None

    def describe(self, name: str) -> Described | None:
        """A collection; None when it is not there."""
        what = f"reading collection {name!r}"
        if not self.gateway.call(lambda: self.client.collection_exists(name), what=what):
            return None
        own = self._own_name(name)

        def read() -> Described:
            info = self._info(own)
            return Described(
                name=own,
                metadata=info.config.metadata or {},
                indexes=self._rules[own].indexes,
                spread=None if self.embedded else self._facts[own].spread,
            )

        return self.gateway.call(read, what=what)

    def _info(self, name: str) -> CollectionInfo:
        """What a collection says of itself, which is kept."""
        info = self.client.get_collection(name)
        self._rules[name] = Rules.of(info)
        if not self.embedded:
            self._facts[name] = Facts.of(info)
        return info

    @property
    def served(self) -> ClientCollections | None:
        """What can be told of a server's answers: this object, where it leads to one."""
        return None if self.embedded else self

    def missing(self, names: Sequence[str]) -> MissingReplicas | None:
        """The replicas that take no part in answers; of collections that are spread alike."""
        known = [self._facts[name].spread for name in names if name in self._facts]
        if not known:
            return None
        return self._replicas.missing(dict.fromkeys(names, known[0]))

    def stop_weighing(self, name: str, vectors: Sequence[str]) -> None:
        """Put no longer into sparse vectors how rare their terms are."""
        from qdrant_client.models import Modifier, SparseVectorParams

        changed = {each: SparseVectorParams(modifier=Modifier.NONE) for each in vectors}
        self.gateway.call(
            lambda: self.client.update_collection(name, sparse_vectors_config=changed),
            what=f"changing collection {name!r}",
        )

    def require_corpora(self) -> None:
        """Refuse a server that counts over all points how rare terms are, whatever is asked."""
        told = self.gateway.call(self.client.info, what="asking for the server's version").version
        found = _VERSION.match(told)
        if found is None or (int(found["major"]), int(found["minor"])) < _WEIGHS_CORPORA:
            raise StoreError(
                f"the server at {self.location} is Qdrant {told}, which weighs words over the "
                "documents of all tenants; collections with tenants need Qdrant 1.19 or later"
            )

    def comparing(self, name: str, *, failure: Failure | None = None) -> Comparing:
        """How a query's vector is compared with a collection's; its size is read once a minute."""
        if self.embedded:
            return Comparing()
        facts = self._facts.get(name)
        if facts is None or not facts.is_fresh:
            what = f"reading collection {name!r}"
            self.gateway.call(lambda: self._info(name), what=what, failure=failure)
            facts = self._facts[name]
        return self._nearness.of(
            facts.points, on_disk=facts.on_disk, quantization=facts.quantization
        )

    def _own_name(self, name: str) -> str:
        """The name of the collection that an alias stands for; other names stand for themselves."""
        if self.embedded:
            return name
        if self._aliases is None:
            # Who may not list the aliases has none.
            found = self._unless_forbidden(self.client.get_aliases, what="reading the aliases")
            listed = [] if found is None else found.aliases
            self._aliases = {each.alias_name: each.collection_name for each in listed}
        return self._aliases.get(name, name)

    def _unless_forbidden(self, action: Callable[[], Result], *, what: str) -> Result | None:
        """Call the client; None where the key may not do this, or the server cannot."""
        refused: list[int | None] = []
        make = self.gateway.failing(what)

        def failure(told: str, status: int | None) -> StoreError:
            refused.append(status)
            return make(told, status)

        try:
            return self.gateway.call(action, what=what, failure=failure)
        except StoreError:
            if refused and refused[-1] in (_FORBIDDEN, NOT_FOUND):
                return None
            raise

    def make(
        self, name: str, layout: Layout, *, metadata: Mapping[str, Any] | None = None
    ) -> Described:
        """Make a collection; one that somebody else has made just now is as good."""
        refused: list[int | None] = []

        def failure(told: str, status: int | None) -> StoreError:
            refused.append(status)
            return StoreError(f"collection {name!r} could not be made at {self.location}: {told}")

        given = create_arguments(layout, metadata, server=not self.embedded)
        try:
            self.gateway.call(
                lambda: self.client.create_collection(name, **given),
                what="making the collection",
                failure=failure,
            )
        except StoreError:
            # Another process made it just now, or an earlier try whose answer was lost.
            conflict = self.embedded or refused[-1] in _CONFLICT
            if not conflict or (found := self.describe(name)) is None:
                raise
            return found
        made = self.describe(name)
        if made is None:
            raise StoreError(f"collection {name!r} is gone again from {self.location}")
        return made

    def note(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Change what is noted down with a collection."""
        self.gateway.call(
            lambda: self.client.update_collection(name, metadata=dict(metadata)),
            what=f"noting in collection {name!r}",
        )

    def drop(self, name: str) -> None:
        """Remove a collection, if it is there."""
        self.gateway.call(
            lambda: self.client.delete_collection(name), what=f"removing collection {name!r}"
        )

    def index(self, name: str, fields: Mapping[str, Sequence[str]]) -> None:
        """Index fields of the payload that are not indexed yet; none in local mode.

        A field has one index. Where only indexed fields may be filtered by, one that serves none of
        the ways that are asked for makes room for one that does.
        """
        if self.embedded or self.describe(name) is None:
            return
        for field, kinds in fields.items():
            if self._rules[name].lacks(field, kinds):
                kind = self._kind(name, field, kinds)
                self._make_index(name, field, kind)
                self._rules[name] = self._rules[name].with_index(field, described_kind(kind))

    def close(self) -> None:
        """Close it, if it is ours, and let other processes in; again is harmless."""
        self._on_close()

    def _make_index(self, name: str, field: str, kind: str) -> None:
        from qdrant_client.models import KeywordIndexParams, KeywordIndexType, PayloadSchemaType

        schema = (
            KeywordIndexParams(type=KeywordIndexType.KEYWORD, is_tenant=True)
            if kind == TENANT_INDEX
            else PayloadSchemaType(kind)
        )
        self.gateway.call(
            lambda: self.client.create_payload_index(
                name, field_name=field, field_schema=schema, wait=True
            ),
            what=f"making an index on {field!r} in {name!r}",
        )

    def _kind(self, name: str, field: str, kinds: Sequence[str]) -> str:
        """Of several kinds of index the one that fits what the first points hold."""
        if len(kinds) < 2 or "keyword" not in kinds:
            return kinds[0]
        most = min(_SAMPLE, self._rules[name].most_found or _SAMPLE)
        found, _ = self.gateway.call(
            lambda: self.client.scroll(name, limit=most, with_payload=[field]),
            what=f"reading {field!r}",
        )
        texts = Counter(isinstance(each, str) for each in values_of(found, field))
        return "keyword" if texts[True] > texts[False] else kinds[0]

    def _within_rules(
        self,
        name: str,
        run: Callable[[Rules, Failure], Result],
        *,
        what: str,
        failure: Failure | None = None,
    ) -> Result:
        """Do something as a collection's rules allow.

        The rules are asked for when something has been refused, not before each first request;
        they may have changed since they were last told.
        """
        make = failure or self.gateway.failing(what)
        known = self._rules.get(name, FREE)
        if self.embedded:
            return run(FREE, make)
        refused: list[int | None] = []

        def noted(told: str, status: int | None) -> StoreError:
            refused.append(status)
            return make(told, status)

        try:
            return run(known, noted)
        except StoreError:
            if refused[-1:] != [_REFUSED] or self.describe(name) is None:
                raise
            if self._rules[name] == replace(known, indexes=self._rules[name].indexes):
                raise
        return run(self._rules[name], make)
