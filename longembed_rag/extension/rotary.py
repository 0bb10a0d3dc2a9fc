"""Puts plans into rotary models, and packs into every model that uses transformers' attention.

transformers rotates queries and keys before it calls the attention function. Here the model is
handed cosines of one and sines of zero while a pack is active, so that the attention function
receives them un-rotated and can turn each segment by its own plan, and each pair of tokens by a
distance of its own. Outside of a pack the model is the stock one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from longembed_rag.extension.attention import attend, attend_seen, working_dtype
from longembed_rag.extension.frequencies import RotaryFrequencies
from longembed_rag.extension.packing import FULL, LOCAL, Pack, Run, active_pack
from longembed_rag.extension.pieces import Piece
from longembed_rag.extension.piecewise import piecewise_attention
from longembed_rag.extension.rows import Layer, reads_rows, stretch_attention, stretches
from longembed_rag.extension.tiles import near_attention

#: The name under which the attention function is registered with transformers.
ATTENTION = "longembed_rag_packed"


class RotaryHandout(nn.Module):
    """Stands in for a model's rotary embedding: hands out the identity while a pack is active."""

    def __init__(self, original: nn.Module) -> None:
        super().__init__()
        self.original = original

    def forward(
        self, states: Tensor, position_ids: Tensor, layer_type: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cosines and sines, broadcastable to ``[batch, n, d]``."""
        if active_pack() is not None:
            one = states.new_ones((1, 1, 1))
            return one, torch.zeros_like(one)
        arguments = (
            (states, position_ids) if layer_type is None else (states, position_ids, layer_type)
        )
        return cast("tuple[Tensor, Tensor]", self.original(*arguments))


class _Unturned:
    """Stands in for a modelling module's rotation of queries and keys: none while a pack is active.

    By cosines of one and sines of zero they would come out the same, at the price of ten passes
    over them in every layer.
    """

    def __init__(self, original: Any) -> None:
        self.original = original

    def __call__(self, query: Tensor, key: Tensor, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        if active_pack() is not None:
            return query, key
        return cast("tuple[Any, ...]", self.original(query, key, *args, **kwargs))


def _leave_unturned(model: nn.Module) -> None:
    """Put :class:`_Unturned` into the modules whose code a model runs; harmless when repeated."""
    for name in {type(each).__module__ for each in model.modules()}:
        code = sys.modules[name]
        original = getattr(code, "apply_rotary_pos_emb", None)
        if original is not None and not isinstance(original, _Unturned):
            setattr(code, "apply_rotary_pos_emb", _Unturned(original))  # noqa: B010


def _long_frequencies(config: Any, settings: Any, layer: str | None) -> dict[str, Any]:
    """What a LongRoPE model has for texts longer than it was trained on before it was extended.

    transformers takes one or the other by the longest text of a batch; here each text does.
    """
    if settings.get("rope_type") != "longrope":
        return {}
    length = int(settings["original_max_position_embeddings"])
    longer, _ = ROPE_INIT_FUNCTIONS["longrope"](
        config, torch.device("cpu"), seq_len=length + 1, layer_type=layer
    )
    return {"long_inv_freq": longer.double().numpy(), "short_length": length}


def install_rotary(model: nn.Module) -> dict[str, RotaryFrequencies]:
    """Replace a model's rotary embedding and return how each kind of layer rotates.

    Args:
        model: A transformers model with a ``rotary_emb`` module.

    Returns:
        Frequencies by layer type, ``"full_attention"`` always among them.
    """
    original = cast(nn.Module, model.rotary_emb)
    parameters = cast("Any", model.config).rope_parameters
    nested = FULL in parameters or LOCAL in parameters
    frequencies = {}
    for layer in (FULL, LOCAL) if nested else (FULL,):
        prefix = f"{layer}_" if nested else ""
        if not hasattr(original, f"{prefix}inv_freq"):
            continue
        settings = parameters[layer] if nested else parameters
        inv_freq = cast(Tensor, getattr(original, f"{prefix}inv_freq"))
        frequencies[layer] = RotaryFrequencies(
            inv_freq=inv_freq.detach().cpu().double().numpy(),
            theta=float(settings["rope_theta"]),
            attention_scaling=float(getattr(original, f"{prefix}attention_scaling", 1.0)),
            **_long_frequencies(model.config, settings, layer if nested else None),
        )
    if FULL not in frequencies:
        frequencies[FULL] = frequencies[LOCAL]
    model.rotary_emb = RotaryHandout(original)
    _leave_unturned(model)
    return frequencies


def _packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention interface of transformers.

    Takes ``[1, heads, tokens, head_dim]`` and returns ``[1, tokens, heads, head_dim]``.
    """
    pack = active_pack()
    if pack is None:
        return stock_attention(
            module,
            query,
            key,
            value,
            attention_mask,
            scaling=scaling,
            is_causal=is_causal,
            **kwargs,
        )
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    layer = Layer(causal=causal, scale=scale, window=sliding_window)
    rows = [each[0].transpose(0, 1) for each in (query, key, value)]
    if not reads_rows(*rows):
        out = query.new_empty((*rows[0].shape[:2], value.shape[-1]))
        for run in pack.runs:
            _attend_run(pack, run, layer, query, key, value, out)
        return out.unsqueeze(0), None
    pieces = stretches(pack, layer, *rows)
    if len(pieces) == 1 and not pieces[0].apart:
        return stretch_attention(pack, pieces[0], layer, *rows).unsqueeze(0), None
    out = torch.empty_like(rows[0])
    for stretch in pieces:
        if stretch.apart:
            _attend_run(pack, stretch.runs[0], layer, query, key, value, out)
        else:
            own = (each[stretch.rows] for each in rows)
            out[stretch.rows] = stretch_attention(pack, stretch, layer, *own)
    return out.unsqueeze(0), None


def _attend_run(
    pack: Pack, run: Run, layer: Layer, query: Tensor, key: Tensor, value: Tensor, out: Tensor
) -> None:
    """Attention of one run of the row, written into its rows of ``[tokens, heads, head_dim]``."""
    dtype = working_dtype(query)
    states = [unpack(each, run).to(dtype) for each in (query, key, value)]
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        states[1:] = [each.repeat_interleave(groups, dim=1) for each in states[1:]]
    piece = run_attention(
        pack, run, *states, window=layer.window, causal=layer.causal, scale=layer.scale
    )
    out[run.start : run.stop] = piece.transpose(1, 2).flatten(0, 1)


def stock_attention(
    module: nn.Module, *states: Tensor | None, is_causal: bool | None, **kwargs: Any
) -> tuple[Tensor, None]:
    """Transformers' own attention, for passes that are not ours."""
    if is_causal is not None:
        kwargs["is_causal"] = is_causal
    return cast("tuple[Tensor, None]", sdpa_attention_forward(module, *states, **kwargs))


def unpack(states: Tensor, run: Run) -> Tensor:
    """A run's part of a packed row: ``[1, heads, tokens, d]`` to ``[count, heads, n, d]``."""
    piece = states[0, :, run.start : run.stop]
    heads, _, width = piece.shape
    return piece.reshape(heads, run.count, run.plan.tokens, width).transpose(0, 1)


def run_attention(
    pack: Pack,
    run: Run,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    window: int | None,
    causal: bool,
    scale: float,
) -> Tensor:
    """Attention of one run of segments, each only with itself, ``[count, heads, n, head_dim]``.

    Args:
        pack: The forward pass.
        run: Which segments.
        query: Un-rotated.
        key: Un-rotated.
        value: Values.
        window: The sliding window of a local layer (``|i - j| < window``); None for full layers.
        causal: Whether tokens see only what stands before them.
        scale: Factor on the logits, before log-n scaling.
    """
    plan = run.plan
    local = window is not None
    arranged = None if local else pack.arrangement(plan)
    if arranged is not None:
        pieces = arranged.seen(causal=causal)
        return _by_pieces(pack, run, pieces, query, key, value, causal=causal, scale=scale)
    if pack.frequencies:
        turn = pack.rotation(plan, LOCAL if local else FULL)
        query, key = turn(query), turn(key)
    if run.unseen:
        return attend_seen(
            query, key, value, unseen=run.unseen, window=window, causal=causal, scale=scale
        )
    if window is not None and window < plan.tokens:
        out, _ = near_attention(query, key, value, window=window, causal=causal, scale=scale)
        return out.to(query.dtype)
    factor = 1.0 if local else plan.attention_factor
    return attend(query, key, value, causal=causal, scale=scale * factor)


def _by_pieces(
    pack: Pack,
    run: Run,
    pieces: Sequence[Piece],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool,
    scale: float,
) -> Tensor:
    """Attention of one run whose pairs have distances of their own (see pieces.py)."""
    plan = run.plan
    factors = plan.query_factors(causal=causal)
    if isinstance(factors, float):
        scale = scale * factors
    else:
        by_token = torch.from_numpy(factors).to(query.dtype).to(query.device)
        query = query * by_token[:, None]

    def turn(name: str, states: Tensor) -> Tensor:
        return pack.rotation(plan, FULL, name)(states)

    return piecewise_attention(pieces, turn, query, key, value, causal=causal, scale=scale)


def _packed_mask(*args: Any, **kwargs: Any) -> Tensor | None:
    """No mask while a pack is active; transformers' own otherwise."""
    return None if active_pack() is not None else cast("Tensor | None", sdpa_mask(*args, **kwargs))


def register() -> None:
    """Make the attention function known to transformers; harmless when repeated."""
    AttentionInterface.register(ATTENTION, _packed_attention)
    AttentionMaskInterface.register(ATTENTION, _packed_mask)
