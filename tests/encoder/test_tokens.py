"""Tokens: specials, prompts and exact places in the text."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder.folder import find_folder
from longembed_rag.encoder.tokens import Tokenizer
from longembed_rag.errors import InputError
from tests.families import CAUSAL
from tests.models import TinyModels


@pytest.fixture(scope="module")
def minilm() -> Tokenizer:
    return Tokenizer(find_folder(None))


def test_prompt_and_text_together_are_what_the_model_knows(minilm: Tokenizer) -> None:
    """Head, content and tail in one piece are the tokenizer's own ids of prompt + text."""
    from transformers import AutoTokenizer

    stock = AutoTokenizer.from_pretrained(find_folder(None).path)
    text = minilm(["How deep is the sea?"], prompt="query: ")[0]
    ids = np.concatenate([text.head, text.content, text.tail]).tolist()
    assert ids == stock("query: How deep is the sea?")["input_ids"]
    assert stock.decode(text.head) == "[CLS] query :"
    assert minilm.overhead("query: ") == text.overhead == 4


@given(text=st.text(max_size=60), prompt=st.sampled_from(["", "query: "]))
def test_spans_point_into_the_text(minilm: Tokenizer, text: str, prompt: str) -> None:
    """Spans are ordered, inside the text, and shifted by no prompt."""
    read = minilm([text], prompt=prompt)[0]
    assert len(read.spans) == len(read.content)
    assert (read.spans >= 0).all()
    assert (read.spans <= len(text)).all()
    assert (np.diff(read.spans[:, 0]) >= 0).all()


@given(text=st.text(max_size=60), prompt=st.sampled_from(["", "query: "]))
@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta"])
def test_tokens_are_the_same_without_spans(
    family: str, text: str, prompt: str, tiny_models: TinyModels
) -> None:
    """What is quicker finds the same."""
    tokenizer = _tokenizer(tiny_models.folder(family))
    one, other = (tokenizer([text], prompt=prompt, spans=spans)[0] for spans in (True, False))
    assert one.content.tolist() == other.content.tolist()
    assert (one.head.tolist(), one.prompt) == (other.head.tolist(), other.prompt)


@cache
def _tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer(find_folder(folder))


def test_spans_are_exact(minilm: Tokenizer) -> None:
    """A word's tokens lie where the word lies, prompt or not, surrogate or not."""
    text = "first \ud800 needle last"
    at = text.index("needle")
    for prompt in ("", "passage: "):
        spans = minilm([text], prompt=prompt)[0].spans.tolist()
        assert [at, at + len("needle")] in spans


@pytest.mark.parametrize(
    ("family", "expected"), [("bert", 3), ("roberta", 0), ("xlm-roberta", 3), ("qwen3", 0)]
)
def test_unknown_tokens_are_counted(family: str, expected: int, tiny_models: TinyModels) -> None:
    """A word or a character that has no token counts; whoever spells out bytes knows them all."""
    read = Tokenizer(find_folder(tiny_models.folder(family)))(["note \u3042 \u3044 able \u3046"])[0]
    assert read.unknown == expected
    assert len(read.content) > expected


def test_an_unknown_prompt_is_not_the_texts_fault(tiny_models: TinyModels) -> None:
    """Only the content is counted, with or without a prompt before it."""
    tokenizer = Tokenizer(find_folder(tiny_models.folder("bert")))
    counts = [tokenizer(["note \u3042"], prompt=p)[0].unknown for p in ("", "\u3042 \u3044: ")]
    assert counts == [1, 1]


@pytest.mark.parametrize("family", CAUSAL)
def test_eos_is_appended_once(family: str, tiny_models: TinyModels) -> None:
    """Last-token models close with the end-of-sequence token, whoever puts it there."""
    folder = find_folder(tiny_models.folder(family))
    read = Tokenizer(folder, append_eos=True)(["note able"])[0]
    assert len(read.tail) == 1
    assert len(Tokenizer(folder, append_eos=False)(["note able"])[0].tail) <= 1


def test_lower_case_folders_keep_spans(tiny_models: TinyModels) -> None:
    """``do_lower_case`` acts inside the tokenizer, so that spans still fit the text."""
    folder = tiny_models.sentence_transformers("bert", "lower", max_seq_length=64)
    config = folder / "sentence_bert_config.json"
    config.write_text(config.read_text().replace("false", "true"))
    tokenizer = Tokenizer(find_folder(folder))
    upper, lower = tokenizer(["NOTE ABLE", "note able"])
    assert upper.content.tolist() == lower.content.tolist()
    assert upper.spans.tolist() == lower.spans.tolist()


def test_what_is_no_text_is_named(minilm: Tokenizer) -> None:
    """The name that the caller gave is in the message."""
    with pytest.raises(InputError, match=r"report\.txt is of type int"):
        minilm([5], names=["report.txt"])  # type: ignore[list-item]
