"""Letters without their diacritics, script by script.

What is an ornament in one script is a letter in another: French and Greek accents and Hebrew and
Arabic points are left out by many who type, the vowel signs of Hindi and Thai by nobody.
"""

from __future__ import annotations

import unicodedata

import regex

# Letters that Unicode does not take apart, as they are written where they are not at hand.
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
        "ħ": "h",
        "ŧ": "t",
        "\u0640": "",  # what stretches Arabic words
    }
)
# Over Cyrillic letters only the dots of ё and the marks of stress: й and ї are other letters.
_ORNAMENTS = regex.compile(
    r"(?<=[\p{Latin}\p{Greek}]\p{M}*)\p{M}"
    r"|(?<=[\p{Cyrillic}])[\u0300\u0301](?<=[аеиоуыэюяіє].)"
    r"|(?<=е)\u0308"
    r"|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670]"
)


def fold(word: str) -> str:
    """A word in small letters as it is typed without diacritics: ``naïve`` as ``naive``."""
    if word.isascii():
        return word
    apart = unicodedata.normalize("NFD", word.translate(_LETTERS))
    return unicodedata.normalize("NFC", _ORNAMENTS.sub("", apart))
