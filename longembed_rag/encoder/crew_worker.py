"""The process that reads on one device of several; see :mod:`longembed_rag.encoder.crew`.

Its first input are the settings to load a model with, every other is a request. It ends when its
input does, even in the middle of a pass, since then the other process is gone.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

from longembed_rag.encoder.crew import Answer, noted
from longembed_rag.errors import DeviceError, LongEmbedError

if TYPE_CHECKING:
    from longembed_rag.encoder.settings import EncoderSettings


def main() -> None:
    """Do what is asked for until nothing more is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that is the other process's to answer
    # Libraries may write to what they think is the terminal.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_receive, args=(asked,), daemon=True).start()
    serve(asked, answers)


def _receive(asked: SimpleQueue[Any]) -> None:
    """Take what is asked for; end where there is nobody any more who might ask."""
    while True:
        try:
            asked.put(pickle.load(sys.stdin.buffer))
        except EOFError:
            os._exit(0)


def serve(asked: SimpleQueue[Any], answers: BinaryIO) -> None:
    """Load a model and answer; ends where the model cannot be loaded.

    Args:
        asked: Settings, then requests: number, method, arguments, keyword arguments.
        answers: Where to.
    """
    settings: EncoderSettings = asked.get()
    try:
        forward = _load(settings)
    except LongEmbedError as error:
        _say(answers, Answer(0, error=error))
        return
    while True:
        number, method, arguments, options = asked.get()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                answer = Answer(number, getattr(forward, method)(*arguments, **options))
            except LongEmbedError as error:
                answer = Answer(number, error=error)
            except Exception as error:  # noqa: BLE001 - whatever it is, it crosses over
                kind = type(error).__name__
                told_of = f"reading on device {settings.device} failed ({kind}: {error})"
                answer = Answer(number, error=DeviceError(told_of))
        _say(answers, Answer(number, answer.result, answer.error, noted(told)))


def _load(settings: EncoderSettings) -> Any:
    from longembed_rag.encoder.forward import Forward
    from longembed_rag.encoder.loading import load_model
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.turns import Turns

    planner = Planner.from_settings(settings)
    return Forward(planner, load_model(planner), Turns())


def _say(answers: BinaryIO, answer: Answer) -> None:
    pickle.dump(answer, answers)
    answers.flush()
