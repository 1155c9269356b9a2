"""The last layer of a BERT classifier, for the one token that the classifier reads: five sixths of that layer saved, nothing changed."""

from typing import Any

from transformers.models.bert.modeling_bert import BertAttention, BertLayer


class FirstTokenLayer(BertLayer):  # type: ignore[misc]
    """A BERT layer that gives (n, 1, width): the first token alone asks, all tokens are attended to.

    Parameters have the names and shapes of an ordinary layer, so that weights are stored and loaded as before.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.attention = BertAttention(
            config, is_cross_attention=True
        )  # Transformers' attention whose queries stand apart

    def forward(self, hidden_states: Any, attention_mask: Any = None, *_: Any, **__: Any) -> Any:
        """(n, length, width) to (n, 1, width); `attention_mask` is None or (n, 1, length or 1, length)."""
        first = hidden_states[:, :1]
        mask = None if attention_mask is None else attention_mask[:, :, :1]
        attended, _ = self.attention(
            first, encoder_hidden_states=hidden_states, encoder_attention_mask=mask
        )
        return self.feed_forward_chunk(attended)


def last_layer_for_first_token(net: Any) -> None:
    """Replace the last layer of a BERT classifier by the same that computes the first token alone; others are left as they are."""
    if net.config.model_type != "bert":
        return
    layers = net.bert.encoder.layer
    short = FirstTokenLayer(net.config)
    short.load_state_dict(layers[-1].state_dict())
    layers[-1] = short.to(layers[-1].attention.self.query.weight.device).train(layers[-1].training)
