"""The last layer of a BERT classifier, computed for the first token alone, which is all it reads.

The output is the same, at a sixth of the cost of the layer.
"""

from typing import Any

from transformers.models.bert.modeling_bert import BertAttention, BertLayer


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


def last_layer_for_first_token(net: Any) -> None:
    """Replace the last layer of a BERT classifier; other architectures are not changed."""
    if net.config.model_type != "bert":
        return
    layers = net.bert.encoder.layer
    layer = FirstTokenLayer(net.config)
    layer.load_state_dict(layers[-1].state_dict())
    layers[-1] = layer.to(layers[-1].attention.self.query.weight.device).train(layers[-1].training)
