"""How a text is cut into the windows in which it is read, as the settings want it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from longembed_rag.encoder.sif import find_weights
from longembed_rag.errors import SettingsError, TextTooLongError
from longembed_rag.extension.windows import EndOf, Window, WindowRules, cut

if TYPE_CHECKING:
    from longembed_rag.encoder.folder import ModelFolder
    from longembed_rag.encoder.settings import EncoderSettings
    from longembed_rag.encoder.sif import TokenWeights
    from longembed_rag.encoder.tokens import Ints, TokenizedText, Tokenizer


@dataclass(frozen=True, kw_only=True)
class Cutter:
    """Cuts texts into windows.

    Attributes:
        settings: The settings as given.
        method: The extension method, resolved.
        window: Tokens of one unextended forward pass.
        tokenizer: The model's.
        folder: What the model folder says of itself.

    Raises:
        SettingsError: A setting about windows does not fit the method, or the model.
    """

    settings: EncoderSettings
    method: str
    window: int
    tokenizer: Tokenizer
    folder: ModelFolder

    def __post_init__(self) -> None:
        named = {
            "window_sinks": self.settings.window_sinks != 0,
            "window_ends": self.settings.window_ends != "tokens",
            "window_weights": self.settings.window_weights != "even",
        }
        for name, is_set in named.items():
            if is_set and self.method != "pcw":
                raise SettingsError(
                    f"{name}={getattr(self.settings, name)!r} is about the windows of method='pcw'"
                    f", and {self.folder.name} is read by method={self.method!r}"
                )
        if self.settings.window_weights == "sif":
            _ = self._weights  # refused here, if there are none

    @cached_property
    def _weights(self) -> TokenWeights:
        return find_weights(self.folder, self.tokenizer.vocabulary)

    @cached_property
    def _rules(self) -> WindowRules:
        settings = self.settings
        return WindowRules(
            overlap=settings.window_overlap,
            sinks=settings.window_sinks,
            by_tokens=settings.window_weights == "tokens",
        )

    def of_text(self, text: TokenizedText, *, name: str) -> list[Window]:
        """The windows of a text; raises as :meth:`of_length`."""
        end_of = None
        if self.settings.window_ends == "sentences":
            end_of = ends_after(text.content, self.tokenizer.sentence_ends)
        windows = self.of_length(
            len(text.content), text.overhead, text.tokens, name=name, end_of=end_of
        )
        if self.settings.window_weights != "sif" or len(windows) == 1:
            return windows
        before = np.concatenate([[0.0], np.cumsum(self._weights.weights[text.content], dtype="f8")])
        total = before[windows[-1].stop]
        shares = [float(before[each.stop] - before[each.fresh]) / total for each in windows]
        return [replace(w, weight=share) for w, share in zip(windows, shares, strict=True)]

    def of_length(
        self, content: int, overhead: int, tokens: int, *, name: str, end_of: EndOf | None = None
    ) -> list[Window]:
        """The windows of a text of which only the length is known.

        Args:
            content: Its content tokens.
            overhead: Tokens that every window carries besides.
            tokens: All of its tokens.
            name: What it is called.
            end_of: Where windows had better end.

        Raises:
            TextTooLongError: It is longer than ``max_length`` under ``overflow="error"``.
            SettingsError: The prompt, or the overlap, leaves no room for content.
        """
        settings = self.settings
        window_room, section_room = self.window - overhead, settings.max_length - overhead
        if min(window_room, section_room) < 1 and content:
            raise SettingsError(
                f"the prompt and special tokens take {overhead} tokens, which leaves no room in "
                f"windows of {self.window}; shorten the prompt or raise max_length"
            )
        if tokens > settings.max_length and settings.overflow == "error":
            raise TextTooLongError(
                f"{name} has {tokens:,} tokens, more than max_length={settings.max_length:,}; "
                "raise max_length, or take overflow='windows' or 'truncate'"
            )
        if self.method == "truncate":
            content = min(content, window_room)
        elif settings.overflow == "truncate":
            content = min(content, section_room)
        room = window_room if self.method == "pcw" else None
        if content > (section_room if room is None else min(room, section_room)):
            self._rules.require_room(section_room if room is None else room)
        return cut(
            content,
            section_room=max(section_room, 1),
            window_room=room,
            rules=self._rules,
            end_of=end_of,
        )


def ends_after(content: Ints, ends: Sequence[int]) -> EndOf:
    """Ends of windows after the last token in their second half that closes a sentence.

    Args:
        content: Ids of a text's content tokens.
        ends: Ids of tokens that close a sentence.
    """
    places = (np.flatnonzero(np.isin(content, np.asarray(ends, dtype=np.int64))) + 1).tolist()

    def end_of(start: int, limit: int) -> int:
        earliest = start + (limit - start + 1) // 2
        last = bisect_left(places, limit + 1) - 1
        return places[last] if last >= 0 and places[last] >= earliest else limit

    return end_of
