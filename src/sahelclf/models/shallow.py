"""An encoder with some of its layers left out, written once into the cache."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock

from sahelclf.errors import RequestError
from sahelclf.files import written_aside
from sahelclf.models.encoder_files import EncoderFiles
from sahelclf.paths import cache_folder, writing_to_cache

KEPT = ("tokenizer*", "vocab*", "special_tokens_map.json", "merges.txt", "*_Pooling/config.json")
DEPTHS = ("num_hidden_layers", "n_layers")
_LAYER = re.compile(r"^(.*\blayers?\.)(\d+)(\..+)$")


def shallow_encoder(files: EncoderFiles, layers: int) -> tuple[Path, list[int]]:
    """A folder with every so-manieth layer of an encoder, and which these are, from 0.

    The last one is always kept; of six layers, three are the second, fourth and sixth.
    """
    if not 0 < layers < files.layers:
        raise RequestError(
            f"model.layers={layers}: {files.name} has {files.layers} layers; expected fewer, or "
            "null for all of them"
        )
    kept = [round((k + 1) * files.layers / layers) - 1 for k in range(layers)]
    name = f"layers-{'-'.join(map(str, kept))}-of-{files.content[:16]}"
    folder = cache_folder() / name
    with writing_to_cache(folder), FileLock(folder.parent / f"{name}.lock"):
        if not folder.is_dir():
            with written_aside(folder) as aside:
                _write(files, kept, aside)
    return folder, kept


def _write(files: EncoderFiles, kept: list[int], folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    number = {str(old): new for new, old in enumerate(kept)}
    tensors: dict[str, Any] = {}
    for path in sorted(files.folder.glob("*.safetensors")):
        for name, tensor in load_file(path).items():
            part = _LAYER.match(name)
            if part is None:
                tensors[name] = tensor
            elif part[2] in number:
                tensors[f"{part[1]}{number[part[2]]}{part[3]}"] = tensor
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    for key, value in config.items():
        if key in DEPTHS:
            config[key] = len(kept)
        elif isinstance(value, list) and len(value) == files.layers:  # one value a layer
            config[key] = [value[k] for k in kept]
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    for path in (path for form in KEPT for path in files.folder.glob(form)):
        target = folder / path.relative_to(files.folder)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
