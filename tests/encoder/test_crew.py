"""Several devices in one machine; CPUs stand in for them."""

from __future__ import annotations

import gc
import io
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag import LongEncoder
from longembed_rag.encoder import devices
from longembed_rag.encoder.crew import Answer, Crew
from longembed_rag.encoder.crew_worker import serve
from longembed_rag.encoder.forward_crew import CrewForward
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.encoder.token_vectors import TokenOptions
from longembed_rag.errors import (
    DeviceError,
    InputError,
    SettingsError,
    TextTooLongError,
    TruncationWarning,
)
from tests.models import TinyModels, open_encoder
from tests.tokenizers_of_tests import text_of

TEXTS = [text_of(length, length) for length in (100, 3, 60, 9, 110, 31, 70)]


@pytest.fixture(scope="module")
def folder(tiny_models: TinyModels) -> Path:
    return tiny_models.folder("gte")


@pytest.fixture(scope="module")
def both(folder: Path) -> Iterator[LongEncoder]:
    """An encoder on two CPUs, which refuses long texts."""
    encoder = open_encoder(folder, device="cpu,cpu", max_length=128, overflow="error")
    yield encoder
    encoder.close()


def processes(encoder: LongEncoder) -> list[subprocess.Popen[bytes]]:
    forward = encoder._forward
    assert isinstance(forward, CrewForward)
    return [each._process for each in forward._crew._workers if each._process is not None]


def test_a_process_that_dies_is_named_and_started_anew(both: LongEncoder, folder: Path) -> None:
    """With how it ended; the next call reads again on all."""
    expected = open_encoder(folder, max_length=128, overflow="error").encode(TEXTS).embeddings
    if not processes(both):  # one that has not read yet is as good, and costs no imports
        forward = both._forward
        assert isinstance(forward, CrewForward)
        forward._crew._workers[0].start()
    first = processes(both)[0]
    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(DeviceError, match=r"device cpu has ended \(SIGKILL\)"):
        both.encode(TEXTS)
    assert np.abs(both.encode(TEXTS).embeddings - expected).max() < 1e-6
    assert first.pid not in {process.pid for process in processes(both)}


def test_the_same_vectors_in_the_same_order(both: LongEncoder, folder: Path) -> None:
    """Whoever reads a text, its vector and its coverage are its own."""
    alone = open_encoder(folder, max_length=128, overflow="error")
    found, expected = both.encode(TEXTS), alone.encode(TEXTS)
    assert np.abs(found.embeddings - expected.embeddings).max() < 1e-6
    assert found.coverage == expected.coverage
    assert both.fingerprint == alone.fingerprint
    assert len(processes(both)) == 1
    assert all(process.poll() is None for process in processes(both))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_texts_than_devices(count: int, both: LongEncoder, folder: Path) -> None:
    """Some have nothing to do then."""
    alone = open_encoder(folder, max_length=128, overflow="error")
    found, expected = (each.encode(TEXTS[:count]).embeddings for each in (both, alone))
    assert found.shape == expected.shape
    assert np.allclose(found, expected, atol=1e-6)


def test_other_ways_of_reading(both: LongEncoder, folder: Path) -> None:
    """Queries and documents with their passages come out as from one device."""
    alone = open_encoder(folder, max_length=128, overflow="error")
    ours, theirs = (each.encode(["note", "able"], kind="query") for each in (both, alone))
    assert np.allclose(ours.embeddings, theirs.embeddings, atol=1e-6)
    ours, theirs = (each.encode_passages(TEXTS[0], passage_tokens=32) for each in (both, alone))
    assert np.allclose(ours.embeddings, theirs.embeddings, atol=1e-6)


