"""What is known of a published model."""

from __future__ import annotations

from dataclasses import dataclass

from longembed_rag.extension.methods import Method


@dataclass(frozen=True)
class Preset:
    """A published model, or several that are used alike.

    Attributes:
        patterns: Shell patterns that the model's lower-case name must match, without its owner.
        names: Hub names, for people.
        family: transformers' ``model_type``.
        pooling: ``"mean"``, ``"cls"`` or ``"last_token"``.
        query_prompt: Text put before queries.
        document_prompt: Text put before documents.
        original_length: Tokens that it was trained to read, where its config says otherwise.
        window: Tokens of a window of PCW, where shorter ones than the model can read find more or
            are much faster.
        best_method: The method with the best published or measured score; None takes ``auto``'s.
        best_reason: Why, where it is not its published score.
        english_only: Whether it was made for English and no other language.
        dimensions: How many leading numbers of its vectors it was trained to be cut to
            (Matryoshka, arXiv 2205.13147), all of them last; none where it was not.
        width: Numbers of its vectors, where a step of its own after pooling makes them: a folder
            that makes others is not understood.
        bidirectional: Whether it sees both ways, where its architecture sees only backwards.
        note: Anything a user should know.
        rope_theta: The rotary base of its full layers, where it rotates and its config is known.
        rotary_dim: Rotated dimensions per head then.
    """

    patterns: tuple[str, ...]
    names: tuple[str, ...]
    family: str
    pooling: str
    query_prompt: str = ""
    document_prompt: str = ""
    original_length: int | None = None
    window: int | None = None
    best_method: Method | None = None
    best_reason: str = ""
    english_only: bool = False
    dimensions: tuple[int, ...] = ()
    width: int | None = None
    bidirectional: bool = False
    note: str = ""
    rope_theta: float | None = None
    rotary_dim: int = 0
