"""Fixtures that every test may use: tiny models, made once per session, without any network."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# What is started in the background ignores these, and so would all that the tests start.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

import pytest
from hypothesis import HealthCheck, settings

from tests.models import TinyModels, load_once

if TYPE_CHECKING:
    from longembed_rag import LongEncoder
    from longembed_rag.encoder.loading import LoadedModel
    from longembed_rag.encoder.planner import Planner
    from tests.reference.encode import ReferenceModel

    EncoderFactory = Callable[..., LongEncoder]
    ReferenceFactory = Callable[[str], ReferenceModel]

# Scratch folders lie in memory where there is room: a store waits for its disk at every write, and
# on a slow one that is most of what the tests take. Who sets a folder is asked first.
_MEMORY, _ROOM = Path("/dev/shm"), 6 * 1024**3
if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
    os.environ.setdefault("TMPDIR", str(_MEMORY))
    tempfile.tempdir = None  # asked for anew

# How long an example takes says more about what else a machine is doing.
_CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("busy", max_examples=40, **_CALM)
settings.register_profile("thorough", max_examples=400, **_CALM)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "busy"))


def pytest_collection_finish() -> None:
    """Let no collection of garbage look at what was imported, and at thousands of tests, again.

    One that does takes most of a second, and what frees models asks for many.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine remembers of servers' collections is forgotten after each test."""
    made: list[Path] = []

    def folder() -> Path:
        if not made:
            made.append(tmp_path_factory.mktemp("cache"))
        return made[0]

    monkeypatch.setattr("longembed_rag.ingest.seen.cache_folder", folder)


@pytest.fixture(autouse=True)
def unsealed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores stay without a seal, as killed processes leave them, but in tests marked ``sealed``.

    Setting it takes a quarter of a second, a quarter of what most tests of stores take.
    """
    if request.node.get_closest_marker("sealed") is None:
        from longembed_rag.points.edge.collections import EdgeCollections

        monkeypatch.setattr(EdgeCollections, "_seal", lambda self, shards: None)


@pytest.fixture(autouse=True, scope="session")
def cheap_clients() -> Iterator[None]:
    """What qdrant-client makes anew for each client, in 50 ms, or each point, is made once.

    And what it uploads by, and leaves connected, is closed.
    """
    import ssl

    from qdrant_client.embed import schema_parser
    from qdrant_client.local import payload_value_extractor as payloads
    from qdrant_client.uploader.rest_uploader import RestBatchUploader

    upload = RestBatchUploader.process

    def process(self: RestBatchUploader, items: Iterable[Any]) -> Iterator[bool]:
        yield from upload(self, items)
        self.openapi_client.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RestBatchUploader, "process", process)
        patch.setattr(payloads, "parse_json_path", cache(payloads.parse_json_path))
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        patch.setattr(schema_parser, "deepcopy", lambda schema: schema)
        yield


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    """Tiny random models of every family: ``tiny_models.folder("bert")`` and its variants."""
    return TinyModels(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def load_weights_once() -> Callable[[Planner], LoadedModel]:
    """What tests whose subject is not loading may put in the place of ``load_model``."""
    return load_once()


@pytest.fixture(scope="session")
def load_encoder(
    tiny_models: TinyModels, load_weights_once: Callable[[Planner], LoadedModel]
) -> EncoderFactory:
    """``load_encoder("bert", method="pcw", ...)``: a float32 CPU encoder, each loaded once."""
    from longembed_rag import LongEncoder
    from longembed_rag.encoder.planner import Planner

    @lru_cache(maxsize=32)
    def load(model: str | Path, **options: Any) -> LongEncoder:
        folder = model if isinstance(model, Path) else tiny_models.folder(model)
        planner = Planner.from_pretrained(folder, **{"device": "cpu", "dtype": "float32"} | options)
        return LongEncoder(planner, load_weights_once(planner))

    return load


@pytest.fixture(scope="session")
def load_reference(tiny_models: TinyModels) -> ReferenceFactory:
    """``load_reference("bert")``: the same tiny model, read by brute force in float64."""

    @cache
    def load(family: str) -> ReferenceModel:
        from tests.reference.encode import ReferenceModel

        return ReferenceModel(tiny_models.folder(family), family)

    return load


@pytest.fixture
def shared_weights(
    load_weights_once: Callable[[Planner], LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is run in this process, each folder's weights are read once."""
    monkeypatch.setattr("longembed_rag.encoder.encoder.load_model", load_weights_once)


@pytest.fixture
def gpu() -> str:
    """The device of tests that are marked ``gpu``: CUDA, or the one that a variable names."""
    return os.environ.get("LONGEMBED_TEST_GPU", "cuda")


@pytest.fixture
def quiet_truncation() -> Iterator[None]:
    """Tests of the method ``truncate`` cut texts on purpose; those of the warning record it."""
    from longembed_rag.errors import TruncationWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        yield


@pytest.fixture
def shelf(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder behind ``shelf://box`` and ``stairs://box``, see :mod:`tests.shelf`."""
    from fsspec import register_implementation

    from tests import shelf

    root = tmp_path_factory.mktemp("shelf")
    (root / "box").mkdir()
    package = root / "packages" / "shelf-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(shelf.ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(root / "packages"))  # what other processes are started with
    monkeypatch.setenv(shelf.ROOT, str(root))
    for kind in (shelf.ShelfFileSystem, shelf.StairsFileSystem):
        register_implementation(kind.protocol, kind, clobber=True)
        kind.asked = []
    return root / "box"
