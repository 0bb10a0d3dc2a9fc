"""Mail as Outlook keeps it (.msg).

Headers and body are kreuzberg's, which reads them right in any code page; attachments it reads by
its own readers, and mails inside of mails it leaves out, so that these are taken from the
container.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import is_old_office, refuse_other_kinds
from longembed_rag.files.formats.kreuzberg_call import extract
from longembed_rag.files.formats.mail_reader import Attachment, Mail, ReaderOf, put_together
from longembed_rag.files.formats.ole import open_container
from longembed_rag.files.formats.properties import iso_date
from longembed_rag.files.values import Content

_KIND = "the mail"
_STORAGE = "__attach_version1.0_#"
_PROPERTIES = "__properties_version1.0"
_INNER = "__substg1.0_3701000D"
_BYTES = "__substg1.0_37010102"
# Properties by their tags, the best first.
_NAMES = ("3707", "3704", "3001")
_SUBJECT, _SENDER, _TO, _BODY = ("0037",), ("0C1A",), ("0E04",), ("1000",)


def read_msg(data: bytes, name: str, *, reader_of: ReaderOf) -> Content:
    """From, to, date and subject as lines, the body, mails inside of it, its attachments.

    Args:
        data: The file.
        name: Its name, for messages.
        reader_of: How attachments are read.

    Raises:
        ReadError: It is damaged, or no mail of Outlook's.
    """
    refuse_other_kinds(data, name)
    if not is_old_office(data):
        raise ReadError(f"{name}: it is no mail of Outlook's; give it the suffix it should have")
    with open_container(data, name, kind=_KIND) as container:
        if not container.exists(_PROPERTIES):
            raise ReadError(f"{name}: it holds no mail; give it the suffix it should have")
        sender = _property(container, "", _SENDER)
        inner = tuple(_inner(container))
        attachments = tuple(_attachments(container))
    result = extract(data, name, mime="application/vnd.ms-outlook", kind=_KIND)
    known: dict[str, Any] = dict(result.metadata)
    headers = {
        "From": _address(known.get("from_email") or sender),
        "To": ", ".join(map(_address, known.get("to_emails") or ())),
        "Cc": ", ".join(map(_address, known.get("cc_emails") or ())),
        "Date": known.get("created_at") or "",
        "Subject": known.get("subject") or "",
    }
    metadata = {
        "title": headers["Subject"],
        "subject": headers["Subject"],
        "from": headers["From"],
        "to": [_address(each) for each in known.get("to_emails") or ()],
        "cc": [_address(each) for each in known.get("cc_emails") or ()],
        "date": iso_date(headers["Date"]),
    }
    mail = Mail(
        headers,
        {key: value for key, value in metadata.items() if value},
        _body(result.content),
        inner,
        attachments,
    )
    return put_together(mail, reader_of=reader_of)


def _body(text: str) -> str:
    """What kreuzberg writes below the headers, which it puts first."""
    first, _, rest = text.partition("\n\n")
    return rest if first.startswith(("Subject: ", "From: ", "To: ", "Date: ")) else text


def _address(text: str) -> str:
    """An address as people write it: an Exchange server's own name of a mailbox says nothing."""
    name, between, address = text.rpartition(" <")
    name = name.strip().strip('"')
    return (
        name
        if between and name and address.startswith("/")
        else f"{name} <{address}"
        if (between and name)
        else text
    )


def _attachments(container: Any) -> Iterator[Attachment]:
    for storage in _storages(container):
        if container.exists(f"{storage}/{_BYTES}"):
            data = container.openstream(f"{storage}/{_BYTES}").read()
            yield Attachment(_property(container, storage, _NAMES) or "unnamed", data)


def _inner(container: Any) -> Iterator[Mail]:
    for storage in _storages(container):
        inside = f"{storage}/{_INNER}"
        if container.exists(inside):
            headers = {
                "From": _property(container, inside, _SENDER),
                "To": _property(container, inside, _TO),
                "Subject": _property(container, inside, _SUBJECT),
            }
            yield Mail(headers, {}, _property(container, inside, _BODY))


def _storages(container: Any) -> list[str]:
    top = {entry[0] for entry in container.listdir(streams=True, storages=True)}
    return sorted(each for each in top if each.startswith(_STORAGE))


def _property(container: Any, storage: str, tags: tuple[str, ...]) -> str:
    """The first of a storage's properties that it has, as text; empty where it has none."""
    for tag in tags:
        for kind, encoding in (("001F", "utf-16-le"), ("001E", "cp1252")):
            path = f"{storage}/__substg1.0_{tag}{kind}".removeprefix("/")
            if container.exists(path):
                data: bytes = container.openstream(path).read()
                text = data.decode(encoding, "replace")
                return text.strip("\0 ")
    return ""
