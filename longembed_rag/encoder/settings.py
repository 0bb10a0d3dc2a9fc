"""Every setting of an encoder, with its one default."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypedDict, get_args

from longembed_rag.encoder.rope_factors import factors_as_text
from longembed_rag.errors import SettingsError
from longembed_rag.extension.methods import METHODS, Method
from longembed_rag.extension.sharpening import AttentionScaling as AttentionScaling

MethodChoice = Literal["auto", Method]
Overflow = Literal["windows", "truncate", "error"]
Scaling = Literal["dynamic", "static"]
WindowEnds = Literal["tokens", "sentences"]
WindowWeights = Literal["even", "tokens", "sif"]
Pooling = Literal["mean", "cls", "last_token", "sif"]
Kind = Literal["document", "query"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "method": ("auto", *METHODS),
    "overflow": get_args(Overflow),
    "scaling": get_args(Scaling),
    "attention_scaling": get_args(AttentionScaling),
    "window_ends": get_args(WindowEnds),
    "window_weights": get_args(WindowWeights),
}
_NOT_NEGATIVE = ("window_overlap", "window_sinks")
_POSITIVE = (
    "max_length",
    "group_size",
    "neighbor_window",
    "ntk_lambda",
    "original_length",
    "batch_tokens",
    "truncate_dim",
    "rope_theta",
    "attention_temperature",
    "chunk_size",
)
_NUMBERS = frozenset({"ntk_lambda", "rope_theta", "attention_temperature"})
# As torch counts; more would be none of anybody's texts.
_MOST = 2**31 - 1
#: Settings that change where and how fast a text is read, never its vector (law 1 and bf16's
#: tolerance): they stay out of a collection's fingerprint.
RUNTIME_SETTINGS = frozenset({"device", "dtype", "batch_tokens", "trust_remote_code"})
#: Settings that every fingerprint is made of. Those that came later are only where they are set,
#: so that collections which were made before them keep theirs.
_ALWAYS_TOLD = frozenset(
    (
        *("max_length", "overflow", "scaling", "attention_scaling", "group_size", "method"),
        *("neighbor_window", "ntk_lambda", "original_length", "query_prompt", "document_prompt"),
        *("pooling", "normalize", "truncate_dim"),
    )
)


class EncoderOptions(TypedDict, total=False):
    """The keyword options of :meth:`LongEncoder.from_pretrained`; see :class:`EncoderSettings`."""

    method: MethodChoice
    max_length: int
    overflow: Overflow
    scaling: Scaling
    attention_scaling: AttentionScaling
    group_size: int | None
    neighbor_window: int | None
    ntk_lambda: float | None
    original_length: int | None
    device: str | None
    dtype: str
    batch_tokens: int | None
    query_prompt: str | None
    document_prompt: str | None
    pooling: Pooling | None
    normalize: bool
    truncate_dim: int | None
    revision: str | None
    trust_remote_code: bool
    rope_theta: float | None
    rope_factors: str | None
    resonance: bool
    attention_temperature: float | None
    window_overlap: int
    window_sinks: int
    window_ends: WindowEnds
    window_weights: WindowWeights
    chunk_size: int | None
    task: str | None


class ReadingOptions(TypedDict, total=False):
    """The fields of :class:`EncoderSettings` that change nothing of a loaded model."""

    method: MethodChoice
    max_length: int
    overflow: Overflow
    truncate_dim: int | None
    rope_factors: str | None


def plain_name(value: object) -> str:
    """The name of a path, or of one of torch's own devices and dtypes."""
    return str(value).removeprefix("torch.")


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """How texts become vectors.

    Attributes:
        model: Folder or hub name; None is the model that comes with the package.
        method: How the model reads past its window; ``"auto"`` picks by the model's family.
        max_length: Longest text, in tokens with specials and prompt, read in one go.
        overflow: What happens beyond ``max_length``: ``"windows"`` averages windows of that
            length, ``"truncate"`` keeps the head and warns, ``"error"`` refuses.
        scaling: ``"dynamic"`` takes the scale from each text's own length, ``"static"`` always
            from ``max_length``, as in the paper. Texts within the model's own window are never
            scaled.
        attention_scaling: ``"log_n"`` multiplies queries by ``max(1, ln n / ln L0)``, ``"yarn"``
            by ``(0.1 ln s + 1)²``, past the model's own window.
        group_size: Overrides the group size of GP, SelfExtend and DPE.
        neighbor_window: Overrides the distance below which SelfExtend, DPE and STRING are exact,
            and how far exact distances reach into the next chunk under DCA.
        ntk_lambda: Overrides the factor on the rotary base of NTK.
        original_length: Overrides the model's own context length L0, in tokens.
        device: Torch device; None picks CUDA or MPS where there is one, else the CPU. Several, as
            ``"cuda:0,1,2,3"``, read parts of what is read at once, each in a process of its own.
        dtype: ``"float32"``, ``"bfloat16"``, ``"float16"``, or ``"auto"``: bfloat16 where the
            processor is faster at it (CUDA, AMX, AVX512-BF16 if a measurement says so).
        batch_tokens: Tokens per forward pass; None picks by device.
        query_prompt: Text put before queries; None takes the model's own, ``""`` none.
        document_prompt: Text put before documents; None takes the model's own, ``""`` none.
        pooling: ``"mean"``, ``"cls"``, ``"last_token"``, or ``"sif"``, a mean in which common
            tokens weigh little; None takes the model's own.
        normalize: Whether vectors have unit length.
        truncate_dim: Keep this many leading dimensions (Matryoshka models); None keeps all.
        revision: Branch, tag or commit of a hub model.
        trust_remote_code: Let a model folder run its own code. Off unless asked for.
        rope_theta: The rotary base of ABF; None is fifty times the model's own.
        rope_factors: LongRoPE's rescale factors: a JSON file, or what stands in one; kept as the
            latter, so that what was made with them goes on without the file.
        resonance: Round wavelengths to whole tokens past the model's own window.
        attention_temperature: Divide logits by it past the model's own window, besides what
            ``attention_scaling`` does; above 0 and at most 1, None for 1.
        window_overlap: Tokens at the beginning of a window that the one before has read, too: of
            PCW's windows, and of those of ``max_length`` (long late chunking).
        window_sinks: Tokens at the beginning of the text that PCW's other windows see as well.
        window_ends: Where PCW's windows end: where they are full, or after a sentence.
        window_weights: What PCW's windows weigh: all the same, by the tokens that each is the first
            to read, or by those times how rare they are (SIF).
        chunk_size: Overrides DCA's chunk size.
        task: Read by the adapter that the model has for it: ``"retrieval"``, of which queries and
            documents have one each, or another that it names; None reads by the model alone.

    Raises:
        SettingsError: A value is unknown or out of range.
    """

    model: str | None = None
    method: MethodChoice = "auto"
    max_length: int = 32768
    overflow: Overflow = "windows"
    scaling: Scaling = "dynamic"
    attention_scaling: AttentionScaling = "log_n"
    group_size: int | None = None
    neighbor_window: int | None = None
    ntk_lambda: float | None = None
    original_length: int | None = None
    device: str | None = None
    dtype: str = "auto"
    batch_tokens: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    pooling: Pooling | None = None
    normalize: bool = True
    truncate_dim: int | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    rope_theta: float | None = None
    rope_factors: str | None = None
    resonance: bool = False
    attention_temperature: float | None = None
    window_overlap: int = 0
    window_sinks: int = 0
    window_ends: WindowEnds = "tokens"
    window_weights: WindowWeights = "even"
    chunk_size: int | None = None
    task: str | None = None

    def __post_init__(self) -> None:
        self._as_plain_values()
        self._require_types()
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise SettingsError(f"{name}={value!r} is not one of: {', '.join(choices)}")
        if self.pooling is not None and self.pooling not in get_args(Pooling):
            raise SettingsError(
                f"pooling={self.pooling!r} is not one of: {', '.join(get_args(Pooling))}"
            )
        for name in _POSITIVE:
            self._require_positive(name, getattr(self, name))
        if self.attention_temperature is not None and self.attention_temperature > 1:
            raise SettingsError(
                f"attention_temperature={self.attention_temperature!r} is above 1, which would "
                "make attention over long texts flatter still"
            )
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
                raise SettingsError(f"{name}={value!r} is not a count of tokens")

    def _as_plain_values(self) -> None:
        """Take paths and torch's own devices and dtypes too, and keep their names."""
        for name in ("model", "device", "dtype"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                object.__setattr__(self, name, plain_name(value))
        for name in _NUMBERS:
            value = getattr(self, name)
            if isinstance(value, int) and not isinstance(value, bool):
                object.__setattr__(self, name, float(value))
        if self.rope_factors is not None:
            object.__setattr__(self, "rope_factors", factors_as_text(self.rope_factors))

    def _require_types(self) -> None:
        for name in ("query_prompt", "document_prompt", "revision", "task"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise SettingsError(f"{name}={value!r} is not a text")
        for name in ("normalize", "trust_remote_code", "resonance"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise SettingsError(f"{name}={value!r} is neither True nor False")

    @staticmethod
    def _require_positive(name: str, value: object) -> None:
        kinds = (int, float) if name in _NUMBERS else (int,)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise SettingsError(f"{name}={value!r} is not a number of the right kind")
        if not 0 < value <= _MOST:
            raise SettingsError(
                f"{name}={value!r} must be greater than zero, and at most {_MOST:,}"
            )

    def require_width(self, dimension: int, *, model: str) -> None:
        """Require that a model's vectors have the dimensions that are to be kept of them.

        Args:
            dimension: How many they have.
            model: What the model is called.

        Raises:
            SettingsError: ``truncate_dim`` is more than that.
        """
        width = self.truncate_dim
        if width is not None and width > dimension:
            raise SettingsError(
                f"truncate_dim={width} is more than the {dimension} dimensions of {model}"
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EncoderSettings:
        """Build settings from a mapping.

        Raises:
            SettingsError: A name is unknown or a value is out of range.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SettingsError(
                f"unknown setting {', '.join(unknown)}; known are: {', '.join(sorted(known))}"
            )
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Every setting by name, as plain values."""
        return asdict(self)

    def of_vectors(self) -> dict[str, Any]:
        """The settings that change a vector, as given; later ones only where they are set."""
        return {
            field.name: value
            for field in fields(self)
            if field.name not in RUNTIME_SETTINGS
            and field.name not in ("model", "revision", "task")
            if (value := getattr(self, field.name)) != field.default or field.name in _ALWAYS_TOLD
        }
