"""Tiny encoders with random weights, in Transformers' layout, and what is fitted on them."""

from pathlib import Path

import numpy as np

from sahelclf.models.finetune import TransformerConfig
from sahelclf.tasks.base import HeadLayout, TaskData

WORDS = [
    "the",
    "boat",
    "crews",
    "landed",
    "a",
    "catch",
    "of",
    "herring",
    "and",
    "cod",
    "at",
    "quay",
    "dredger",
    "dug",
    "mud",
    "from",
    "channel",
    "for",
    "harbour",
    "works",
    "residents",
    "welcomed",
    "it",
    "praised",
    "plan",
    "warmly",
    "protested",
    "against",
    "denounced",
    "choir",
    "sang",
    "in",
    "church",
    "while",
    "rain",
    "fell",
    "on",
    "market",
    "square",
    "item",
]


def write_tokenizer(folder: Path) -> None:
    """A WordPiece tokenizer that cuts and pads at 128, as that of the packaged encoder."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        *"abcdefghijklmnopqrstuvwxyz0123456789,.",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"),
    ]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding(length=128)
    names = {
        "unk_token": "[UNK]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=128, **names
    ).save_pretrained(folder)


def write_encoder(
    folder: Path, kind: str = "bert", *, layers: int = 3, positions: int = 128
) -> Path:
    """A folder with config.json, model.safetensors and tokenizer.json."""
    import torch
    from transformers import AutoConfig, AutoModel

    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "vocab_size": 160,
        "pad_token_id": 0,
    }
    extra = {
        "bert": {"type_vocab_size": 2},
        "roberta": {"type_vocab_size": 1},
        "mpnet": {"pad_token_id": 1},  # its position ids need it
        "modernbert": {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    }
    torch.manual_seed(0)
    before = {"roberta": 1, "mpnet": 2}.get(kind, 0)  # positions that no token has
    config = AutoConfig.for_model(
        kind, **(sizes | extra[kind]), max_position_embeddings=positions + before
    )
    AutoModel.from_config(config).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


LAYOUT = HeadLayout(("fishing", "dredging"))
TEXTS = tuple(
    f"the {'boat landed a catch of cod' if i % 2 else 'dredger dug mud from channel'} item {i}"
    for i in range(48)
)


def settings(encoder: Path, **changes) -> TransformerConfig:
    base = {
        "kind": "transformer",
        "encoder": str(encoder),
        "window": 32,
        "overlap": 8,
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "head_learning_rate": 2e-3,
        "frozen_layers": 1,
        "pooling": "auto",
        "weight_decay": 0.01,
        "warmup": 0.1,
        "dropout": 0.0,
        "precision": "float32",
        "threads": 1,
    }
    return TransformerConfig(**(base | changes))


def some_data(n: int = 48) -> TaskData:
    y = np.array([[i % 2, 1 - i % 2] for i in range(n)], dtype=np.int8)
    ids = tuple(str(i) for i in range(n))
    return TaskData(LAYOUT, ids, ids, TEXTS[:n], y, np.ones((n, 2), dtype=bool))
