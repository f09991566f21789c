"""Exports that diffusers loads: files in its layout, and PEFT directories with folded alphas, in a tiny UNet.

    diffusers_layout.py [--launcher deploy/bin/doraxis]

LyCORIS adapters of a UNet's linear layers and convolutions, plain and with DoRA on the output axis, of two ranks and with
alphas that are not the ranks, are exported with --layout diffusers and with --fold-alpha. What the UNet then answers is
compared with its answer with the adapter in LyCORIS itself. Exit 1 if one differs.
Needs the packages of ../predictions/requirements.txt.
"""

import argparse
import csv
import logging
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "predictions"))
from table import LAUNCHER  # noqa: E402

TOLERANCE = 1e-5
LINEAR = r"attn[12]\.to_(q|v|out\.0)$|ff\.net\.2$|time_emb_proj$"
CONVOLUTION = r"resnets\.\d\.conv[12]$|proj_in$|conv_shortcut$|conv_in$"
RUNS = {
    "diffusers": ["--layout", "diffusers"],
    "diffusers folded": ["--layout", "diffusers", "--fold-alpha"],
    "peft folded": ["--fold-alpha"],
}


def unet():
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=12, norm_num_groups=4,
        attention_head_dim=2, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval().requires_grad_(False)


def adapter(model, pattern, dora):
    """A LyCORIS file's tensors for the layers of that pattern, of two ranks."""
    generator = torch.Generator().manual_seed(1)
    tensors = {}
    for number, (path, layer) in enumerate(model.named_modules()):
        if not re.search(pattern, path):
            continue
        weight, name, rank = layer.weight, "lycoris_" + path.replace(".", "_"), 2 + 2 * (number % 3 == 0)
        scale = weight.std()
        ones = [1] * (weight.ndim - 2)
        tensors[f"{name}.lora_down.weight"] = torch.randn(rank, *weight.shape[1:], generator=generator) * scale
        tensors[f"{name}.lora_up.weight"] = torch.randn(weight.shape[0], rank, *ones, generator=generator) * 0.3
        tensors[f"{name}.alpha"] = torch.tensor(3.0 + number % 2)
        if dora:
            norms = weight.flatten(1).norm(dim=1).reshape(-1, 1, *ones)
            tensors[f"{name}.dora_scale"] = norms * (1 + 0.2 * torch.randn(norms.shape, generator=generator))
    return tensors


@torch.no_grad()
def answer(model):
    generator = torch.Generator().manual_seed(2)
    sample = torch.randn(2, 4, 8, 8, generator=generator)
    return model(sample, torch.tensor([3, 700]), torch.randn(2, 5, 12, generator=generator)).sample


def by_lycoris(file):
    from lycoris import create_lycoris_from_weights

    model = unet()
    network, _ = create_lycoris_from_weights(1.0, str(file), model)
    network.apply_to()
    network.eval()
    return answer(model)


def by_diffusers(folder, name, prefix):
    """As a pipeline loads its own layout, and as a model does any other."""
    from diffusers.loaders.lora_pipeline import StableDiffusionLoraLoaderMixin as Pipeline

    model = unet()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if prefix == "unet":
            tensors, alphas, metadata = Pipeline.lora_state_dict(
                str(folder), weight_name=name, return_lora_metadata=True)
            Pipeline.load_lora_into_unet(tensors, alphas, model, metadata=metadata)
        else:
            model.load_lora_adapter(str(folder), weight_name=name, prefix=prefix)
    told = [str(each.message) for each in caught if "key" in str(each.message)]
    return answer(model.eval()), told


def by_peft(folder):
    from peft import PeftModel

    return answer(PeftModel.from_pretrained(unet(), folder).eval())


def export(launcher, scratch, name, rows, options):
    plan = scratch / f"{name}.csv"
    with plan.open("w", newline="") as file:
        csv.writer(file).writerows([("adapter", "base", "output"), *rows])
    call = [launcher, "export", "--plan", plan, "--output", scratch / name, *options]
    done = subprocess.run(call, capture_output=True, text=True)
    print(f"{name}: {done.stdout.splitlines()[0] if done.stdout else done.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", default=LAUNCHER)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        base = scratch / "base.safetensors"
        save_file(unet().state_dict(), base)
        files, plain = {}, answer(unet())
        for kind, pattern, dora in (
            ("plain", f"{LINEAR}|{CONVOLUTION}", False),
            ("DoRA of linear layers", LINEAR, True),
            ("DoRA of convolutions", CONVOLUTION, True),
        ):
            files[kind] = scratch / f"{kind}.safetensors"
            save_file(adapter(unet(), pattern, dora), files[kind])
        answers = {kind: by_lycoris(file) for kind, file in files.items()}
        for run, options in RUNS.items():
            rows = [(file, base, scratch / run / kind) for kind, file in files.items()]
            export(arguments.launcher, scratch, run, rows, options)
            for kind in files:
                expected, out = answers[kind], scratch / run / kind
                if options[0] == "--layout":
                    found = {"diffusers": by_diffusers(out, "pytorch_lora_weights.safetensors", "unet")}
                else:
                    found = {"diffusers": by_diffusers(out, "adapter_model.safetensors", "base_model.model"),
                             "PEFT": (by_peft(out), [])}
                for program, (given, told) in found.items():
                    error = float((given - expected).abs().max() / expected.abs().max())
                    effect = float((expected - plain).abs().max() / expected.abs().max())
                    bad = bool(told) or not error <= TOLERANCE
                    wrong |= bad
                    print(f"{'FAIL' if bad else 'ok  '} {run}, {kind} in {program}: {error:.1e} off of an effect of"
                          f" {effect:.1e} {told[:1]}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
