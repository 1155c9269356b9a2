"""Files of an encoder: a named one, a local folder, or a name on the Hugging Face hub."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sahelclf.errors import RequestError
from sahelclf.files import file_sha256
from sahelclf.models.named_encoders import (
    DEFAULT,
    FILES,
    NAMED,
    NamedEncoder,
    named_folder,
    refuse_other_hash,
)


@dataclass(frozen=True)
class EncoderFiles:
    """A folder with config.json, tokenizer.json and weights in safetensors.

    `sha256` is the hash of the weights, `content` that of weights, configuration and tokenizer.
    `pooling` is how the encoder was trained to make one vector of its tokens, such as `mean` or
    `cls`, where its files say so.
    """

    name: str
    folder: Path
    sha256: str
    content: str
    layers: int
    max_tokens: int
    pad: int
    pooling: str | None

    def describe(self, window: int, overlap: int) -> dict[str, Any]:
        """Entries of a manifest about it, and about windows of this size and overlap in tokens."""
        return {
            "encoder": self.name,
            "encoder_sha256": self.sha256,
            "window": window,
            "overlap": overlap,
            "pad_token_id": self.pad,
        }


def find_encoder(name: str | None) -> EncoderFiles:
    """The files of an encoder; pickled weights are refused.

    Parameters
    ----------
    name
        A key of `NAMED`, whose hash is checked; None is `minilm`. Or a folder; or a name on the
        Hugging Face hub, taken from the local cache, else downloaded.
    """
    named = NAMED.get(name or DEFAULT)
    folder = named_folder(named) if named else _other_folder(str(name))
    weights = _weights(folder, name)
    digests = [_digest(path) for path in weights]
    digest = (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )
    if named:
        refuse_other_hash(named, weights[0], digest, _cure(named))
    config = _config(folder)
    about = [
        folder / "config.json",
        *sorted(folder.glob("tokenizer*")),
        *sorted(folder.glob("vocab*")),
    ]
    content = hashlib.sha256("".join([digest, *(_digest(p) for p in about)]).encode()).hexdigest()
    layers = int(config.get("num_hidden_layers") or config.get("n_layers") or 0)
    return EncoderFiles(
        named.name if named else str(name),
        folder,
        digest,
        content,
        layers,
        _max_tokens(config),
        int(config.get("pad_token_id") or 0),
        _pooling(folder),
    )


def training_texts_of(name: str | None) -> set[str]:
    """Hashes of the texts that an encoder was fine-tuned on; empty if it is no labeller of ours."""
    # the encoder of a blend is a folder in its bundle
    folders = (Path(name), Path(name).parent) if name and name not in NAMED else ()
    for path in (folder / "manifest.json" for folder in folders):
        try:
            return set(json.loads(path.read_text(encoding="utf-8"))["training_texts"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a bundle
    return set()


def load_tokenizer(files: EncoderFiles) -> Any:
    """The `tokenizers.Tokenizer` of an encoder: its tokenizer.json, else a converted one."""
    from tokenizers import Tokenizer

    path = files.folder / "tokenizer.json"
    if path.is_file():
        return Tokenizer.from_file(str(path))
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(files.folder, local_files_only=True)
    if not tokenizer.is_fast:
        raise RequestError(
            f"model.encoder={files.name}: no tokenizer.json, and none to convert; "
            "save a fast tokenizer with transformers first"
        )
    return tokenizer.backend_tokenizer


def quiet_transformers() -> None:
    """No progress bars, and no warnings about new heads and long golden texts."""
    from transformers import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def check_window(files: EncoderFiles, window: int, overlap: int) -> None:
    """Refuse a window longer than the encoder reads, and an overlap of more than half of it."""
    if window > files.max_tokens:
        raise RequestError(
            f"model.window={window}: {files.name} reads at most {files.max_tokens} tokens; choose "
            f"model.window={files.max_tokens} or less"
        )
    if overlap > window // 2:
        raise RequestError(
            f"model.overlap={overlap}: more than half of model.window={window}; choose at most "
            f"{window // 2}"
        )


def refuse_other_pooling(files: EncoderFiles) -> None:
    """Refuse an encoder whose vectors are not the mean of its tokens, for models that take it."""
    if files.pooling not in (None, "mean"):
        raise RequestError(
            f"model.encoder={files.name}: trained with the pooling {files.pooling!r} (by "
            f"{files.folder}/*_Pooling/config.json); model=embedding takes the mean of the tokens; "
            f"choose {' or '.join(NAMED)}, another encoder with mean pooling, or model=transformer "
            "model.pooling=first"
        )


def _digest(path: Path) -> str:
    """SHA-256 of a file; each fold asks again, so the last ones are remembered."""
    about = path.stat()
    return _digest_of(path, about.st_size, about.st_mtime_ns)


@cache
def _digest_of(path: Path, _size: int, _modified: int) -> str:
    return file_sha256(path)


def _cure(encoder: NamedEncoder) -> str:
    folder = encoder.cached
    return f"delete {folder}" if folder.is_dir() else encoder.reinstall


def _pooling(folder: Path) -> str | None:
    """The pooling that a folder of sentence-transformers names, in both of its forms."""
    for path in folder.glob("*_Pooling/config.json"):
        about = _json(path)
        flags = [k for k, on in about.items() if k.startswith("pooling_mode_") and on is True]
        modes = about.get("pooling_mode") or [
            k.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
            for k in flags
        ]
        return modes if isinstance(modes, str) else "+".join(modes)
    return None


def _other_folder(name: str) -> Path:
    return Path(name) if Path(name).is_dir() else _from_hub(name)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    # incomplete in the cache, or not a valid name: the second call reports which
    with suppress(LocalEntryNotFoundError, HFValidationError):
        return Path(snapshot_download(name, allow_patterns=FILES, local_files_only=True))
    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except Exception as error:
        raise RequestError(
            f"model.encoder={name}: not {' or '.join(NAMED)}, no such folder, and not available "
            "from the Hugging Face hub "
            f"({type(error).__name__}: {' '.join(str(error).split())[:160]}). Off-line: "
            f"download it on another machine (hf download {name} --local-dir FOLDER), copy the "
            "folder, and use model.encoder=FOLDER"
        ) from None


def _weights(folder: Path, name: str | None) -> list[Path]:
    weights = sorted(folder.glob("*.safetensors"))
    if weights:
        return weights
    pickled = sorted(
        p.name for ending in ("*.bin", "*.pt", "*.pth", "*.ckpt") for p in folder.glob(ending)
    )
    if pickled:
        raise RequestError(
            f"model.encoder={name}: {folder} holds pickled weights ({', '.join(pickled)}), "
            "which can run any code when read; expected *.safetensors. If you trust the source, "
            'convert them once: python -c "from transformers import AutoModel, AutoTokenizer; '
            f"[c.from_pretrained('{name}').save_pretrained('FOLDER') for c in (AutoModel, "
            'AutoTokenizer)]", then use model.encoder=FOLDER'
        )
    raise RequestError(
        f"model.encoder={name}: no *.safetensors in {folder}; expected config.json, "
        "tokenizer.json and weights in safetensors"
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    config = _json(path)
    if "model_type" not in config:
        raise RequestError(
            f"{path}: no 'model_type'; expected the configuration of a transformers encoder"
        )
    return config


def _json(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: not readable as an encoder's configuration: {error}") from None
    return about if isinstance(about, dict) else {}


def _max_tokens(config: dict[str, Any]) -> int:
    positions = int(config.get("max_position_embeddings") or 512)
    # their positions begin after that of the padding
    offset = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer"}
    return positions - (
        int(config.get("pad_token_id") or 0) + 1 if config["model_type"] in offset else 0
    )
