"""An operation, killed at a random moment, finished, and compared with an undisturbed one."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import pickle
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.encoder.sharing import SharedEncoder
from tests.kills.children import Ended, Kill, command, forked, import_noted, noting
from tests.kills.operations import (
    OPERATIONS,
    Contents,
    Operation,
    Scene,
    contents,
    difference,
    write_documents,
    write_prose,
    write_queries,
)
from tests.kills.places import ENGINES, FolderPlace, Place, Template, template

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
NONE = "-"
MOST_IN_A_ROW = 4
# What every command imports, and takes longest.
_HEAVY = ("torch", "transformers.modeling_utils", "qdrant_client", "qdrant_edge", "longembed_eval")


@dataclass
class Bout:
    """An operation in an engine, ready to be killed again and again.

    Attributes:
        operation: The operation.
        engine: What keeps the collection; ``"-"`` where none is written to.
        template: What the collection holds before; None where none is written to.
        expected: What it holds when nobody is killed.
        seconds: How long it then takes; 0 until it is tried.
    """

    operation: Operation
    engine: str
    template: Template | None = None
    expected: Contents | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What became of one kill.

    Attributes:
        operation: Name of the operation.
        engine: What kept the collection.
        number: The signal.
        after: When it was sent, seconds after the fork.
        late: Whether the command had ended before.
        fault: What was wrong; None where nothing was.
    """

    operation: str
    engine: str
    number: signal.Signals
    after: float
    late: bool
    fault: str | None


@dataclass
class Campaign:
    """Kills commands in a folder of its own.

    Attributes:
        root: The folder.
        chance: What moments and signals are drawn with.
        bouts: What can be killed.
    """

    root: Path
    chance: random.Random
    bouts: list[Bout] = field(default_factory=list)
    _kept: SharedEncoder | None = None

    @property
    def scene(self) -> Scene:
        """Where everything takes place."""
        names = ("documents", "model", "source", "data", "prose")
        return Scene(**{name: self.root / name for name in names})

    @property
    def _cwd(self) -> Path:
        return self.root / "work"

    def prepare(self, operations: list[str], engines: list[str]) -> None:
        """Make documents, a model and what the operations begin with."""
        self._cwd.mkdir()
        for version in (1, 2, 3):
            write_documents(self.root / f"version-{version}", version)
        write_queries(self.scene.data)
        write_prose(self.scene.prose)
        for name in _HEAVY:
            importlib.import_module(name)
        self._done(forked(partial(_make_model, self.scene.model), folder=self._cwd))
        source = replace(self.scene, place=FolderPlace(self.scene.source))
        self._kept = _warm_up(self.scene.model)
        with self._documents(1):
            self._done(self._command(source.ingest()))
        self._import_what_is_needed(source)
        self.bouts = [
            Bout(operation, engine)
            for operation in OPERATIONS
            for engine in (ENGINES if operation.stores else (NONE,))
            if operation.name in operations and engine in (*engines, NONE)
        ]

    def turns(self) -> Iterator[Bout]:
        """What is killed next, without an end."""
        for number in itertools.count():
            self.chance.shuffle(self.bouts)
            for bout in self.bouts:
                if bout.engine == NONE and number % 4:
                    continue  # those that measure take several times as long
                if not bout.seconds:
                    self._make_ready(bout)
                yield bout

    def _import_what_is_needed(self, scene: Scene) -> None:
        """In this process, once, what commands import: in others first, to see what that is."""
        noted = self.root / "modules"
        for operation in OPERATIONS:
            if operation.stores and operation.name not in ("first ingest", "copy"):
                continue
            to = replace(scene, place=FolderPlace(self.root / f"first-{operation.name}"))

            body = partial(noting, noted, operation.command(to))
            with self._documents(1):
                self._done(forked(body, folder=self._cwd))
            import_noted(noted)
        shutil.rmtree(self._cwd)
        self._cwd.mkdir()

    def _make_ready(self, bout: Bout) -> None:
        operation, engine = bout.operation, bout.engine
        if operation.stores:
            bout.template = template(engine, self.root / f"{operation.name}-{engine}")
            bout.template.fill(lambda place: self._begin(operation, place))
        with self._documents(operation.documents), self._place(bout) as scene:
            ended = self._command(operation.command(scene), operation.patch)
            self._done(ended, operation.statuses)
            bout.seconds = ended.seconds
            for arguments in operation.finishing(scene) if operation.finish else ():
                self._done(self._command(arguments, operation.patch))
            if scene.place is not None:
                bout.expected = self._contents(scene.place, operation)

    def _begin(self, operation: Operation, place: Place) -> None:
        if operation.before is not None:
            with self._documents(operation.before):
                self._done(self._command(replace(self.scene, place=place).ingest()))
        if (damage := operation.damage) is not None:

            def body() -> int:
                with place.open() as store:
                    damage(store)
                return 0

            self._done(forked(body, folder=self._cwd))

    def kill(self, bout: Bout) -> list[Outcome]:
        """Kill an operation up to four times, also while it goes on, finish it, and compare.

        What is wrong in the end is told of the last kill.
        """
        operation = bout.operation
        outcomes = []
        with self._documents(operation.documents), self._place(bout) as scene:
            for _ in range(self.chance.randint(1, MOST_IN_A_ROW)):
                outcomes.append(self._killed(bout, scene))
                if outcomes[-1].late:
                    break
            faults = [outcomes[-1].fault] if outcomes[-1].fault else []
            for arguments in operation.finishing(scene):
                ended = self._command(arguments, operation.patch)
                if ended.status:
                    faults.append(f"finishing it ended with {ended.status}: {ended.err}")
            if scene.place is not None:
                faults += self._faults_of_contents(scene.place, bout)
        outcomes[-1] = replace(outcomes[-1], fault="; ".join(faults) or None)
        return outcomes

    def _killed(self, bout: Bout, scene: Scene) -> Outcome:
        chance, operation = self.chance, bout.operation
        number = chance.choice(SIGNALS)
        twice = number is signal.SIGINT and chance.random() < 0.3
        again = chance.uniform(0, 0.1) if twice else None
        kill = Kill(number, chance.uniform(0, bout.seconds), again)
        as_json = ["--json"] if chance.random() < 0.5 else []
        ended = self._command([*operation.command(scene), *as_json], operation.patch, kill)
        faults = [*_faults_of_talk(ended), *_faults_of_files(self._cwd)]
        late = ended.status in operation.statuses
        if not late:
            faults += _faults_of_end(ended, number, as_json=bool(as_json))
        return Outcome(
            operation.name, bout.engine, number, kill.after, late, "; ".join(faults) or None
        )

    def _faults_of_contents(self, place: Place, bout: Bout) -> Iterator[str]:
        try:
            found = self._contents(place, bout.operation)
        except AssertionError as error:
            yield str(error)
            return
        assert bout.expected is not None
        if (told := difference(found, bout.expected)) is not None:
            yield told
        if isinstance(place, FolderPlace):
            names = [p.name for p in place.folder.rglob("*")]
            if halves := [n for n in names if n.endswith(".half") or n.startswith(".atomicwrite")]:
                yield f"left behind: {halves}"

    def _contents(self, place: Place, operation: Operation) -> Contents:
        """What a collection holds, once it is verified, by a child."""
        written = self.root / "contents"

        def body() -> int:
            from longembed_rag.ingest.verify import verify

            if operation.patch is not None:
                operation.patch()
            with place.open() as store:
                findings = verify(store)
                written.write_bytes(pickle.dumps((findings, contents(store))))
            return 0

        self._done(forked(body, folder=self._cwd))
        findings, found = pickle.loads(written.read_bytes())
        assert not findings, f"verify finds {findings}"
        return dict(found)

    @contextlib.contextmanager
    def _documents(self, version: int) -> Iterator[None]:
        """Put a version of the documents in the folder; their stamps stay as they are."""
        own, folder = self.root / f"version-{version}", self.scene.documents
        own.rename(folder)
        try:
            yield
        finally:
            folder.rename(own)

    @contextlib.contextmanager
    def _place(self, bout: Bout) -> Iterator[Scene]:
        """The scene with the collection as it is before, or an empty working folder."""
        shutil.rmtree(self._cwd)
        self._cwd.mkdir()
        if bout.template is None:
            yield self.scene
            return
        place = bout.template.copy()
        try:
            yield replace(self.scene, place=place)
        finally:
            place.close()

    def _command(
        self,
        arguments: list[str],
        patch: Callable[[], None] | None = None,
        kill: Kill | None = None,
    ) -> Ended:
        return forked(lambda: command(arguments, before=patch), folder=self._cwd, kill=kill)

    def _done(self, ended: Ended, statuses: tuple[int, ...] = (0,)) -> None:
        if ended.status not in statuses:
            raise RuntimeError(f"an undisturbed command ended with {ended.status}: {ended.err}")

    def close(self) -> None:
        """End what holds the templates."""
        for bout in self.bouts:
            if bout.template is not None:
                bout.template.close()


