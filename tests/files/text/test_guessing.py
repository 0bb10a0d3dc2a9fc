"""Text in old encodings, which says nothing of it: sixteen languages in their usual ones."""

from __future__ import annotations

import time

import pytest

from longembed_rag.files.text.decoding import decode
from longembed_rag.files.text.guessing import guess

WESTERN = "cp1252 iso8859_15 cp850 mac_roman"
CENTRAL = "cp1250 iso8859_2 cp852"
CYRILLIC = "cp1251 koi8_u cp866 iso8859_5"
SENTENCES = {
    "en": (
        WESTERN.replace("iso8859_15 cp850 ", ""),
        "The night porter wrote: “the café’s keys hang behind the door” – and nobody believed him. "
        "We found them there on Monday, beside the old clock.",
    ),
    "de": (
        WESTERN,
        "Der Schlüssel zum Lagerhaus hängt hinter der Tür. Wer ihn holt, muß sich vorher beim "
        "Wächter melden, auch wenn es schon spät ist und keiner mehr öffnen will.",
    ),
    "fr": (
        WESTERN,
        "La clé de l'entrepôt est derrière la porte. Celui qui la prend doit d'abord prévenir le "
        "gardien, même très tard, quand plus personne n'a envie d'ouvrir à un étranger.",
    ),
    "es": (
        WESTERN,
        "La llave del almacén está detrás de la puerta. Quien la recoja tendrá que avisar antes al "
        "vigilante, aunque sea de madrugada y ningún compañero quiera abrir mañana.",
    ),
    "pl": (
        CENTRAL,
        "Klucz do magazynu wisi za drzwiami. Kto go bierze, powinien najpierw zgłosić się do "
        "stróża, nawet jeśli jest już późno i nikt nie chce otwierać, bo wszyscy śpią.",
    ),
    "cs": (
        CENTRAL,
        "Klíč od skladu visí za dveřmi. Kdo si ho bere, měl by se nejdřív ohlásit u hlídače, i "
        "když je už pozdě a nikomu se nechce otevírat, protože všichni dávno spí.",
    ),
    "ru": (
        CYRILLIC,
        "Ключ от склада висит за дверью. Тот, кто его берёт, должен сначала предупредить сторожа, "
        "даже если уже поздно и никому не хочется открывать.",
    ),
    "uk": (
        "cp1251 koi8_u iso8859_5",
        "Ключ від складу висить за дверима. Той, хто його бере, має спочатку попередити сторожа, "
        "навіть якщо вже пізно і нікому не хочеться відчиняти.",
    ),
    "el": (
        "cp1253 iso8859_7 cp737",
        "Το κλειδί της αποθήκης κρέμεται πίσω από την πόρτα. Όποιος το παίρνει πρέπει πρώτα να "
        "ειδοποιήσει τον φύλακα, ακόμη κι αν είναι αργά.",
    ),
    "tr": (
        "cp1254 iso8859_9 cp857",
        "Deponun anahtarı kapının arkasında asılı. Onu alan kişi önce bekçiye haber vermeli, saat "
        "çok geç olsa ve artık kimse kapıyı açmak istemese bile; çünkü herkes uyuyor.",
    ),
    "ar": (
        "cp1256 iso8859_6",
        "مفتاح المخزن معلق خلف الباب. من يأخذه عليه أن يخبر الحارس أولا حتى لو كان الوقت متأخرا "
        "ولا أحد يريد أن يفتح له في الليل.",
    ),
    "he": (
        "cp1255 iso8859_8",
        "המפתח של המחסן תלוי מאחורי הדלת. מי שלוקח אותו צריך קודם להודיע לשומר, גם אם כבר מאוחר "
        "ואף אחד לא רוצה לפתוח בלילה.",
    ),
    "ja": (
        "cp932 euc_jp iso2022_jp",
        "倉庫の鍵は扉の後ろに掛かっています。鍵を借りる人は、夜遅くて誰も開けたくない時でも、まず警備員に"
        "知らせなければなりません。",
    ),
    "zh_CN": (
        "gb18030 hz",
        "仓库的钥匙挂在门后。拿钥匙的人应该先通知看门人，即使时间已经很晚，没有人愿意开门，也要等到他回答"
        "以后再进去。",
    ),
    "zh_TW": (
        "big5",
        "倉庫的鑰匙掛在門後。拿鑰匙的人應該先通知看門人，即使時間已經很晚，沒有人願意開門，也要等到他回答"
        "以後再進去。",
    ),
    "ko": (
        "cp949 iso2022_kr",
        "창고 열쇠는 문 뒤에 걸려 있습니다. 열쇠를 가져가는 사람은 밤이 늦어 아무도 문을 열고 "
        "싶어하지 않더라도 먼저 경비원에게 알려야 합니다.",
    ),
}
EVERY = [
    (language, encoding, text)
    for language, (encodings, text) in SENTENCES.items()
    for encoding in (*encodings.split(), "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
]


@pytest.mark.parametrize(("language", "encoding", "text"), EVERY)
def test_sentences_come_back_and_the_guess_is_told(language: str, encoding: str, text: str) -> None:
    """A sentence or two are enough, in every encoding in which their language was written."""
    decoded = decode(text.encode(encoding), name="a")
    assert decoded.text == text, f"{language}: {decoded.encoding}"
    assert decoded.note is not None
    assert decoded.encoding in decoded.note


@pytest.mark.parametrize("rest", [b"x" * 3_000_000, b"x\n" * 1_500_000, b"\xe9" * 3_000_000])
def test_a_guess_takes_no_longer_than_a_look(rest: bytes) -> None:
    """Neither an endless line nor millions of them are gone through more than once."""
    began = time.process_time()
    assert guess("Où est la clé? Derrière la porte, près du café.\n".encode("cp1252") + rest)
    assert time.process_time() - began < 5


def test_the_letters_behind_a_long_line_of_ascii_are_looked_at() -> None:
    """What tells an encoding may stand far into a line."""
    text = "{" + "x = 1, " * 20_000 + 'title = "' + SENTENCES["pl"][1] + '"}'
    assert decode(text.encode("iso8859_2"), name="a").text == text
