"""Tiny encoders with random weights, in Transformers' layout: real parts, no download."""

from pathlib import Path

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
        "modernbert": {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    }
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind, **sizes, max_position_embeddings=positions + (kind == "roberta"), **extra[kind]
    )
    AutoModel.from_config(config).save_pretrained(folder)
    write_tokenizer(folder)
    return folder
