"""Every error this package raises on purpose.

The tree::

    LongEmbedError
    ├── SettingsError (also ValueError)    a setting is out of range, unknown or contradictory
    │   └── UnsupportedMethodError         this model cannot be extended that way
    ├── ModelLoadError                     a model cannot be loaded
    │   ├── UnsafeWeightsError             its weights are pickled: loading them could run code
    │   └── UnsupportedModelError          its architecture is not one this package knows
    ├── DeviceError                        a process that reads on a device of its own has ended
    ├── InputError (also ValueError)       a text cannot be embedded
    │   ├── EmptyTextError                 it holds nothing that the model could read
    │   ├── TextTooLongError               it is longer than allowed under ``overflow="error"``
    │   └── OutOfMemoryError               it does not fit into memory even on its own
    ├── StoreError                         Qdrant refused, or could not be reached
    │   ├── CollectionNotFoundError        nothing has been ingested there yet
    │   ├── CollectionMismatchError        the collection was made with other settings
    │   ├── StoreLockedError               another process holds the embedded store
    │   ├── NotAllowedError                the key of a server is wrong, or may not do this
    │   └── WriteError                     points could not be written; says which
    │       └── PointRefusedError          one document's point; the others still can
    ├── DeletionsRefusedError              an ingest would delete more than can be meant
    ├── ReadError                          a file cannot be read as a document, or as pairs
    │   └── BucketError                    a bucket or an object in it cannot be read or reached
    ├── TrainingError                      training cannot go on
    └── MissingDependencyError             an optional package is not installed

    LongEmbedWarning (UserWarning)
    ├── TruncationWarning                  a part of a text was not read; names it and both counts
    └── UnknownTokensWarning               the model does not know much of what a text is written in
"""

from __future__ import annotations


class LongEmbedError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingsError(LongEmbedError, ValueError):
    """A setting is out of range, unknown or contradicts another."""


class UnsupportedMethodError(SettingsError):
    """The extension method does not fit the model; the message lists the ones that do."""


class ModelLoadError(LongEmbedError):
    """A model folder or hub name cannot be loaded."""


class UnsafeWeightsError(ModelLoadError):
    """Only pickled weights were found; loading them could run arbitrary code."""


class UnsupportedModelError(ModelLoadError):
    """The model's architecture is not one that this package knows how to read."""


class DeviceError(LongEmbedError):
    """One of several devices reads no more: its process has ended; says which and how."""


class InputError(LongEmbedError, ValueError):
    """A text cannot be embedded as it is."""


class EmptyTextError(InputError):
    """A text holds nothing that the model could read."""


class TextTooLongError(InputError):
    """A text is longer than ``max_length`` and ``overflow="error"`` was asked for."""


class OutOfMemoryError(InputError):
    """A text does not fit into memory even as the only one of its batch."""


class StoreError(LongEmbedError):
    """The vector store refused a request or cannot be reached."""


class CollectionNotFoundError(StoreError):
    """The collection does not exist: nothing has been ingested into it yet."""


class CollectionMismatchError(StoreError):
    """The collection's vectors were made with other settings than the ones in use."""


class StoreLockedError(StoreError):
    """Another process holds the embedded store.

    Args:
        held: Which store is held by whom.
        advice: What to do about it.
        is_own: Whether this process holds it itself, so that waiting for it may be in vain.
    """

    def __init__(self, held: str, advice: str = "", *, is_own: bool = False) -> None:
        super().__init__(f"{held}; {advice}" if advice else held)
        self.held = held
        self.is_own = is_own


class StoreDamagedError(StoreError):
    """Files of an embedded store are not as they were written."""


class NotAllowedError(StoreError):
    """A server refused the key, or what is asked for is not among its rights."""


class WriteError(StoreError):
    """Points could not be written; the message says what was written and what was not."""


class PointRefusedError(WriteError):
    """One document's point cannot be written as it is; the others still can."""


class DeletionsRefusedError(LongEmbedError):
    """An ingest would delete all, or most, of a folder's documents, and nobody has said so."""


class ReadError(LongEmbedError):
    """A file cannot be read as a document, or as pairs to train on."""


class BucketError(ReadError):
    """A bucket, or an object in it, cannot be read or reached.

    Args:
        where: Its URL.
        reason: Why, and what can be done about it.
    """

    def __init__(self, where: str, reason: str = "") -> None:
        super().__init__(f"{where}: {reason}" if reason else where)
        self.where = where
        self.reason = reason


class TrainingError(LongEmbedError):
    """Training cannot go on: the loss or its gradient is no longer a number."""


class MissingDependencyError(LongEmbedError):
    """An optional package is needed and not installed; the message gives the install command."""


class LongEmbedWarning(UserWarning):
    """Base of every warning that this package gives."""


class TruncationWarning(LongEmbedWarning):
    """Part of a text was not read; names the text, the tokens read and the tokens there."""


class UnknownTokensWarning(LongEmbedWarning):
    """Much of a text is unknown to the model's tokenizer; names the text and both counts."""
