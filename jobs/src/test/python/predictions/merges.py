"""Merges by the launcher against the libraries' own forward: random adapters that LyCORIS and PEFT make here.

    merges.py                    makes adapters (seeded), merges them with one plan, compares the weights; exit 1 if one differs

Where PEFT does not compute what it merges, OFT on a convolution with a kernel, the weights are those that it merges.
Needs the packages of requirements.txt.
"""

import argparse
import csv
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from golden import Part, tree
from peft_transforms import BlockDiagonal
from probe import weights
from safetensors.torch import load_file, save_file
from table import LAUNCHER

TOLERANCE = 1e-5
LAYERS = [
    {"path": "blocks.0.lin", "type": "Linear", "in_features": 24, "out_features": 32, "bias": True},
    {"path": "blocks.0.square", "type": "Linear", "in_features": 32, "out_features": 32, "bias": False},
    {"path": "blocks.1.conv", "type": "Conv2d", "in_channels": 12, "out_channels": 16, "kernel_size": [3, 3]},
    {"path": "blocks.1.point", "type": "Conv2d", "in_channels": 24, "out_channels": 16, "kernel_size": [1, 1]},
]
for spec in LAYERS:
    if spec["type"] == "Conv2d":
        spec |= {"stride": 1, "padding": [spec["kernel_size"][0] // 2] * 2, "groups": 1, "bias": True}

LYCORIS = [
    {"algo": "lora"},
    {"algo": "lora", "use_tucker": True},
    {"algo": "lora", "dora_wd": True},
    {"algo": "lora", "dora_wd": True, "wd_on_output": False},
    {"algo": "lora", "dora_wd": True, "wd_on_output": False, "use_tucker": True},
    {"algo": "loha"},
    {"algo": "loha", "use_tucker": True},
    {"algo": "loha", "dora_wd": True},
    {"algo": "loha", "dora_wd": True, "wd_on_output": False},
    {"algo": "lokr"},
    {"algo": "lokr", "factor": 4},
    {"algo": "lokr", "factor": 4, "decompose_both": True},
    {"algo": "lokr", "use_tucker": True, "factor": 4},
    {"algo": "lokr", "full_matrix": True},
    {"algo": "lokr", "dora_wd": True},
    {"algo": "lokr", "dora_wd": True, "wd_on_output": False},
    {"algo": "full"},
    {"algo": "glora"},
    {"algo": "ia3"},
    {"algo": "diag-oft"},
    {"algo": "diag-oft", "constraint": 0.01, "rescaled": True},
    {"algo": "boft"},
    {"algo": "lora", "dora_wd": True, "multiplier": 0.5},
    {"algo": "diag-oft", "rescaled": True, "multiplier": 0.5},
    {"algo": "boft", "multiplier": 0.5},
    {"algo": "ia3", "multiplier": 0.5},
]
PEFT = [
    {},
    {"use_dora": True},
    {"use_rslora": True},
    {"use_rslora": True, "use_dora": True},
    {"lora_bias": True, "target_modules": ["lin", "conv", "point"]},
    {"rank_pattern": {"blocks.0.lin": 7}, "alpha_pattern": {"blocks.0.square": 3}},
    {"bias": "lora_only"},
    {"target_modules": ["lin", "conv"], "modules_to_save": ["point"]},
    {"type": "IA3", "feedforward_modules": ["lin", "conv"]},
    {"type": "IA3", "feedforward_modules": r".*\.(square|point)"},
    {"type": "OFT", "oft_block_size": 4},
    {"type": "OFT", "oft_block_size": 8, "use_cayley_neumann": False},
    {"type": "OFT", "oft_block_size": 4, "coft": True, "eps": 0.3, "num_cayley_neumann_terms": 7},
    {"type": "OFT", "oft_block_size": 8, "block_share": True, "coft": True, "eps": 0.1},
    {"type": "BOFT", "boft_block_size": 4},
    {"type": "BOFT", "boft_block_size": 0, "boft_block_num": 4},
    {"type": "BOFT", "boft_block_size": 4, "boft_n_butterfly_factor": 2, "target_modules": ["lin", "square", "point"]},
]
DEFAULTS = {"LORA": {"r": 4, "lora_alpha": 6}}


def model(seed):
    torch.manual_seed(seed)
    return tree(LAYERS, Part()).eval().requires_grad_(False)


def disturb(parameters):
    """Trained values: none is at its start."""
    for name, parameter in parameters:
        if parameter.dtype.is_floating_point:
            if "dora_scale" in name or "magnitude" in name:
                parameter.data *= 1 + 0.1 * torch.randn_like(parameter)
            else:
                parameter.data += 0.1 * torch.randn_like(parameter)


def lycoris(base, options, folder):
    """(adapter file, model with the adapter at work)"""
    from lycoris import LycorisNetwork, create_lycoris

    LycorisNetwork.apply_preset({"target_module": ["Linear", "Conv2d"]})
    rank = 8 if options["algo"] == "diag-oft" else 4
    sizes = {"linear_dim": rank, "linear_alpha": 2.0, "conv_dim": rank, "conv_alpha": 2.0}
    network = create_lycoris(base, **({"multiplier": 1.0} | sizes | options))
    network.apply_to()
    disturb(network.named_parameters())
    file = folder / "adapter.safetensors"
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, file)
    network.eval()
    base.network = network  # forward goes through it
    return file, base


def peft(base, options, folder):
    """(adapter folder, model with the adapter at work)"""
    from peft import get_peft_config, get_peft_model
    from peft.tuners.boft import layer as boft

    staged = options.get("boft_n_butterfly_factor", 1) > 1
    boft._FBD_CUDA = BlockDiagonal if staged else None
    options = dict(options)
    kind = options.pop("type", "LORA")
    targets = {"peft_type": kind, "target_modules": ["lin", "square", "conv", "point"]}
    wrapped = get_peft_model(base, get_peft_config(targets | DEFAULTS.get(kind, {}) | options))
    disturb((name, value) for name, value in wrapped.named_parameters() if value.requires_grad)
    wrapped.save_pretrained(folder / "adapter")
    wrapped.eval()
    return folder / "adapter", wrapped.get_base_model()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        # PEFT's BOFT tries to build a CUDA extension: in the shared place it would wait for a process that was killed
        os.environ["TORCH_EXTENSIONS_DIR"] = str(scratch / "extensions")
        expected, rows = {}, []
        for make, variants in ((lycoris, LYCORIS), (peft, PEFT)):
            for number, options in enumerate(variants):
                folder = scratch / f"{make.__name__}-{number}"
                folder.mkdir()
                base = model(arguments.seed + number)
                before = {key: value.clone() for key, value in base.state_dict().items()}
                save_file(before, folder / "base.safetensors")
                adapter, at_work = make(base, options, folder)
                output = folder / "merged.safetensors"
                rows.append((adapter, folder / "base.safetensors", output, options.get("multiplier", "")))
                seen = {}
                for spec in LAYERS:
                    key = f"{spec['path']}.weight"
                    layer = at_work.get_submodule(spec["path"])
                    if options.get("type") == "OFT" and max(spec.get("kernel_size", [1])) > 1:
                        layer.merge()
                    seen[key], bias = weights(layer, spec, before[key])
                    if spec["bias"]:
                        seen[f"{spec['path']}.bias"] = bias
                expected[output] = f"{make.__name__} {options}", seen
        plan = scratch / "plan.csv"
        with plan.open("w", newline="") as file:
            csv.writer(file).writerows([("adapter", "base", "output", "strength"), *rows])
        call = [LAUNCHER, "merge", "--plan", plan, "--output", scratch / "out"]
        call += ["--assume-axis", "output", "--strength-rule", "lycoris"]
        done = subprocess.run(call, capture_output=True, text=True)
        print(done.stdout.splitlines()[0] if done.stdout else done.stderr)
        for output, (name, seen) in expected.items():
            if not output.exists():
                wrong += 1
                print(f"{name}: not merged")
                continue
            made = load_file(output)
            worst = max(
                float((made[key].double() - value.double()).abs().max() / value.double().abs().max())
                for key, value in seen.items()
            )
            if not worst <= TOLERANCE:
                wrong += 1
                print(f"{name}: {worst:.2e} off")
    print(f"{len(expected) - wrong} of {len(expected)} merges equal the library's forward")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