def test_documents_are_shared_out(both: LongEncoder, folder: Path) -> None:
    """With their passages and the passages' tokens, in order; all of each is told in the end."""
    alone = open_encoder(folder, max_length=128, overflow="error")
    named = [(f"text {number}", text) for number, text in enumerate(TEXTS)]
    options = TokenOptions(pool=2, bits=True)
    told: dict[LongEncoder, dict[str, tuple[int, ...]]] = {both: {}, alone: {}}
    found, expected = (
        [
            each.get()
            for each in encoder.encode_documents(
                named,
                passage_tokens=32,
                tokens=options,
                on_progress=lambda name, *counts, of=of: of.update({name: counts}),
            )
        ]
        for encoder, of in told.items()
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert np.allclose(ours.embedding, theirs.embedding, atol=1e-6)
        assert np.allclose(ours.embeddings, theirs.embeddings, atol=1e-6)
        assert ours.passages == theirs.passages
        assert ours.tokens is not None
        assert theirs.tokens is not None
        assert np.array_equal(ours.tokens.counts, theirs.tokens.counts)
    assert told[both] == told[alone]


def test_a_document_that_cannot_be_read_is_none_of_the_others(both: LongEncoder) -> None:
    """Whichever device it was given to."""
    texts = [*TEXTS[:3], text_of(150), *TEXTS[3:]]
    found = list(both.encode_documents([(None, text) for text in texts], passage_tokens=32))
    assert [isinstance(each.error, TextTooLongError) for each in found] == [
        number == 3 for number in range(len(texts))
    ]


def test_an_error_of_a_text_is_what_it_is_on_one_device(both: LongEncoder) -> None:
    """By its name, whichever device has read it; and the next texts are read."""
    long = text_of(150)
    for at in range(4):
        texts = [*TEXTS[:at], long, *TEXTS[at:4]]
        with pytest.raises(TextTooLongError, match=f"text {at}"):
            both.encode(texts)
    with pytest.raises(TextTooLongError, match="b"):
        both.encode([TEXTS[0], long, TEXTS[1]], names=["a", "b", "c"])
    assert both.encode(TEXTS).embeddings.shape[0] == len(TEXTS)


def test_what_is_no_text_is_refused_as_ever(both: LongEncoder) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(ValueError, match="text 1"):
        both.encode(["note", 3])  # type: ignore[list-item]


def test_documents_are_given_for_every_device(
    both: LongEncoder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass for each CPU; some for each GPU, which is given the next before it is waited for."""
    alone = open_encoder(folder)
    assert (alone._forward.passes, both._forward.passes) == (1, 2)
    monkeypatch.setattr(alone._loaded, "device", torch.device("cuda"))
    assert alone._forward.passes > 1


class Requests:
    """Stands in for what a process is asked: what there is, and then the end."""

    def __init__(self, *asked: object) -> None:
        self._asked = iter(asked)

    def get(self) -> object:
        try:
            return next(self._asked)
        except StopIteration:
            raise EOFError from None


def answers_to(*asked: object) -> list[Answer]:
    """What the process answers, run in this one."""
    told = io.BytesIO()
    with suppress(EOFError):
        serve(Requests(*asked), told)  # type: ignore[arg-type]
    told.seek(0)
    answers = []
    with suppress(EOFError):
        while True:
            answers.append(pickle.load(told))
    return answers


def test_warnings_cross_over(folder: Path, both: LongEncoder) -> None:
    """What one device leaves unread is said of its text, as here."""
    settings = EncoderSettings(
        model=str(folder), device="cpu", dtype="float32", max_length=64, overflow="truncate"
    )
    request = ([text_of(90)], "document", ["a"])
    (answer,) = answers_to(settings, (7, "encode", request, {"budget": 100}))
    assert (answer.number, answer.error) == (7, None)
    assert [category for category, _ in answer.noted] == [TruncationWarning]
    forward = both._forward
    assert isinstance(forward, CrewForward)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forward._crew._workers[0], "ask", lambda *_: None)
        patch.setattr(forward._crew._workers[0], "answer", lambda: answer)
        with pytest.warns(TruncationWarning, match="a: only"):
            both.encode(["note", "able"])


def test_errors_cross_over(folder: Path) -> None:
    """Ours as they are; others by what they say, with the device that they were raised on."""
    settings = EncoderSettings(model=str(folder), device="cpu", dtype="float32")
    empty, unforeseen = answers_to(
        settings,
        (1, "encode", ([3], "document", None), {"budget": 100}),
        (2, "dance", (), {}),
    )
    assert isinstance(empty.error, InputError)
    assert isinstance(unforeseen.error, DeviceError)
    assert "device cpu failed (AttributeError" in str(unforeseen.error)


def test_a_model_that_cannot_be_loaded_there(folder: Path) -> None:
    """It says so, and ends."""
    settings = EncoderSettings(model=str(folder / "nothing"), device="cpu")
    (answer,) = answers_to(settings, (1, "encode", (), {}))
    assert answer.number == 0
    assert "nothing" in str(answer.error)


def test_an_error_here_leaves_no_answer_for_the_next_call(
    both: LongEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others had been asked before is not taken for what they are asked now."""
    expected = both.encode(TEXTS[:4]).embeddings
    with monkeypatch.context() as patch:
        patch.setattr("longembed_rag.encoder.forward.run_jobs", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            both.encode(TEXTS)
    assert np.array_equal(both.encode(TEXTS[:4]).embeddings, expected)


def test_processes_end_with_the_encoder(folder: Path) -> None:
    """By being closed, and by being forgotten."""
    encoder = open_encoder(folder, device="cpu,cpu")
    forward = encoder._forward
    assert isinstance(forward, CrewForward)
    encoder.encode(["note"])
    assert processes(encoder) == [], "nobody else is needed for a single text"
    forward._crew._workers[0].start()
    (closed,) = processes(encoder)
    encoder.close()
    assert closed.wait(20) is not None
    forward._crew._workers[0].start()
    (forgotten,) = processes(encoder)
    del encoder, forward
    gc.collect()
    assert forgotten.wait(20) is not None


@pytest.mark.slow
def test_processes_end_with_the_one_that_has_the_encoder(folder: Path) -> None:
    """However that one ends."""
    program = (
        "import os\nfrom longembed_rag import LongEncoder\n"
        f"encoder = LongEncoder.from_pretrained({str(folder)!r}, device='cpu,cpu')\n"
        "worker = encoder._forward._crew._workers[0]\nworker.start()\n"
        "print(worker._process.pid, flush=True)\nos._exit(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 3
    assert _ends(int(done.stdout))


def _ends(pid: int) -> bool:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").is_file():
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                return True
        time.sleep(0.1)
    return False


@given(weights=st.lists(st.integers(1, 1000), min_size=1, max_size=30), size=st.integers(1, 5))
def test_shares_are_even(weights: list[int], size: int) -> None:
    """Every item once, none has much more to do than another."""
    crew = Crew.__new__(Crew)
    crew._workers = [None] * (size - 1)  # type: ignore[list-item]
    items = list(range(len(weights)))
    shares, places = crew.share(items, weights)
    assert shares == places
    assert sorted(at for each in places for at in each) == items
    assert all(each == sorted(each) and each for each in places)
    loads = [sum(weights[at] for at in each) for each in places]
    assert max(loads) - min(loads) <= max(weights)


@pytest.mark.parametrize(
    ("given_device", "picked"),
    [
        ("cpu", ["cpu"]),
        ("cpu,cpu", ["cpu", "cpu"]),
        ("cuda:0,1,3", ["cuda:0", "cuda:1", "cuda:3"]),
        ("cuda:2, cuda:1", ["cuda:2", "cuda:1"]),
    ],
)
def test_names_of_devices(
    given_device: str, picked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number alone is of the same kind as the first; one name is one device."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices, "_require_computing", lambda device: None)
    assert [str(each) for each in devices.pick_devices(given_device)] == picked
    assert str(devices.pick_device(given_device)) == picked[0]
    settings = devices.resolve_runtime(EncoderSettings(device=given_device, dtype="float32"))
    assert settings.device == ",".join(picked)


@pytest.mark.parametrize("device", ["cuda:0,0", "cuda:0,cuda:0", "cpu,", "cuda:0,toaster", ","])
def test_names_that_are_none(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What names nothing, or one GPU twice, is an error that names the setting."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices, "_require_computing", lambda device: None)
    with pytest.raises(SettingsError, match=f"device='{device}'"):
        devices.pick_devices(device)
