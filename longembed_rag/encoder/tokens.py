"""Text to token ids, with every content token's place in the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.folder import ModelFolder, require_tokenizer
from longembed_rag.encoder.late_interaction import LateInteraction
from longembed_rag.encoder.stated import told
from longembed_rag.encoder.tokenizer_files import require_parsed
from longembed_rag.encoder.vocabulary import Vocabulary, load_vocabulary
from longembed_rag.errors import EmptyTextError, InputError, ModelLoadError

if TYPE_CHECKING:
    pass

Ints = NDArray[np.int64]

_SURROGATES = re.compile("[\ud800-\udfff]")
# As vocabularies spell them: a space before is "▁" or "Ġ", a line's end in byte-level ones "Ċ".
_SENTENCE_END = re.compile(r"""^[▁Ġ ]?(?:[.!?…。！？]+["'”’»)\]]*|[Ċ\n]+)$""")


@dataclass(frozen=True)
class TokenizedText:
    """One text as token ids.

    Attributes:
        head: Special tokens and prompt that stand before the content of every window.
        content: The text's own tokens.
        tail: Special tokens that close every window.
        spans: Characters ``[start, end)`` of each content token in the text, shape ``[n, 2]``;
            empty where they were not asked for.
        unknown: Content tokens that stand for what the tokenizer does not know.
        prompt: How many tokens at the end of the head are the prompt's.
        filler: Tokens behind the tail that fill a query up; empty for everything else.
    """

    head: Ints
    content: Ints
    tail: Ints
    spans: Ints
    unknown: int = 0
    prompt: int = 0
    filler: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def in_prompt(self) -> slice:
        """Which tokens of every window are the prompt's."""
        return slice(len(self.head) - self.prompt, len(self.head))

    @property
    def overhead(self) -> int:
        """Tokens that every window carries besides its content."""
        return len(self.head) + len(self.tail)

    @property
    def tokens(self) -> int:
        """All tokens of the text read in one piece (``n``)."""
        return self.overhead + len(self.content)


class Tokenizer:
    """A model's fast tokenizer, its special tokens, and the prompts put before texts.

    Args:
        folder: Where the tokenizer lies.
        vocabulary: What is read of it already; None has transformers read it.
        rows: Tokens that the model has a vector for; None where it is not known.
        append_eos: Whether to close texts with the end-of-sequence token where the tokenizer
            itself closes them with nothing (last-token pooling reads that token).
        trust_remote_code: Whether a tokenizer may run the folder's own code.

    Raises:
        ModelLoadError: There is no usable tokenizer; names the folder.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        vocabulary: Vocabulary | None = None,
        rows: int | None = None,
        append_eos: bool = False,
        trust_remote_code: bool = False,
    ) -> None:
        require_tokenizer(folder)
        self._path, self._rows = folder.tokenizer, rows
        self._late = folder.late or LateInteraction()
        with told(f"the tokenizer in {self._path}", look=partial(require_parsed, self._path)):
            self._known = vocabulary or load_vocabulary(folder, trust_remote_code=trust_remote_code)
            self._before, self._after = self._specials()
            if append_eos and not self._after and self._known.end is not None:
                self._after = [self._known.end]
            self._filler = self._find_filler()
            self.skipped = self._find_skipped()
            self._require_rows()

    @property
    def probe(self) -> Ints:
        """A few tokens that a model can be tried with, as any text would be opened and closed."""
        inner = self._known.ids("a")[:1]
        unknown = [] if self._known.unknown is None else [self._known.unknown]
        return np.asarray([*self._before, *(inner or unknown or [0]), *self._after], dtype=np.int64)

    def _require_rows(self) -> None:
        """Refuse a tokenizer of another model, whose tokens are more than the model's.

        Added tokens that nothing puts into a text may lie beyond, as Gemma's for images do.
        """
        own = self._known.backend.get_vocab(with_added_tokens=False).values()
        used = [*own, *self._before, *self._after, self._filler, self._known.unknown or 0]
        if self._rows is not None and max(used) >= self._rows:
            raise ModelLoadError(
                f"the tokenizer in {self._path} has a token {max(used):,}, and the model's table "
                f"{self._rows:,} rows (vocab_size in its config.json): it is another model's. "
                "Copy the tokenizer files of the model into the folder"
            )

    @property
    def vocabulary(self) -> list[str]:
        """All tokens, added ones included, in the order of their ids."""
        by_token: dict[str, int] = self._known.backend.get_vocab()
        return sorted(by_token, key=by_token.__getitem__)

    @cached_property
    def sentence_ends(self) -> list[int]:
        """Ids of the tokens that close a sentence, a paragraph or a line, in order."""
        texts = enumerate(self.vocabulary)
        return [each for each, text in texts if _SENTENCE_END.search(text)]

    def text_of(self, ids: Sequence[int]) -> str:
        """A text with the tokens of these ids, special ones left out.

        Raises:
            ValueError: One is no token of the model.
        """
        size = self._known.backend.get_vocab_size(with_added_tokens=True)
        wrong = next((each for each in ids if not 0 <= each < size), None)
        if wrong is not None:
            raise ValueError(f"{wrong} is no token id of this model, which has {size:,}")
        text: str = self._known.backend.decode(list(ids), skip_special_tokens=True)
        return text

    def overhead(self, prompt: str) -> int:
        """Tokens that every window carries besides its content: specials and prompt."""
        probe = "a"  # a prompt's closing space often becomes part of the first word's token
        with_prompt, alone = (len(self._known.ids(text)) for text in (prompt + probe, probe))
        return len(self._before) + with_prompt - alone + len(self._after)

    def _find_filler(self) -> int:
        """The token that fills queries up."""
        if self._late.query_length is None:
            return 0
        known, word = self._known, self._late.filler
        if word is not None:
            found = self._id_of(word)
        else:
            found = known.end if known.mask is None else known.mask
        if found is None:
            raise ModelLoadError(
                f"{self._path}: queries are to be filled up with "
                f"{'mask tokens' if word is None else repr(word)}, which its tokenizer has not"
            )
        return found

    def _id_of(self, word: str) -> int | None:
        """The id of a word that is one token; None where it is none."""
        found: int | None = self._known.backend.token_to_id(word)
        return found

    def _find_skipped(self) -> Ints:
        """The tokens whose vectors take no part: of the words that are one token."""
        ids = {found for word in self._late.skip_words if (found := self._id_of(word)) is not None}
        return np.asarray(sorted(ids), dtype=np.int64)

    def fill_up(self, text: TokenizedText, *, room: int) -> TokenizedText:
        """A query filled up to the length that the model wants, as far as it is one window.

        Args:
            text: The query; a longer one stays as it is, and nothing of it is cut off.
            room: Tokens of a window; a length beyond it fills up nothing.
        """
        length = self._late.query_length
        if length is None or not text.tokens < length <= room:
            return text
        filler = np.full(length - text.tokens, self._filler, dtype=np.int64)
        return replace(text, filler=filler)

    def _specials(self) -> tuple[list[int], list[int]]:
        """Which tokens the tokenizer puts before and after any text."""
        probes = ["a", "the", "0", *map(self._known.backend.id_to_token, range(100, 110))]
        for probe in (text for text in probes if text is not None):
            inner, outer = self._known.ids(probe), self._known.ids(probe, specials=True)
            for start in range(len(outer) - len(inner) + 1) if inner else ():
                if outer[start : start + len(inner)] == inner:
                    return list(outer[:start]), list(outer[start + len(inner) :])
        raise ModelLoadError(
            f"the tokenizer in {self._path} gives no tokens for any probe text; its files are "
            "broken or do not belong together"
        )

    def __call__(
        self,
        texts: Sequence[str],
        *,
        prompt: str = "",
        names: Sequence[str] | None = None,
        spans: bool = True,
    ) -> list[TokenizedText]:
        """Tokenize texts, each together with the prompt; several threads may do so at once.

        Lone surrogates, which no encoding can hold, are read as U+FFFD; spans stay exact.

        Args:
            texts: The texts.
            prompt: What is put before each.
            names: What to call each in errors.
            spans: Whether it is asked where tokens stand in the text, which takes longer than
                finding them.

        Raises:
            InputError: Something other than a string was given; names it.
            EmptyTextError: A text and its window hold no token at all.
        """
        if isinstance(texts, str):
            raise InputError("texts must be a list of strings, not one string")
        labels = names if names is not None else [f"text {i}" for i in range(len(texts))]
        if len(labels) != len(texts):
            raise InputError(f"{len(texts)} texts came with {len(labels)} names")
        clean = []
        for text, label in zip(texts, labels, strict=True):
            if not isinstance(text, str):
                raise InputError(f"{label} is of type {type(text).__name__}, not a string")
            clean.append(prompt + _SURROGATES.sub("�", text))
        if not clean:
            return []
        backend, placed = self._known.backend, spans or bool(prompt)
        encode = backend.encode_batch if placed else backend.encode_batch_fast
        found = encode(clean, add_special_tokens=False)
        return [
            self._split(each.ids, each.offsets if placed else [], len(prompt), label)
            for each, label in zip(found, labels, strict=True)
        ]

    def _split(
        self, ids: list[int], offsets: list[tuple[int, int]], prompt_length: int, label: str
    ) -> TokenizedText:
        all_ids = np.asarray(ids, dtype=np.int64)
        if self._rows is not None and len(all_ids) and all_ids.max() >= self._rows:
            beyond = self._known.backend.id_to_token(int(all_ids.max()))
            raise InputError(
                f"{label} holds {beyond!r}, a token that the model has no vector for; take it out"
            )
        # By way of one flat iterator: numpy takes thrice as long over pairs.
        flat = chain.from_iterable(offsets)
        spans = np.fromiter(flat, dtype=np.int64, count=2 * len(offsets)).reshape(-1, 2)
        in_prompt = 0
        if prompt_length:
            # Content starts with the first token that reaches beyond the prompt.
            in_prompt = int(np.argmax(np.append(spans[:, 1] > prompt_length, True)))
        content, stranger = all_ids[in_prompt:], self._known.unknown
        text = TokenizedText(
            head=np.concatenate([np.asarray(self._before, dtype=np.int64), all_ids[:in_prompt]]),
            content=content,
            tail=np.asarray(self._after, dtype=np.int64),
            spans=np.maximum(spans[in_prompt:] - prompt_length, 0),
            unknown=0 if stranger is None else int((content == stranger).sum()),
            prompt=in_prompt,
        )
        if text.tokens == 0:
            raise EmptyTextError(f"{label} is empty: the model's tokenizer makes no token of it")
        return text
