"""Whole runs: stopped and gone on with, finished, and never another's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from longembed_rag.errors import SettingsError
from longembed_rag.training.distil import DistilOptions
from longembed_rag.training.document_batch import DocumentOptions
from longembed_rag.training.length import LengthOptions, LengthTraining
from longembed_rag.training.loop import CHECKPOINT, LOG, Loss, Progress
from longembed_rag.training.mixture import MixtureOptions
from longembed_rag.training.positions import TuningOptions
from longembed_rag.training.running import Trained
from longembed_rag.training.runs import distil_rotary, train_length, tune_positions
from longembed_rag.training.texts import TrainingTexts
from tests.models import TinyModels, open_encoder
from tests.tokenizers_of_tests import text_of
from tests.training.material import one_of, planner_of, quick, some_texts

Start = Callable[..., Trained]
MIXTURE = MixtureOptions(lengths=(8, 32), shares=(1.0,), batch_tokens=128)
TAUGHT = DistilOptions(last_weight=3.0)


@pytest.fixture
def start(tiny_models: TinyModels) -> Start:
    """``start("rotary", folder, steps=4)``: a short run on a tiny BERT."""

    def call(
        kind: str,
        folder: Path,
        *,
        texts: TrainingTexts | None = None,
        model: str = "bert",
        told: Callable[[Progress], None] | None = None,
        lengths: tuple[int, ...] = (32,),
        share: float = 1.0,
        **options: Any,
    ) -> Trained:
        planner = planner_of(
            tiny_models.folder(model), **({} if model == "bert" else {"method": "none"})
        )
        values: dict[str, Any] = {"steps": 4, "learning_rate": 1e-3, "checkpoint_seconds": 0}
        shared: dict[str, Any] = {
            "options": quick(**{**values, **options}),
            "folder": folder,
            "on_progress": told,
        }
        texts = texts or some_texts(words=7)
        if kind == "positions":
            tuning = TuningOptions(length=64, batch_pairs=6)
            return tune_positions(planner, texts, tuning=tuning, **shared)
        if kind == "rotary":
            return distil_rotary(planner, texts, mixture=MIXTURE, distil=TAUGHT, **shared)
        documents = DocumentOptions(lengths=lengths, batch_tokens=128, queries=2)
        return train_length(
            planner,
            planner,
            texts,
            documents=documents,
            mixture=MIXTURE,
            length=LengthOptions(memory=6),
            share=share,
            **shared,
        )

    return call


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return load_file(trained.folder / "model.safetensors")


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("positions", 0.0),
        ("rotary", 1e9),
        ("length", 0.0),
        ("length", 1e9),
        pytest.param("positions", 1e9, marks=pytest.mark.slow),
        pytest.param("rotary", 0.0, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_ends_as_if_it_had_not_been(
    kind: str, seconds: float, start: Start, tmp_path: Path
) -> None:
    """The saved model is bit for bit that of a run that was not stopped, whenever it was saved."""

    def stop(progress: Progress) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    options = {"checkpoint_seconds": seconds}
    whole = start(kind, tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        start(kind, tmp_path / "stopped", told=stop, **options)
    assert not (tmp_path / "stopped" / "model").exists()
    heard: list[Progress] = []
    rest = start(kind, tmp_path / "stopped", told=heard.append, **options)
    assert min(progress.step for progress in heard) == 4
    ours, theirs = weights(whole), weights(rest)
    assert set(ours) == set(theirs)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_a_run_stopped_in_the_middle_of_an_update(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents of the batch that was lost are not remembered: they are read again."""
    loss = LengthTraining.loss
    calls: list[int] = []

    def stop(self: LengthTraining, batch: Any) -> Loss:
        found = loss(self, batch)
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return found

    whole = start("length", tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(LengthTraining, "loss", stop)
        with pytest.raises(KeyboardInterrupt):
            start("length", tmp_path / "stopped")
    rest = start("length", tmp_path / "stopped")
    ours, theirs = weights(whole), weights(rest)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


@pytest.mark.parametrize("kind", one_of("positions"))
def test_a_finished_run_gives_its_model_again(kind: str, start: Start, tmp_path: Path) -> None:
    """Nothing is trained or written a second time; a model that was lost is written again."""
    first = start(kind, tmp_path)
    before = weights(first)
    heard: list[Progress] = []
    changed = (first.folder / "config.json").stat().st_mtime_ns
    again = start(kind, tmp_path, told=heard.append)
    assert again.folder == first.folder
    assert heard == []
    assert again.progress.to_dict() == first.progress.to_dict()
    assert (first.folder / "config.json").stat().st_mtime_ns == changed
    for path in sorted(first.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    after = weights(start(kind, tmp_path))
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


@pytest.mark.parametrize("kind", one_of("rotary"))
def test_a_folder_of_another_run_is_refused(kind: str, start: Start, tmp_path: Path) -> None:
    """Other steps and other texts are named."""
    start(kind, tmp_path)
    fewer = replace(some_texts(words=7), pairs=some_texts(words=7).pairs[:-1])
    with pytest.raises(SettingsError, match=r"other settings \(steps, texts\)"):
        start(kind, tmp_path, steps=5, texts=fewer)


def test_another_kind_is_refused(start: Start, tmp_path: Path) -> None:
    """A folder belongs to one kind of training."""
    start("positions", tmp_path)
    with pytest.raises(SettingsError, match=r"other settings \(.*kind"):
        start("rotary", tmp_path)


@pytest.mark.parametrize("kind", one_of("length"))
def test_a_model_left_by_another_run_is_not_passed_on(
    kind: str, start: Start, tmp_path: Path
) -> None:
    """Whoever removes the checkpoint to start anew is told of the old model before training."""
    start(kind, tmp_path)
    (tmp_path / CHECKPOINT).unlink()
    heard: list[Progress] = []
    with pytest.raises(SettingsError, match="model is there already"):
        start(kind, tmp_path, seed=1, told=heard.append)
    assert heard == []


@pytest.mark.parametrize("kind", one_of("rotary"))
def test_checkpoint_and_log_lie_beside_the_model(kind: str, start: Start, tmp_path: Path) -> None:
    """Nothing else is left, and every line of the log is a JSON value."""
    trained = start(kind, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, LOG, "model"}
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4]
    assert trained.progress.to_dict() == lines[-1]
    # The held-out passages are too short for a student to be measured on.
    measured = {"positions": "accuracy@end", "length": "accuracy@32", "rotary": "cosine@query"}
    assert measured[kind] in trained.progress.values


def test_a_share_of_what_was_learnt_is_written(
    start: Start, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Every weight lies on the line between before and after; what is measured is what is there."""
    before = load_file(tiny_models.folder("bert") / "model.safetensors")
    after = weights(start("length", tmp_path / "whole"))
    half = start("length", tmp_path / "half", share=0.5)
    found = weights(half)
    moved = 0
    for name, tensor in found.items():
        assert torch.allclose(tensor, (before[name] + after[name]) / 2, atol=1e-7)
        moved += int(not torch.equal(before[name], after[name]))
    assert moved > 10
    lines = [json.loads(line) for line in (tmp_path / "half" / LOG).read_text().splitlines()]
    assert lines[-1] == half.progress.to_dict()
    assert lines[-1]["step"] == lines[-2]["step"] == 4
    assert lines[-1]["collapse@32"] != lines[-2]["collapse@32"]
    heard: list[Progress] = []
    again = start("length", tmp_path / "half", share=0.5, told=heard.append)
    assert again.progress.to_dict() == half.progress.to_dict()
    assert heard == []
    with pytest.raises(SettingsError, match=r"other settings \(share\)"):
        start("length", tmp_path / "half", share=0.7)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, float("nan")])
def test_a_share_is_between_nothing_and_all(share: float, start: Start, tmp_path: Path) -> None:
    """And is refused before anything is trained."""
    with pytest.raises(SettingsError, match=r"share=.* greater than 0 and at most 1"):
        start("length", tmp_path / "run", share=share)
    assert not (tmp_path / "run").exists()


def test_few_held_out_texts_do_not_end_a_run(start: Start, tmp_path: Path) -> None:
    """Documents that are measured are filled up with others, however few are held out."""
    texts = some_texts(60, held_out=2)
    trained = start("length", tmp_path, model="gte", texts=texts, lengths=(256,))
    assert "accuracy@256" in trained.progress.values


@pytest.mark.parametrize("model", ["qwen3", "modernbert", "gemma3_text"])
def test_any_model_is_trained_for_length(model: str, start: Start, tmp_path: Path) -> None:
    """Causal models and those that share keys too; they then state the new length."""
    trained = start("length", tmp_path, model=model, lengths=(48,))
    encoder = open_encoder(trained.folder)
    assert encoder.original_length == 48
    texts = [text_of(60)]
    before = open_encoder(tmp_path / "model", method="none").encode(texts).embeddings
    assert bool(np.isfinite(before).all())
    ids = [ids for ids in weights(trained) if "embed_tokens" in ids or "tok_embeddings" in ids]
    assert len(ids) == 1


def test_a_tuned_table_is_trained_for_length(
    start: Start, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Documents of the new length, short texts at their anchors, and the note is carried along."""
    folder = start("positions", tmp_path / "tuned").folder
    planner = planner_of(folder)
    trained = train_length(
        planner,
        planner_of(tiny_models.folder("bert")),
        some_texts(words=7),
        documents=DocumentOptions(lengths=(64,), batch_tokens=128),
        mixture=MIXTURE,
        length=LengthOptions(),
        options=quick(2, learning_rate=1e-30),
        folder=tmp_path / "long",
    )
    again = planner_of(trained.folder)
    assert (again.original_length, again.rules.anchors, again.rules.anchor_step) == (64, 32, 2)
    texts = [text_of(20)]
    wanted = open_encoder(tiny_models.folder("bert")).encode(texts).embeddings
    assert np.abs(open_encoder(trained.folder).encode(texts).embeddings - wanted).max() <= 1e-6


def test_closeness_is_measured_by_length(start: Start, tmp_path: Path) -> None:
    """On held-out texts that are long enough, for the lengths that the teacher reads."""
    trained = start("rotary", tmp_path, texts=some_texts(words=40))
    assert set(trained.progress.values) == {"cosine@query", "cosine@32"}
    assert all(0 < value <= 1 for value in trained.progress.values.values())


def test_other_ways_to_teach_are_other_runs(
    start: Start, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """What the loss is made of and how documents are made are part of what a run is."""
    start("rotary", tmp_path / "rotary")
    planner = planner_of(tiny_models.folder("bert"))
    shared: dict[str, Any] = {"options": quick(4, learning_rate=1e-3, checkpoint_seconds=0)}
    with pytest.raises(SettingsError, match=r"other settings \(last_weight, lengths, shares\)"):
        distil_rotary(
            planner,
            some_texts(words=7),
            mixture=replace(MIXTURE, lengths=(8, 16, 32), shares=(0.5, 0.5)),
            distil=DistilOptions(),
            folder=tmp_path / "rotary",
            **shared,
        )
    start("length", tmp_path / "length")
    with pytest.raises(SettingsError, match=r"other settings \(documents, memory, whole\)"):
        train_length(
            planner,
            planner,
            some_texts(words=7),
            documents=DocumentOptions(lengths=(32,), batch_tokens=128),
            mixture=MIXTURE,
            length=LengthOptions(whole=0.5),
            folder=tmp_path / "length",
            **shared,
        )


def test_a_student_reads_no_rows_that_its_teacher_does_not(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Only as many rows of the table as the original length says are folded into its weights."""
    folder = tiny_models.folder("bert")
    shared: dict[str, Any] = {"mixture": MIXTURE, "distil": TAUGHT}
    shared["options"] = quick(1, learning_rate=1e-30)
    table = load_file(folder / "model.safetensors")["embeddings.position_embeddings.weight"]
    types = load_file(folder / "model.safetensors")["embeddings.token_type_embeddings.weight"]
    for length in (16, 32):
        trained = distil_rotary(
            planner_of(folder, original_length=length),
            some_texts(words=7),
            folder=tmp_path / str(length),
            **shared,
        )
        found = weights(trained)["embeddings.token_type_embeddings.weight"]
        assert torch.allclose(found, types + table[1:length].mean(dim=0), atol=1e-6)
