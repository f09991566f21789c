"""Text encoders as transformers 5 and 4 call their layers: exports loaded by PEFT into the models of the transformers here.

    transformers_naming.py [--launcher deploy/bin/doraxis]

A LoRA of sd-scripts' names for two CLIP text encoders, the second with a projection, is exported for bases whose names are
transformers 4's and 5's, with each --transformers-naming. With v5 both parts must load into CLIPTextModel and
CLIPTextModelWithProjection of transformers 5 without a word about missing keys, and be worth what the factors are; with v4,
whose names both have below text_model, the second loads here and the first has the second's names. Exit 1 if one differs.
Needs the packages of ../predictions/requirements.txt.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "predictions"))
from table import LAUNCHER  # noqa: E402

TOLERANCE = 1e-6
PARTS = {"te1": "text_encoder", "te2": "text_encoder_2"}
RANK, ALPHA = 3, 6.0


def models():
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    config = CLIPTextConfig(hidden_size=16, intermediate_size=32, num_attention_heads=2, num_hidden_layers=2,
                            vocab_size=64, projection_dim=8, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    return {"te1": CLIPTextModel(config).eval(), "te2": CLIPTextModelWithProjection(config).eval()}


def below(path):
    """A path as transformers 4 has it."""
    return path if path.startswith(("text_model.", "text_projection")) else f"text_model.{path}"


def adapter(parts):
    generator, tensors = torch.Generator().manual_seed(1), {}
    for part, model in parts.items():
        for path, layer in model.named_modules():
            if isinstance(layer, torch.nn.Linear) and "encoder.layers" in path:
                name = f"lora_{part}_{below(path).replace('.', '_')}"
                tensors[f"{name}.lora_down.weight"] = torch.randn(RANK, layer.in_features, generator=generator)
                tensors[f"{name}.lora_up.weight"] = torch.randn(layer.out_features, RANK, generator=generator)
                tensors[f"{name}.alpha"] = torch.tensor(ALPHA)
    return tensors


@torch.no_grad()
def error(part, model, folder, tensors):
    """Of the merged weights; raises where PEFT says something about keys."""
    from peft import PeftModel

    base = {path: layer.weight.clone() for path, layer in model.named_modules() if hasattr(layer, "weight")}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        merged = PeftModel.from_pretrained(model, folder).merge_and_unload()
    said = [str(each.message) for each in caught if "key" in str(each.message)]
    if said:
        raise AssertionError(said[0][:200])
    worst, compared = 0.0, 0
    for path, layer in merged.named_modules():
        up = tensors.get(f"lora_{part}_{below(path).replace('.', '_')}.lora_up.weight")
        if up is None:
            continue
        down = tensors[f"lora_{part}_{below(path).replace('.', '_')}.lora_down.weight"]
        wanted = base[path] + ALPHA / RANK * (up @ down)
        compared += 1
        worst = max(worst, ((layer.weight - wanted).abs().max() / wanted.abs().max()).item())
    if compared * 3 != sum(name.startswith(f"lora_{part}_") for name in tensors):
        raise AssertionError(f"only {compared} layers were compared")
    return worst


def keys(folder):
    return {key.split("lora_")[0] for key in load_file(folder / "adapter_model.safetensors")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", default=LAUNCHER)
    arguments = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        tensors = adapter(models())
        save_file(tensors, scratch / "adapter.safetensors")
        for base in ("v4", "v5"):
            state = {f"{PARTS[part]}.{below(key) if base == 'v4' else key}": value.contiguous()
                     for part, model in models().items() for key, value in model.state_dict().items()}
            save_file(state, scratch / f"{base}.safetensors")
            for naming in ("v4", "v5"):
                out = scratch / f"{base}-as-{naming}"
                done = subprocess.run([arguments.launcher, "export", "--input", scratch / "adapter.safetensors", "--base",
                                       scratch / f"{base}.safetensors", "--output", out, "--transformers-naming", naming,
                                       "--verify"], capture_output=True, text=True)
                if done.returncode:
                    print(f"{out.name}: {done.stdout}{done.stderr}")
                    wrong += 1
                    continue
                for part, model in models().items():
                    folder = out / PARTS[part]
                    try:
                        if (part, naming) == ("te1", "v4"):
                            if keys(folder) != keys(out / PARTS["te2"]):
                                raise AssertionError("it has other names than the one with a projection")
                            print(f"{out.name} {PARTS[part]}: names below text_model")
                            continue
                        off = error(part, model, folder, tensors)
                    except Exception as raised:  # whatever PEFT says to what was written
                        off = str(raised)
                    wrong += not (isinstance(off, float) and off <= TOLERANCE)
                    print(f"{out.name} {PARTS[part]}: {off}")
    print("all are worth what the factors are" if wrong == 0 else f"{wrong} are wrong")
    sys.exit(0 if wrong == 0 else 1)


if __name__ == "__main__":
    main()
