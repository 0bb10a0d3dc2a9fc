"""The three kinds of training, from a model and texts to a folder with a model."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from longembed_rag.encoder.families import TUNED_TABLE, TunedTable
from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import SettingsError, UnsupportedModelError
from longembed_rag.training.distil import Distillation, DistilOptions
from longembed_rag.training.document_batch import DocumentBatch, DocumentOptions
from longembed_rag.training.documents import Documents
from longembed_rag.training.length import LengthOptions, LengthTraining
from longembed_rag.training.measured import measured_documents, measured_texts
from longembed_rag.training.mixture import Mixture, MixtureOptions
from longembed_rag.training.opening import TextTokens, open_reader
from longembed_rag.training.options import TrainingOptions
from longembed_rag.training.positions import PositionTuning, TuningOptions
from longembed_rag.training.reading import TrainingModel
from longembed_rag.training.running import (
    Told,
    Trained,
    learning,
    run,
    run_a_share,
    save_run,
    within,
)
from longembed_rag.training.separate import ATTENTION
from longembed_rag.training.skipping import Skipping, SkippingOptions
from longembed_rag.training.student import rotary_student
from longembed_rag.training.table import LongTable
from longembed_rag.training.texts import TrainingTexts

#: Batches of texts on which a student's heads are sorted.
_SORTED_ON = 4


def tune_positions(
    planner: Planner,
    texts: TrainingTexts,
    *,
    tuning: TuningOptions,
    options: TrainingOptions,
    folder: Path,
    on_progress: Told = None,
) -> Trained:
    """Make a learned position table longer, and train its new rows (LongEmbed, section 4.2).

    Args:
        planner: The model; its ``original_length`` is how many rows of its table are kept.
        texts: To train and to measure on.
        tuning: How long, and how its rows are trained.
        options: How long and how fast it learns.
        folder: For the checkpoint, the log and the model; a run that was stopped goes on.
        on_progress: Is told of every line of the log.

    Raises:
        UnsupportedModelError: The model has no position table, or steps after pooling.
        SettingsError: The folder holds another run, or the table would not become longer.
    """
    _require_table(planner)
    reader, table = _longer(open_reader(planner), planner, tuning)
    objective = PositionTuning(
        reader,
        table,
        pairs=texts.pairs,
        measured=texts.unseen or texts.held_out,
        tokens=TextTokens(planner),
        options=tuning,
        seed=options.seed,
    )
    identity = {
        "kind": "positions",
        "model": planner.fingerprint,
        "texts": texts.fingerprint,
        **tuning.identity(negatives=texts.has_negatives),
    }
    progress = run(objective, options, identity, folder, on_progress)
    config, state = _tuned(reader.model, planner, table)
    return save_run(folder, planner, config, state, table.length, progress)


def _require_table(planner: Planner) -> None:
    if planner.family.positions != "learned":
        raise UnsupportedModelError(
            f"{planner.model_name} has no position table to tune: its positions are "
            f"{planner.family.positions}"
        )
    if planner.rules.anchor_step > 1:
        raise SettingsError(f"{planner.model_name} was tuned by PI already: start from its origin")


def _longer(
    reader: TrainingModel, planner: Planner, tuning: TuningOptions
) -> tuple[TrainingModel, LongTable]:
    """The model with a longer table, in which short texts stand at the original rows."""
    embeddings = cast("Any", reader.model).embeddings
    table = LongTable(
        embeddings.position_embeddings,
        method=tuning.method,
        original_length=planner.original_length,
        length=tuning.length,
        offset=reader.offset,
    ).to(reader.device)
    embeddings.position_embeddings = table
    rules = replace(
        planner.rules,
        original_length=table.length,
        max_length=table.length,
        anchors=table.original_length,
        anchor_step=_said_of(table).step,
    )
    return replace(reader, rules=rules), table


def _said_of(table: LongTable) -> TunedTable:
    """What the config of a model with this table says of it."""
    return TunedTable(table.method, table.original_length, table.scale)


def _tuned(model: nn.Module, planner: Planner, table: LongTable) -> tuple[Any, dict[str, Any]]:
    """Config and weights of a model with its longer table, which is a plain one from here on."""
    state = {
        name: value
        for name, value in model.state_dict().items()
        if not name.startswith("embeddings.position_embeddings.")
    }
    state["embeddings.position_embeddings.weight"] = table.table()
    config = copy.deepcopy(planner.config)
    config.max_position_embeddings = table.offset + table.length
    setattr(config, TUNED_TABLE, _said_of(table).to_dict())
    return config, state


def distil_rotary(
    planner: Planner,
    texts: TrainingTexts,
    *,
    mixture: MixtureOptions,
    distil: DistilOptions,
    options: TrainingOptions,
    folder: Path,
    theta: float = 10_000.0,
    half: bool = False,
    on_progress: Told = None,
) -> Trained:
    """Make a rotary student of a BERT, and teach it to read as its teacher does.

    Args:
        planner: The teacher.
        texts: To train and to measure on.
        mixture: Which texts are read.
        distil: What being close to the teacher means.
        options: How long and how fast it learns.
        folder: For the checkpoint, the log and the model; a run that was stopped goes on.
        theta: Base of the rotation.
        half: Whether the model is written in half precision.
        on_progress: Is told of every line of the log.

    Raises:
        UnsupportedModelError: The teacher is not a BERT, or has steps after pooling.
        SettingsError: The folder holds another run.
    """
    teacher = open_reader(planner)
    tokens = TextTokens(planner)
    mixture = within(mixture, planner)
    drawn = Mixture(texts, tokens, options=mixture, seed=options.seed)
    samples = [torch.from_numpy(ids)[None] for batch in islice(drawn, _SORTED_ON) for ids in batch]
    model = rotary_student(
        teacher.model.cpu(),
        samples,
        length=mixture.longest,
        theta=theta,
        rows=planner.original_length,
    )
    cast("Any", model).set_attn_implementation(ATTENTION)
    teacher.model.to(teacher.device)
    student = learning(replace(teacher, model=model.to(teacher.device), rules=None))
    objective = Distillation(
        teacher,
        student,
        drawn,
        options=distil,
        measured=measured_texts(texts, tokens, mixture.longest),
    )
    identity = {
        "kind": "rotary",
        "model": planner.fingerprint,
        "texts": texts.fingerprint,
        "theta": theta,
        **asdict(mixture),
        **asdict(distil),
    }
    progress = run(objective, options, identity, folder, on_progress)
    state = student.model.state_dict()
    config = copy.deepcopy(cast("Any", model).config)
    return save_run(folder, planner, config, state, mixture.longest, progress, half=half)


def train_length(
    planner: Planner,
    teacher: Planner,
    texts: TrainingTexts,
    *,
    documents: DocumentOptions,
    mixture: MixtureOptions,
    length: LengthOptions,
    options: TrainingOptions,
    folder: Path,
    skipping: SkippingOptions | None = None,
    share: float = 1.0,
    half: bool = False,
    on_progress: Told = None,
) -> Trained:
    """Train a model on long documents, while its short texts stay where the teacher has them.

    Args:
        planner: The model.
        teacher: What short texts are kept close to: the model itself, or the one it was made from.
        texts: To train and to measure on.
        documents: How long documents are made.
        mixture: Which short texts are read beside them.
        length: What is asked of the model.
        options: How long and how fast it learns.
        folder: For the checkpoint, the log and the model; a run that was stopped goes on.
        skipping: At which positions documents are read; None reads them plainly.
        share: How much of what was learnt is written: weights are taken on the line from the model
            as it was, 0, to the trained one, 1 (WiSE-FT, arXiv 2109.01903). In between, short
            texts are closer to where they were, and much of what was learnt is kept.
        half: Whether the model is written in half precision.
        on_progress: Is told of every line of the log.

    Raises:
        SettingsError: The folder holds another run, a position table is too short, documents leave
            nothing to skip, or ``share`` is not between 0 and 1.
        UnsupportedModelError: The model has steps after pooling, or positions that cannot skip.
    """
    if not 0.0 < share <= 1.0:
        raise SettingsError(f"share={share!r} must be greater than 0 and at most 1")
    skipping = skipping or SkippingOptions()
    reach = _reach(planner, documents, skipping)
    student, theirs = learning(open_reader(planner)), open_reader(teacher)
    mixture = within(mixture, teacher)
    length = replace(length, teacher_tokens=min(length.teacher_tokens, mixture.longest))
    tokens, seed = TextTokens(planner), options.seed
    made: Iterable[DocumentBatch] = Documents(
        texts.pairs, texts.passages, tokens=tokens, options=documents, seed=seed
    )
    if skipping.skips:
        far = replace(skipping, reach=reach)
        made = Skipping(made, head=tokens.head, tail=tokens.tail, options=far, seed=seed)
    objective = LengthTraining(
        student,
        theirs,
        made,
        Distillation(
            theirs,
            student,
            Mixture(texts, tokens, options=mixture, seed=seed),
            options=DistilOptions(),
            measured=measured_texts(texts, tokens, mixture.longest),
        ),
        tokens=tokens,
        measured=measured_documents(texts, tokens, documents),
        options=length,
    )
    identity = {
        "kind": "length",
        "model": planner.fingerprint,
        "teacher": teacher.fingerprint,
        "texts": texts.fingerprint,
        "documents": asdict(documents),
        "mixture": asdict(mixture),
        "share": share,
        **({"positions": asdict(replace(skipping, reach=reach))} if skipping.skips else {}),
        **length.identity(negatives=texts.has_negatives),
    }
    progress = run_a_share(objective, options, identity, folder, on_progress, share=share)
    config = copy.deepcopy(planner.config)
    reach = max(reach, planner.original_length)
    if planner.family.positions != "learned":
        config.max_position_embeddings = reach
    return save_run(folder, planner, config, student.model.state_dict(), reach, progress, half=half)


def _reach(planner: Planner, documents: DocumentOptions, skipping: SkippingOptions) -> int:
    """Positions at which documents are read; refuses those that the model does not have."""
    longest, learned = max(documents.lengths), planner.family.positions == "learned"
    if learned and longest > planner.original_length:
        raise SettingsError(
            f"the position table of {planner.model_name} ends at {planner.original_length}, before "
            f"documents of {longest} tokens: make it longer first (train positions), or take "
            "shorter documents"
        )
    if not skipping.skips:
        return longest
    if planner.family.own_attention:
        raise UnsupportedModelError(
            f"{planner.model_name} ({planner.family.name}) weighs distances by biases of its own, "
            f"which cannot skip: train it with positions plain instead of {skipping.kind}"
        )
    reach = skipping.reach_of(longest, table=planner.original_length if learned else None)
    if learned and reach > planner.original_length:
        raise SettingsError(
            f"the position table of {planner.model_name} ends at {planner.original_length}, before "
            f"reach={reach}: make it longer first (train positions), or reach less far"
        )
    return reach
