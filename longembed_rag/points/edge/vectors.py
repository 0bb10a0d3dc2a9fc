"""Vectors on their way into the engine and out of it.

Every vector is checked before the engine sees it. It would refuse many of the wrong ones itself,
but only after it has written them to its log, panics on some, and then on the log each time the
shard is opened: the collection would be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from longembed_rag.points.edge.convert import point_id

if TYPE_CHECKING:
    import numpy as np
    import qdrant_edge as edge
    from numpy.typing import NDArray

    from longembed_rag.points.edge.folders import Description

Result = TypeVar("Result")

#: Name of the vector of a collection that has only one.
UNNAMED = ""
_LARGEST_INDEX = 2**32 - 1
# Far below the largest of float32.
_LARGEST_FLOAT = 1e38


class VectorLayout:
    """Which vectors the points of a collection have.

    Args:
        description: What the collection is.
    """

    def __init__(self, description: Description) -> None:
        vectors = named_vectors(description.vectors)
        self._sizes = {name: params["size"] for name, params in vectors.items()}
        self._several = {
            name for name, params in vectors.items() if params.get("multivector_config")
        }
        self._sparse = set(description.sparse_vectors)
        self.names = {*self._sizes, *self._sparse}

    def convert_all(self, given: Any) -> dict[str, Any]:
        """A point's vectors for the engine: by name.

        Args:
            given: One vector, or vectors by name; None for none.

        Raises:
            ValueError: One is malformed, or the points of this collection have no such vector.
        """
        if given is None:
            return {}
        named = given if isinstance(given, Mapping) else {UNNAMED: given}
        return {
            name: self.convert(name, vector) for name, vector in named.items() if vector is not None
        }

    def require(self, name: str) -> None:
        """Require that the points have such a vector.

        Raises:
            ValueError: They do not.
        """
        if name not in self.names:
            known = ", ".join(map(repr, sorted(self.names))) or "no vectors"
            raise ValueError(
                f"Wrong input: Not existing vector name error: {name} (the points have {known})"
            )

    def convert(self, name: str, vector: Any) -> Any:
        """One vector for the engine; see :meth:`convert_all`."""
        self.require(name)
        if hasattr(vector, "indices") != (name in self._sparse):
            raise ValueError(
                "Wrong input: Conversion between sparse and regular vectors failed "
                f"for vector '{name}'"
            )
        if name in self._sparse:
            return _sparse(vector, name)
        array = _floats(vector, name)
        several = name in self._several
        if several and array.ndim == 1:  # as with servers, one row may come without its brackets
            array = array[None]
        if array.ndim != 1 + several or not array.size:
            shape = "a list of vectors" if several else "one-dimensional"
            raise ValueError(f"Wrong input: vector '{name}' must be {shape} and not empty")
        if array.shape[-1] != self._sizes[name]:
            raise ValueError(
                f"Wrong input: Vector dimension error: expected dim: {self._sizes[name]}, "
                f"got {array.shape[-1]} for vector '{name}'"
            )
        return array.tolist()


def _floats(numbers: Any, name: str) -> NDArray[np.float32]:
    import numpy as np

    try:
        with np.errstate(over="ignore"):
            array = np.asarray(numbers, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"Wrong input: vector '{name}' must be numbers, in rows of one length ({error})"
        ) from error
    if not np.isfinite(array).all():
        raise ValueError(f"Vector contains NaN or infinite values (vector '{name}')")
    return array


def _sparse(vector: Any, name: str) -> edge.SparseVector:
    import qdrant_edge as edge

    if isinstance(vector.indices, tuple) and _is_plain(vector.indices, vector.values):
        return edge.SparseVector(list(vector.indices), list(vector.values))
    import numpy as np

    indices = np.asarray(vector.indices)
    values = _floats(vector.values, name)
    if indices.shape != values.shape or indices.ndim != 1:
        raise ValueError(f"Indices and values must have the same length (vector '{name}')")
    if not indices.size:
        return edge.SparseVector([], [])
    if indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() > _LARGEST_INDEX:
        raise ValueError(f"Indices must be between 0 and {_LARGEST_INDEX} (vector '{name}')")
    listed = indices.tolist()
    if len(set(listed)) != len(listed):
        raise ValueError(f"Indices must be unique (vector '{name}')")
    return edge.SparseVector(listed, values.tolist())


def _is_plain(indices: tuple[Any, ...], values: Any) -> bool:
    """Whether ids and weights are right as they are: a query's words need no numpy."""
    return (
        isinstance(values, tuple)
        and len(set(indices)) == len(indices) == len(values)
        and all(type(each) is int and 0 <= each <= _LARGEST_INDEX for each in indices)
        and all(type(each) is float and abs(each) < _LARGEST_FLOAT for each in values)
    )


def named_vectors(given: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """A collection's dense vectors by name; one without a name has the empty one."""
    return {UNNAMED: given} if isinstance(given.get("size"), int) else dict(given)


def make_point(identity: Any, vectors: dict[str, Any], payload: Any) -> edge.Point:
    """A point for the engine.

    Raises:
        ValueError: Its id or payload is malformed.
    """
    import qdrant_edge as edge

    identity = point_id(identity)
    return with_plain_payload(payload, lambda plain: edge.Point(identity, vectors, plain))


def with_plain_payload(payload: Any, make: Callable[[Any], Result]) -> Result:
    """Make something of a payload; as JSON values, should it hold others (times, UUIDs).

    Raises:
        ValueError: It holds what does not fit into JSON.
    """
    payload = payload if payload is not None else {}
    try:
        return make(payload)
    except TypeError:
        pass  # rare, and to look for such values in each payload would cost more than the rest
    from pydantic_core import to_jsonable_python

    try:
        return make(to_jsonable_python(payload))
    except (TypeError, ValueError) as error:
        told = str(error).partition("\n")[0]
        raise ValueError(f"Wrong input: the payload does not fit into JSON: {told}") from error


def plain_vectors(given: Any) -> dict[str, Any]:
    """A point's vectors by name: float32 arrays, and sparse ones as the engine has them."""
    import numpy as np

    named = given if isinstance(given, dict) else {} if given is None else {UNNAMED: given}
    return {
        name: np.asarray(vector, dtype=np.float32) if isinstance(vector, list) else vector
        for name, vector in named.items()
    }
