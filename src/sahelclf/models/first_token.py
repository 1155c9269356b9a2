"""The last layer of a classifier, computed for the first token alone, which is all it reads.

The output is the same, at a sixth of the cost of the layer.
"""

from typing import Any

import torch
from transformers.models.bert.modeling_bert import BertAttention, BertLayer
from transformers.models.mpnet.modeling_mpnet import MPNetLayer


class FirstTokenLayer(BertLayer):  # type: ignore[misc]
    """A BERT layer whose only query is the first token; keys and values are all tokens.

    Parameters have the names and shapes of an ordinary layer, so weights load and save as usual.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        # cross-attention takes queries and keys from different inputs
        self.attention = BertAttention(config, is_cross_attention=True)

    def forward(self, hidden_states: Any, attention_mask: Any = None, *_: Any, **__: Any) -> Any:
        """(n, length, width) to (n, 1, width); `attention_mask` is (n, 1, length or 1, length)."""
        first = hidden_states[:, :1]
        mask = None if attention_mask is None else attention_mask[:, :, :1]
        attended, _ = self.attention(
            first, encoder_hidden_states=hidden_states, encoder_attention_mask=mask
        )
        return self.feed_forward_chunk(attended)


class FirstTokenMPNetLayer(MPNetLayer):  # type: ignore[misc]
    """An MPNet layer whose only query is the first token; parameters as in an ordinary layer."""

    def forward(
        self,
        hidden_states: Any,
        attention_mask: Any = None,
        position_bias: Any = None,
        *_: Any,
        **__: Any,
    ) -> Any:
        """(n, length, width) to a tuple with (n, 1, width)."""
        attn, first = self.attention.attn, hidden_states[:, :1]
        q, k, v = (
            linear(states).unflatten(-1, (attn.num_attention_heads, -1)).transpose(1, 2)
            for linear, states in (
                (attn.q, first),
                (attn.k, hidden_states),
                (attn.v, hidden_states),
            )
        )
        scores = q @ k.transpose(-1, -2) / attn.attention_head_size**0.5
        for bias in (position_bias, attention_mask):
            scores = scores if bias is None else scores + bias[:, :, :1]
        shares = attn.dropout(torch.softmax(scores, dim=-1))
        attended = attn.o((shares @ v).transpose(1, 2).flatten(2))
        attended = self.attention.LayerNorm(self.attention.dropout(attended) + first)
        return (self.output(self.intermediate(attended), attended),)


def last_layer_for_first_token(net: Any) -> None:
    """Replace the last layer of a BERT or MPNet classifier; others are not changed."""
    new = {"bert": FirstTokenLayer, "mpnet": FirstTokenMPNetLayer}.get(net.config.model_type)
    if new is None:
        return
    layers = net.base_model.encoder.layer
    layer = new(net.config)
    layer.load_state_dict(layers[-1].state_dict())
    device = next(layers[-1].parameters()).device
    layers[-1] = layer.to(device).train(layers[-1].training)
