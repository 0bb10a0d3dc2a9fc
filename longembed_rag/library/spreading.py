"""An ingest of a library by the processes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import SettingsError
from longembed_rag.ingest.many.following import Many
from longembed_rag.ingest.many.values import Workers
from longembed_rag.ray_cluster import connect_ray
from longembed_rag.store.store import DocumentStore

if TYPE_CHECKING:
    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.settings import EncoderSettings
    from longembed_rag.library.holdings import Holdings


@contextmanager
def spread_over(
    held: Holdings, address: str, *, workers: int | None, gpus: int | None
) -> Iterator[Many]:
    """The processes of a Ray cluster, connected for as long as the block lasts.

    Args:
        held: What the library works with.
        address: Of the cluster.
        workers: Processes with a model; None takes as many as fit.
        gpus: GPUs that are used; None takes all.

    Raises:
        SettingsError: The collection is not on a server that all of them reach, or there is no such
            cluster.
        MissingDependencyError: Ray is not installed.
    """
    if held.where["url"] is None:
        raise SettingsError(
            "an ingest by many processes needs a collection that all of them can write to: name a "
            "Qdrant server (--url, url=); an embedded store is one process's"
        )
    wanted = Workers(address=address, models=workers, gpus=gpus)
    where: dict[str, Any] = {**held.where, "on_wait": None}
    given = held.encoder_given
    with connect_ray(address) as cluster:
        yield Many(
            workers=wanted,
            cluster=cluster,
            open_store=partial(DocumentStore.open, **where),
            make_encoder=partial(_load, held.encoder().settings)
            if given is None
            else partial(_itself, given),
        )


def _load(settings: EncoderSettings) -> LongEncoder:
    from longembed_rag.encoder.encoder import LongEncoder

    return LongEncoder.from_settings(settings)


def _itself(encoder: Any) -> Any:
    return encoder
