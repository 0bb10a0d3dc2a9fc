"""From words to systems: grammar, groups, types of settings, and errors that help."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_eval.systems.choose import (
    DEFAULT_SYSTEMS,
    METHODS,
    SystemChoice,
    choose_systems,
)
from longembed_rag.errors import SettingsError

OF_BERT = ("truncate", "pcw", "gp", "rp", "pi")


def choose(*words: str, auto: str = "rp") -> list[SystemChoice]:
    return choose_systems(words, methods=OF_BERT, auto=auto)


def labels(*words: str, auto: str = "rp") -> list[str]:
    return [choice.label for choice in choose(*words, auto=auto)]


def options(word: str) -> dict[str, Any]:
    (choice,) = choose(word)
    return dict(choice.options)


def test_a_plain_name() -> None:
    """It is its own label and has no settings."""
    assert choose("bm25") == [SystemChoice("bm25", "bm25", {})]


def test_nothing_stands_for_the_usual_ones() -> None:
    """``auto`` among them is shown as what it stands for."""
    assert labels() == ["rp" if name == "auto" else name for name in DEFAULT_SYSTEMS]


def test_groups_stand_for_what_the_model_can_do() -> None:
    """``methods`` are the model's own; ``all`` adds everything else once."""
    assert labels("methods") == list(OF_BERT)
    every = labels("all")
    others = {"bm25", "chunked", "chunked_mean", "passages", "late", "hybrid", "st"}
    assert set(every) == {*OF_BERT, *others}
    assert len(every) == len(set(every))


def test_each_system_once_in_the_order_asked_for() -> None:
    """Doubles from groups and from ``auto`` are dropped; other settings make another system."""
    assert labels("rp", "methods", "auto", "rp") == ["rp", "truncate", "pcw", "gp", "pi"]
    both = labels("pcw", "pcw:max_length=64", "pcw")
    assert both == ["pcw", "pcw:max_length=64"]


def test_auto_takes_settings() -> None:
    """They are those of the method that it stands for."""
    (choice,) = choose("auto:max_length=4096", auto="self_extend")
    assert choice == SystemChoice(
        "self_extend:max_length=4096", "self_extend", {"max_length": 4096}
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("pcw:max_length=8192", {"max_length": 8192}),
        ("pcw:passage_tokens=64", {"passage_tokens": 64}),
        ("ntk:ntk_lambda=2", {"ntk_lambda": 2.0}),
        ("ntk:ntk_lambda=1.5", {"ntk_lambda": 1.5}),
        ("pcw:normalize=FALSE", {"normalize": False}),
        ("pcw:normalize=true", {"normalize": True}),
        ("gp:group_size=4", {"group_size": 4}),
        ("pcw:pooling=cls", {"pooling": "cls"}),
        ("pcw:overflow=truncate", {"overflow": "truncate"}),
        ("pcw:query_prompt=", {"query_prompt": ""}),
        ("pcw:query_prompt=a=b", {"query_prompt": "a=b"}),
        ("pcw:dtype=float32", {"dtype": "float32"}),
        ("chunked:window=512:overlap=64", {"window": 512, "overlap": 64}),
        ("chunked:method=pcw", {"method": "pcw"}),
        ("bm25:language=german", {"language": "german"}),
        ("hybrid:language=none:passage_tokens=32", {"language": "none", "passage_tokens": 32}),
        (
            "late:pool=4:bits=true:pool_by=neighbours",
            {"pool": 4, "bits": True, "pool_by": "neighbours"},
        ),
        ("hybrid:late_interaction=off", {"late_interaction": "off"}),
        (r"st:model=C:\models\one", {"model": r"C:\models\one"}),
        ("st:model=/models/a:b/c", {"model": "/models/a:b/c"}),
        (r"pcw:model=D:\m:max_length=64", {"model": r"D:\m", "max_length": 64}),
        (
            "pcw:query_prompt=search: now:max_length=64",
            {"query_prompt": "search: now", "max_length": 64},
        ),
    ],
)
def test_settings_have_their_types(word: str, expected: dict[str, Any]) -> None:
    """Numbers, truths and texts; colons and equals signs in values are kept."""
    found = options(word)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]


def test_a_prompt_keeps_its_last_space() -> None:
    """Prompts end with one: ``query: `` is not ``query:``."""
    assert options("pcw:query_prompt=query: ") == {"query_prompt": "query: "}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("bm52", "did you mean 'bm25'"),
        ("pwc", "did you mean 'pcw'"),
        ("chunk", "did you mean 'chunked'"),
        ("no_such_thing", "known are: "),
        ("", "known are: "),
        ("pcw:max_length", "NAME:SETTING=VALUE"),
        ("pcw:max_len=3", "it has: "),
        ("bm25:window=3", "it has: language"),
        ("st:max_length=3", "it has: model"),
        ("truncate:window=3", "has no setting 'window'"),
        ("passages:bits=true", "has no setting 'bits'"),
        ("late:bits=1", "neither true nor false"),
        ("late:pool=few", "pool='few' is not a number"),
        ("pcw:method=gp", "has no setting 'method'"),
        ("pcw:trust_remote_code=true", "has no setting 'trust_remote_code'"),
        ("pcw:max_length=long", "max_length='long' is not a number"),
        ("pcw:max_length=1.5", "is not a number"),
        ("ntk:ntk_lambda=x", "is not a number"),
        ("pcw:normalize=yes", "neither true nor false"),
        ("chunked:window=", "is not a number"),
        ("methods:max_length=3", "one system, not to a group"),
        ("all:max_length=3", "one system, not to a group"),
    ],
)
def test_errors_name_the_way_out(word: str, told: str) -> None:
    """What was wrong, in the words that were given, and what there is instead."""
    with pytest.raises(SettingsError) as caught:
        choose("bm25", word)
    assert told in str(caught.value)
    assert repr(word) in str(caught.value)


@pytest.mark.parametrize(
    "name", [*METHODS, "chunked", "chunked_mean", "passages", "late", "hybrid"]
)
def test_every_dense_system_takes_settings_of_the_encoder(name: str) -> None:
    """Whatever reads with the model can be told how."""
    (choice,) = choose(f"{name}:max_length=64:query_prompt=x")
    assert dict(choice.options) == {"max_length": 64, "query_prompt": "x"}


@given(st.lists(st.sampled_from(["bm25", "auto", "methods", "all", "pcw", "st"]), max_size=6))
def test_whatever_is_asked_for_is_there_once(words: list[str]) -> None:
    """No label twice, and adding words never takes a system away."""
    found = labels(*words)
    assert len(found) == len(set(found))
    if words:
        assert set(found) <= set(labels(*words, "all"))


def test_a_setting_is_set_once() -> None:
    """Which of two values would count is nobody's guess."""
    with pytest.raises(SettingsError, match="max_length is set twice"):
        choose_systems(["pcw:max_length=64:max_length=128"], methods=["pcw"], auto="pcw")
