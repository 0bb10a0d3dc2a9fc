"""What a collection on a server allows: limits, and filters on indexed fields only.

Qdrant's strict mode, which its cloud turns on for every collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from longembed_rag.points.filters import (
    FieldCondition,
    Filter,
    HasIdCondition,
    MatchAny,
    clause_of,
    filtered_fields,
)

if TYPE_CHECKING:
    from qdrant_client.models import CollectionInfo

#: Kinds of index that serve a condition that asks for another.
_SERVE_TOO = {("uuid", "keyword"), ("integer", "float")}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a collection allows; None where there is no limit.

    Attributes:
        most_found: Most points in one answer.
        most_written: Most points in one request to write.
        most_asked: Most queries in one request.
        most_values: Most values, or ids, in one condition of a filter.
        most_ef: Most points that a search through the graph may keep in sight.
        most_oversampling: How many times as many points may be looked up by quantized vectors.
        allows_exact: Whether a query may be compared with every vector.
        only_indexed: Whether only indexed fields of the payload may be filtered by.
        indexes: Kind of the index of each indexed field.
    """

    most_found: int | None = None
    most_written: int | None = None
    most_asked: int | None = None
    most_values: int | None = None
    most_ef: int | None = None
    most_oversampling: float | None = None
    allows_exact: bool = True
    only_indexed: bool = False
    indexes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, info: CollectionInfo) -> Rules:
        """What a collection says of itself."""
        strict = info.config.strict_mode_config
        indexes = {key: str(each.data_type.value) for key, each in info.payload_schema.items()}
        if strict is None or not strict.enabled:
            return cls(indexes=indexes)
        return cls(
            most_found=strict.max_query_limit,
            most_written=strict.upsert_max_batchsize,
            most_asked=strict.search_max_batchsize,
            most_values=strict.condition_max_size,
            most_ef=strict.search_max_hnsw_ef,
            most_oversampling=strict.search_max_oversampling,
            allows_exact=strict.search_allow_exact is not False,
            only_indexed=strict.unindexed_filtering_retrieve is False,
            indexes=indexes,
        )

    def lacks(self, key: str, kinds: Sequence[str]) -> bool:
        """Whether a field needs another index before it can be filtered by in one of some ways."""
        there = self.indexes.get(key)
        if there is None or not self.only_indexed:
            return there is None
        return not any(_serves(there, kind) for kind in kinds)

    def with_index(self, key: str, kind: str) -> Rules:
        """The rules once a field is indexed."""
        return replace(self, indexes={**self.indexes, key: kind})

    def narrowed(self, given: Any) -> Any:
        """A filter that keeps to what is allowed.

        It asks of each field what its index can answer, where only that may be asked, and for many
        values by several conditions where one may not hold them all.

        A number is looked for as a number and as a text, and a field has one index: of several
        alternatives on a field those go that it does not serve. Where none is served all stay,
        and the server says what it lacks.
        """
        if given is None or (not self.only_indexed and self.most_values is None):
            return given
        return self._narrowed(given)

    def _narrowed(self, given: Any) -> Any:
        if type(given) is HasIdCondition:
            return self._parted(given.has_id, HasIdCondition)
        if type(given) is FieldCondition and isinstance(given.match, MatchAny):
            key = given.key
            return self._parted(
                given.match.any, lambda part: FieldCondition(key, match=MatchAny(part))
            )
        if type(given) is not Filter:
            return given  # another condition, or a filter that somebody made for this very server
        return Filter(
            must=self._each(given.must),
            should=self._alternatives(self._each(given.should)),
            must_not=self._each(given.must_not),
        )

    def _parted(self, values: Sequence[Any], make: Callable[[Sequence[Any]], Any]) -> Any:
        """A condition on one of many values, in parts of as many as one may have."""
        most = self.most_values
        if most is None or len(values) <= most:
            return make(values)
        parts = [values[start : start + most] for start in range(0, len(values), most)]
        return Filter(should=[make(part) for part in parts])

    def _each(self, clause: Any) -> list[Any] | None:
        return None if clause is None else [self._narrowed(each) for each in clause_of(clause)]

    def _alternatives(self, clause: list[Any] | None) -> list[Any] | None:
        if clause is None or not self.only_indexed:
            return clause
        served = [each for each in clause if self._is_served(each)]
        return served or clause

    def _is_served(self, condition: Any) -> bool:
        asked = filtered_fields(condition)
        return all(
            key not in self.indexes or _serves(self.indexes[key], kind) for key, kind in asked
        )


def _serves(there: str, kind: str) -> bool:
    return there == kind or (there, kind) in _SERVE_TOO


FREE = Rules()