def _warm_up(model: Path) -> SharedEncoder:
    """Load and make once what children would each load and make again.

    Returns:
        The model, which commands find loaded as long as it is kept.
    """
    from longembed_rag.words.detecting import detect_language

    text = "The lease was signed by the tenant in the spring of that year."
    shared = SharedEncoder.of_settings(EncoderSettings(model=str(model), device="cpu"))
    shared.encoder.encode_passages(text)
    detect_language(text)
    return shared


def _make_model(folder: Path) -> int:
    from tests.models import build_model

    build_model("bert", folder)
    return 0


def _faults_of_talk(ended: Ended) -> Iterator[str]:
    """What a command must not say or leave, however it ended."""
    if ended.left:
        yield "a process stayed behind"
    for word in ("Traceback", "Exception ignored"):
        if word in ended.err:
            yield f"{word} on stderr: {ended.err}"


def _faults_of_end(ended: Ended, number: signal.Signals, *, as_json: bool) -> Iterator[str]:
    """What is wrong with how a command ended that was sent a signal in time."""
    if number is not signal.SIGINT:
        if ended.status != -number:
            yield f"status {ended.status} after {number.name}: {ended.err}"
        return
    lines = [line for line in ended.err.splitlines() if line.startswith("interrupted: ")]
    if ended.status != 130 or lines != ended.err.splitlines()[-1:]:
        yield f"status {ended.status} after SIGINT, and on stderr {ended.err!r}"
    if as_json:
        try:
            json.loads(ended.out)
        except ValueError:
            yield f"no JSON after SIGINT: {ended.out!r}"


def _faults_of_files(folder: Path) -> Iterator[str]:
    """What is wrong with the settings and results that a killed command left."""
    settings = folder / "longembed.toml"
    if settings.exists():
        try:
            tomllib.loads(settings.read_text())
        except tomllib.TOMLDecodeError as error:
            yield f"{settings.name} is not whole: {error}"
    for file in (folder / "results").rglob("*.json"):
        try:
            json.loads(file.read_text())
        except ValueError as error:
            yield f"{file.name} is not whole: {error}"


def cleared_environment(root: Path) -> None:
    """Let nothing of this machine's settings and caches matter."""
    for name in list(os.environ):
        if name.startswith(("LONGEMBED_", "QDRANT_")):
            del os.environ[name]
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "XDG_CACHE_HOME": str(root / "cache"),
    }
