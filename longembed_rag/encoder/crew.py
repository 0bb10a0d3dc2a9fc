"""Several devices at work on what is read: a process for each, every one with its own model.

The first device is this process's own. Every other has a process that loads the same model and does
what it is asked, a part of the texts at a time; what crosses over are texts, readings and vectors.
The processes start when they are first needed, and end with the encoder, or with this process,
however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import warnings
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, Any, TypeVar

from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.errors import DeviceError, LongEmbedWarning

Part = TypeVar("Part")

# Modules come from where this process has its own; see longembed_rag/files/reading.py.
_START = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from longembed_rag.encoder.crew_worker import main; main()"
)
# How long a process may take to end once nothing is asked of it any more, seconds.
_PATIENCE = 5.0


@dataclass(frozen=True)
class Answer:
    """What a process says.

    Attributes:
        number: Of the request that it answers; 0 once the model is loaded.
        result: What was asked for.
        error: What was raised instead.
        noted: Warnings, category and text.
    """

    number: int
    result: Any = None
    error: BaseException | None = None
    noted: tuple[tuple[type[Warning], str], ...] = ()


class Crew:
    """The processes of all devices but the first.

    Args:
        settings: What each loads its model with, the device left open.
        devices: Those of the processes.
    """

    def __init__(self, settings: EncoderSettings, devices: Sequence[str]) -> None:
        self._workers = [_Worker(replace(settings, device=device)) for device in devices]
        weakref.finalize(self, _end, self._workers)

    @property
    def size(self) -> int:
        """Devices, the first among them."""
        return len(self._workers) + 1

    def close(self) -> None:
        """End the processes; what is asked for later starts them again."""
        _end(self._workers)

    def share(
        self, items: Sequence[Part], weights: Sequence[int]
    ) -> tuple[list[list[Part]], list[list[int]]]:
        """Deal items out so that every device has about as much to do.

        Args:
            items: What is to be done.
            weights: How much each is.

        Returns:
            The items of each device, and where each stood; in the order given, none where there
            are fewer items than devices.
        """
        places: list[list[int]] = [[] for _ in range(min(self.size, len(items)))]
        loads = [0] * len(places)
        for at in sorted(range(len(items)), key=lambda at: -weights[at]):
            least = loads.index(min(loads))
            places[least].append(at)
            loads[least] += weights[at]
        places = [sorted(each) for each in places]
        return [[items[at] for at in each] for each in places], places

    def run(
        self,
        method: str,
        parts: Sequence[tuple[Any, ...]],
        own: Callable[..., Any],
        **options: Any,
    ) -> list[Any]:
        """Have every part done on a device of its own, the first by this process.

        Args:
            method: Of :class:`~longembed_rag.encoder.forward.Forward`.
            parts: Its arguments, once for each device.
            own: What does the first part here.
            **options: Its keyword arguments, alike for all.

        Returns:
            What each part gave.

        Raises:
            DeviceError: A process has ended. The next call starts it anew.
            LongEmbedError: As the method; the first part's that raised.
        """
        busy = self._workers[: len(parts) - 1]
        for worker, part in zip(busy, parts[1:], strict=True):
            worker.ask(method, part, options)
        mine = own(*parts[0], **options)
        answers = [worker.answer() for worker in busy]
        for answer in answers:
            for category, text in answer.noted:
                warnings.warn(text, category, stacklevel=4)
        for answer in answers:
            if answer.error is not None:
                raise answer.error
        return [mine, *(answer.result for answer in answers)]


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.end()


class _Worker:
    """A process with a model of its own on one device."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._number = 0

    def start(self) -> None:
        """Let it load its model, without waiting for it."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=dict(os.environ),
        )
        self._say(self._settings)

    def ask(self, method: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Have it do something; :meth:`answer` waits for it."""
        if self._process is None:
            self.start()
        self._number += 1
        self._say((self._number, method, arguments, options))

    def _say(self, what: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # A process that has ended is found out when its answer is waited for.
        with suppress(BrokenPipeError):
            pickle.dump(what, self._process.stdin)
            self._process.stdin.flush()

    def answer(self) -> Answer:
        """What it says to the last request; an error here may have left answers to others."""
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            try:
                answer: Answer = pickle.load(self._process.stdout)
            except (EOFError, pickle.UnpicklingError):
                return Answer(self._number, error=self._ended())
            if answer.number == self._number:
                return answer
            if answer.number == 0:  # it has no model, and has ended
                self.end()
                return answer

    def _ended(self) -> DeviceError:
        assert self._process is not None
        assert self._errors is not None
        status = _wait(self._process)
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        self.end()
        told = f"; it said: {said[-1][:300]}" if said else ""
        return DeviceError(
            f"the process that reads on device {self._settings.device} has ended ({how}){told}. "
            "If its memory ran out, lower batch_tokens or name fewer devices"
        )

    def end(self) -> None:
        """End the process, where there is one."""
        if self._process is not None:
            _wait(self._process)
            self._process = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Have a process end, and say how it did."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    try:
        return process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def noted(told: Sequence[warnings.WarningMessage]) -> tuple[tuple[type[Warning], str], ...]:
    """Our own warnings among those that were recorded, as they cross over."""
    return tuple(
        (each.category, str(each.message))
        for each in told
        if issubclass(each.category, LongEmbedWarning)
    )
