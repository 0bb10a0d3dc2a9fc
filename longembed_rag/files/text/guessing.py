"""Which of the old encodings bytes are in, by the language that they would then be written in.

A byte above 127 is another letter in every code page, and most code pages give some letter for most
bytes. What tells them apart is whether the letters are those of one language, stand where letters
stand, and spell its commonest words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Bytes that are looked at: lines with bytes above 127, to so many.
_SAMPLE = 20_000
_LINES_ABOVE_ASCII = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")
# Signs that any language writes, and that do not stand between two letters.
_SIGNS = frozenset("\xa0§©®°·•–—―‘’‚“”„«»‹›…€£¥™¡¿ªº×÷±½¼¾²³µ№¶†‡¸´¨¬\xad")
_APOSTROPHES = frozenset("’ʼ·-–—\xad")
_MOST_SPECIAL = 0.6
_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class _Language:
    """What is known of a language.

    Attributes:
        letters: Its small letters beyond a to z.
        words: Its commonest words, of those that few other languages have.
        encodings: In what its texts were written, the likeliest first.
    """

    letters: frozenset[str]
    words: frozenset[str]
    encodings: tuple[str, ...]


_WESTERN = ("cp1252", "iso8859_15", "cp850", "mac_roman", "cp437")
_CENTRAL = ("cp1250", "iso8859_2", "cp852", "mac_latin2")
_BALTIC = ("cp1257", "iso8859_13", "cp775")
_CYRILLIC = ("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic", "cp855")


def _language(letters: str, words: str, encodings: tuple[str, ...]) -> _Language:
    return _Language(frozenset(letters), frozenset(words.split()), encodings)


# Written from grammars and common knowledge, not from a corpus: a few words of each are enough.
_LANGUAGES = (
    _language(
        "àâçèéêëîïñöü",
        "the and of to in is that it for was with as his on be at by this have from or had not "
        "are but which you were they",
        _WESTERN,
    ),
    _language(
        "äöüßé",
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch "
        "es an werden aus er hat dass sie nach wird bei wurde über oder",
        _WESTERN,
    ),
    _language(
        "àâæçèéêëîïôùûüÿœ",
        "de la le et les des en un du une est que dans pour qui par sur au il pas plus avec ce "
        "sont cette être à été ou elle",
        _WESTERN,
    ),
    _language(
        "áéíñóúüçàèòï",
        "de la que el en los del se las por un para con no una su al lo como más pero sus le es "
        "está fue són els amb per",
        _WESTERN,
    ),
    _language(
        "àáâãçéêíóôõúü",
        "de que do da em um para com não uma os no se na por mais as dos como mas ao foi das é "
        "são está",
        _WESTERN,
    ),
    _language(
        "àèéìíîòóùú",
        "di che il la per un in del non una con le si da dei della sono alla più nel è gli lo "
        "anche perché",
        _WESTERN,
    ),
    _language(
        "áéèëïíóöüú",
        "de van het een en in is dat op te zijn met voor niet aan er om ook als door bij naar "
        "werd wordt",
        _WESTERN,
    ),
    _language(
        "æøåäöéóòôèêüáíðþúý",
        "og i det at en til er som på for med den av ikke han de et af var har jeg der kan om "
        "och att är inte ett från að sem við ekki það hann",
        _WESTERN,
    ),
    _language("äöåšžé", "ja on ei se että oli hän joka mutta ovat kun myös sen tai niin", _WESTERN),
    _language(
        "ąćęłńóśźż",
        "w i na z do się nie to że jest o jak od po przez przy dla za co który oraz być są może "
        "tego jego został",
        _CENTRAL,
    ),
    _language(
        "áčďéěíňóřšťúůýžľĺŕôä",
        "a v se na je že to s z do o ve ke pro jsou byl ale jako by jeho podle nebo si tak sa "
        "nie ktorý pri ako za aj alebo bol",
        _CENTRAL,
    ),
    _language(
        "áéíóöőúüű",
        "a az és hogy nem is egy ez volt van csak meg el már de mint még vagy ha azt pedig lehet "
        "szerint után",
        _CENTRAL,
    ),
    _language(
        "čćđšžäöü",
        "i u je da na se za su od s ne kao koji iz što in ki ne so bi po pri tudi ali je bil lahko",
        _CENTRAL,
    ),
    _language(
        "ăâîşţșțéöü",
        "de și şi în a la cu din pe nu că se o mai este un care pentru sa al ale fi sunt",
        (*_CENTRAL, "iso8859_16"),
    ),
    _language(
        "ąčęėįšųūž",
        "ir kad yra į su bei iš buvo kaip tai ar už nuo jo bet prie apie pagal metų taip",
        _BALTIC,
    ),
    _language(
        "āčēģīķļņšūžõ",
        "un ir ar uz kas no par tas bija kā lai pie vai arī gan tika to gada pēc šo",
        _BALTIC,
    ),
    _language(
        "äõöüšž",
        "ja on et ei oli mis see ka kui oma aga või seda ning nii siis tema veel pärast",
        (*_BALTIC, "cp1252"),
    ),
    _language(
        "çğıöşüâîûi̇",
        "ve bir bu da de için ile olarak çok daha olan gibi en var kadar ne ki sonra ya her",
        ("cp1254", "iso8859_9", "cp857", "mac_turkish"),
    ),
    _language(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
        "и в не на что с по это как из но он к у за от то для все так было его она я же бы",
        _CYRILLIC,
    ),
    _language(
        "абвгґдеєжзиіїйклмнопрстуфхцчшщьюяыўё",
        "і в на що не з до та у як за від це для його але або про був які і не што ад гэта",
        _CYRILLIC,
    ),
    _language(
        "абвгдежзийклмнопрстуфхцчшщъьюяђјљњћџѓѕќѝ",
        "и на да се в за е от не с са по че до като у је су од што како со во го беше",
        _CYRILLIC,
    ),
    _language(
        "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",
        "και το να της του η ο που τον την με είναι για στο από θα σε δεν τα οι",
        ("cp1253", "iso8859_7", "cp737", "mac_greek"),
    ),
    _language(
        "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
        "של את על לא הוא זה עם היא כי גם או אני יש כל אל",
        ("cp1255", "iso8859_8", "cp862"),
    ),
    _language(
        "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگًٌٍَُِّ",
        "في من على أن إلى هذا التي الذي ما عن لا مع كان هو هذه",
        ("cp1256", "iso8859_6"),
    ),
)
_WESTERN_LETTERS = frozenset("àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿßœšž")


def guess(data: bytes) -> str | None:
    """The encoding that gives words of some language; None where none does clearly.

    Args:
        data: Bytes that are not UTF-8. Encodings of Chinese, Japanese and Korean are not guessed.
    """
    sample = b"".join(_LINES_ABOVE_ASCII.findall(data))[:_SAMPLE]
    best, best_share = None, 0.0
    for encoding in dict.fromkeys(each for one in _LANGUAGES for each in one.encodings):
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        share = _share_of_known_words(text, encoding)
        if share is not None and (best is None or share > best_share):
            best, best_share = encoding, share
    return best


def _share_of_known_words(text: str, encoding: str) -> float | None:
    """How much of a text is common words of the language that fits best; None if none fits."""
    if _is_odd(text):
        return None
    words = [word.lower() for word in _WORDS.findall(text)]
    letters = "".join(words)
    special = [each for each in letters if each > "\x7f"]
    shares = [
        sum(word in language.words for word in words) / len(words)
        for language in _LANGUAGES
        if words and encoding in language.encodings and language.letters.issuperset(special)
    ]
    share = max(shares, default=0.0)
    if share > 0:
        return share
    # No word that is known: a name, or a line of a table. Only where most of its letters are
    # ASCII's do the others tell anything; and those of several countries are likeliest cp1252's.
    signs = sum(each > "\x7f" for each in text) - len(special)
    is_foreign = len(special) > _MOST_SPECIAL * len(letters) or signs > len(special)
    is_mixed = encoding == "cp1252" and _WESTERN_LETTERS.issuperset(special)
    return None if is_foreign or not (shares or is_mixed) else 0.0


def _is_odd(text: str) -> bool:
    """Whether signs stand in words, or capitals after small letters, where none would write so."""
    special = odd = 0
    for before, here, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if here <= "\x7f":
            continue
        special += 1
        if here.isalpha() and here not in "ªºµ":
            odd += here.isupper() and before.islower()
        elif here not in _SIGNS:
            odd += 1
        elif here not in _APOSTROPHES:
            odd += before.isalpha() and after.isalpha()
    return odd > 0.02 * special
