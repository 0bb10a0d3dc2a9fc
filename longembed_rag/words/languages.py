"""The languages that words are stemmed in, and by which names they go.

Stemmers are Snowball's (PyStemmer) and stopword lists those of bm25s; both come with their
packages, so nothing is downloaded.
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from longembed_rag.errors import MissingDependencyError, SettingsError

DEFAULT_LANGUAGE = "english"
#: No stemming and no stopwords: for code and part numbers, and languages without a stemmer.
NO_LANGUAGE = "none"
#: Each document in its own language.
AUTO_LANGUAGE = "auto"

# Names of the lists in bm25s.stopwords; the longer one for English knows question words.
_STOPWORD_LISTS = {
    "chinese": "CHINESE",
    "danish": "DANISH",
    "dutch": "DUTCH",
    "english": "EN_PLUS",
    "french": "FRENCH",
    "german": "GERMAN",
    "italian": "ITALIAN",
    "norwegian": "NORWEGIAN",
    "portuguese": "PORTUGUESE",
    "russian": "RUSSIAN",
    "spanish": "SPANISH",
    "swedish": "SWEDISH",
    "turkish": "TURKISH",
}
#: Languages by their codes (ISO 639), those with a stemmer or a stopword list and others that
#: documents are told to be in.
_BY_CODE = {
    **dict.fromkeys(("ar", "arz", "ary"), "arabic"),
    "bg": "bulgarian",
    "bn": "bengali",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "he": "hebrew",
    "hi": "hindi",
    "hr": "croatian",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "is": "icelandic",
    "it": "italian",
    "ja": "japanese",
    "ka": "georgian",
    "km": "khmer",
    "ko": "korean",
    "lo": "lao",
    "lt": "lithuanian",
    "lv": "latvian",
    "ms": "malay",
    "my": "burmese",
    "ne": "nepali",
    "nl": "dutch",
    **dict.fromkeys(("no", "nb", "nn"), "norwegian"),
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sk": "slovak",
    "sl": "slovenian",
    "sr": "serbian",
    "st": "sesotho",
    "sv": "swedish",
    "ta": "tamil",
    "th": "thai",
    "tr": "turkish",
    "uk": "ukrainian",
    "ur": "urdu",
    "vi": "vietnamese",
    "yi": "yiddish",
    **dict.fromkeys(("zh", "yue", "wuu"), "chinese"),
}
_DIALECTS = frozenset({"arz", "ary", "nn", "yue", "wuu"})
# The three letters of ISO 639-2 and -3 that metadata of files are written with.
_BY_LONG_CODE = {
    **dict.fromkeys(("eng",), "english"),
    **dict.fromkeys(("deu", "ger"), "german"),
    **dict.fromkeys(("fra", "fre"), "french"),
    **dict.fromkeys(("nld", "dut"), "dutch"),
    **dict.fromkeys(("zho", "chi"), "chinese"),
    **dict.fromkeys(("nob", "nno", "nor"), "norwegian"),
    "dan": "danish",
    "fin": "finnish",
    "ita": "italian",
    "jpn": "japanese",
    "kor": "korean",
    "pol": "polish",
    "por": "portuguese",
    "rus": "russian",
    "spa": "spanish",
    "swe": "swedish",
    "tha": "thai",
    "tur": "turkish",
}


@cache
def languages() -> list[str]:
    """Languages with a stemmer; for those without a stopword list rarity alone weighs words."""
    import Stemmer

    return sorted({*Stemmer.algorithms(), *_STOPWORD_LISTS} - {"porter", "dutch_porter"})


def require_language(language: str) -> None:
    """Refuse a language that there is no analyzer for.

    Raises:
        SettingsError: There is none; lists those there are.
    """
    known = [*languages(), NO_LANGUAGE]
    if language not in known:
        raise SettingsError(f"language={language!r} is not one of: {', '.join(known)}")


def require_choice(language: str) -> None:
    """Refuse what is neither a language nor ``"auto"``.

    Raises:
        SettingsError: It is not; lists what can be chosen.
    """
    known = [AUTO_LANGUAGE, *languages(), NO_LANGUAGE]
    if language not in known:
        raise SettingsError(f"language={language!r} is not one of: {', '.join(known)}")


def language_codes() -> list[str]:
    """The codes of languages that have a name here (ISO 639), dialects left aside."""
    return [code for code in _BY_CODE if code not in _DIALECTS]


def named_language(name: str) -> str | None:
    """The language that a name or code is of: ``"de"``, ``"de-DE"``, ``"German"``.

    Args:
        name: As metadata says it: English names, codes of ISO 639, with a region or without.

    Returns:
        Its name here, ``"german"``; None where nothing is known of it.
    """
    plain = name.strip().lower()
    if plain in {*_BY_CODE.values(), *languages()}:
        return plain
    code = plain.replace("_", "-").partition("-")[0]
    return _BY_CODE.get(code) or _BY_LONG_CODE.get(code)


def stemming_language(language: str | None) -> str:
    """What the words of a language are stemmed as.

    Args:
        language: As :func:`named_language` gives it; None where it is not known.

    Returns:
        The language itself, ``"none"`` where there is no stemmer for it, and English where none is
        known: a text of a few names and numbers is likelier taken for any language than in it.
    """
    if language is None:
        return DEFAULT_LANGUAGE
    return language if language in languages() else NO_LANGUAGE


def stopwords_of(language: str) -> frozenset[str]:
    """Words of a language that every text holds; none where there is no list."""
    name = _STOPWORD_LISTS.get(language)
    if name is None:
        return frozenset()
    return frozenset(getattr(_stopword_lists(), f"STOPWORDS_{name}"))


@cache
def _stopword_lists() -> ModuleType:
    """bm25s' module of them by itself: the package imports scipy, which takes a quarter second."""
    package = find_spec("bm25s")
    places = None if package is None else package.submodule_search_locations
    found = PathFinder.find_spec("stopwords", places)
    if found is None or found.loader is None:
        raise MissingDependencyError("lists of stopwords need the package bm25s: pip install bm25s")
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def make_stemmer(language: str) -> Any:
    """A new stemmer of a language; None where there is none. It has state: one thread at a time."""
    import Stemmer

    return Stemmer.Stemmer(language) if language in Stemmer.algorithms() else None
