"""The constants of the methods that give each pair of tokens a distance of its own."""

from __future__ import annotations

from dataclasses import dataclass

from longembed_rag.errors import SettingsError

#: DCA's chunk as a share of the original length (arXiv 2402.17463, section 4.1).
_CHUNK = (3, 4)
#: From which part of the original length on STRING shifts distances (arXiv 2410.18745, section 4).
_SHIFTED_PART = 3
#: STRING's ``W``, with models of 131,072 tokens; with small ones a sixteenth of their length.
_RESTART, _RESTART_PART = 128, 16
#: DPE's local window: 1,024 tokens of Llama 3's 8,192 (arXiv 2504.18857, its code's settings).
_DPE_WINDOW_PART = 8


@dataclass(frozen=True)
class Spans:
    """Constants of one method at one scale, in tokens; None where it has no such thing.

    Attributes:
        neighbor_window: SelfExtend's and DPE's ``w``, STRING's ``S``, DCA's ``w``.
        group_size: SelfExtend's ``g``; DPE's, for its slowest dimensions.
        chunk_size: DCA's ``s``.
        restart: STRING's ``W``.
    """

    neighbor_window: int
    group_size: int | None = None
    chunk_size: int | None = None
    restart: int | None = None


def spans_of(
    method: str,
    *,
    scale: int,
    original_length: int,
    group_size: int | None = None,
    neighbor_window: int | None = None,
    chunk_size: int | None = None,
) -> Spans | None:
    """What a method needs at a scale.

    Args:
        method: Any extension method.
        scale: How many times the original length is stretched (``s``).
        original_length: ``L0``, tokens.
        group_size: Override of ``g``.
        neighbor_window: Override of the window.
        chunk_size: Override of DCA's ``s``.

    Returns:
        The constants; None for methods without distances of their own.

    Raises:
        SettingsError: An override leads past the distances that the model knows.
    """
    length = original_length
    if method == "self_extend":
        return Spans(neighbor_window or max(1, length // scale), group_size or scale + 1)
    if method == "dpe":
        window = neighbor_window or max(1, length // _DPE_WINDOW_PART)
        # The smallest by which w + (s L0 - w) / g is at most L0.
        group = -(-(scale * length - window) // max(1, length - window))
        return Spans(window, group_size or max(1, group))
    if method == "dca":
        return _dual_chunk(length, chunk_size, neighbor_window)
    if method == "string":
        exact = neighbor_window or max(1, length // _SHIFTED_PART)
        if exact >= length > 1:
            raise SettingsError(
                f"neighbor_window={exact} leaves method='string' no distances to shift far pairs "
                f"to: take less than the model's original length of {length}"
            )
        return Spans(exact, restart=min(exact, max(1, min(_RESTART, length // _RESTART_PART))))
    return None


def _dual_chunk(length: int, chunk_size: int | None, window: int | None) -> Spans:
    share, parts = _CHUNK
    if chunk_size is None:
        chunk = max(1, min(length * share // parts, length - (window or 0)))
    else:
        chunk = chunk_size
    if chunk >= length > 1:
        raise SettingsError(
            f"chunk_size={chunk} leaves method='dca' no distances between chunks: take less than "
            f"the model's original length of {length}"
        )
    if window is not None and chunk + window > max(length, 2):
        raise SettingsError(
            f"neighbor_window={window} and chunks of {chunk} tokens reach beyond the model's "
            f"original length of {length}: method='dca' wants both together to be at most that"
        )
    return Spans(length - chunk if window is None else window, chunk_size=chunk)
