"""IA3, OFT and BOFT as PEFT merges them: small adapters, the weights that they belong to and the merged ones.

    peft_transforms.py [DIR]     DIR: common/src/test/resources/peft_transforms

Every file is written by PEFT: the adapter by save_pretrained, the merged weights by merge_and_unload of the model that
from_pretrained makes of it. With PYTHONHASHSEED=0 the same bytes come out again. Needs the packages of requirements.txt.
"""

import json
import logging
import shutil
import sys
import warnings
from pathlib import Path

import torch
from golden import Part, tree
from peft import BOFTConfig, IA3Config, OFTConfig, PeftModel, get_peft_model
from peft.tuners.boft import layer as boft
from safetensors.torch import save_file

RESOURCES = Path(__file__).resolve().parents[5] / "common/src/test/resources/peft_transforms"


def linear(path, inputs, outputs, bias=True):
    return {"path": path, "type": "Linear", "in_features": inputs, "out_features": outputs, "bias": bias}


def convolution(path, inputs, outputs, kernel, groups=1):
    sizes = {"in_channels": inputs, "out_channels": outputs, "kernel_size": [kernel, kernel], "groups": groups}
    return {"path": path, "type": "Conv2d", "stride": 1, "padding": [kernel // 2] * 2, "bias": True} | sizes


LAYERS = [
    linear("blocks.0.lin", 8, 12),
    linear("blocks.0.square", 8, 8),
    linear("blocks.0.bare", 12, 8, bias=False),
    convolution("blocks.1.conv", 4, 6, 3),
    convolution("blocks.1.point", 8, 8, 1),
]
TARGETS = ["lin", "square", "bare", "conv", "point"]
GPT2 = [
    {"path": "h.0.c_attn", "type": "GPT2Conv1D", "nf": 12, "nx": 4},
    {"path": "h.0.c_proj", "type": "GPT2Conv1D", "nf": 4, "nx": 4},
    {"path": "h.1.c_attn", "type": "GPT2Conv1D", "nf": 12, "nx": 4},
    {"path": "h.1.c_proj", "type": "GPT2Conv1D", "nf": 4, "nx": 4},
]
GROUPED = [convolution("b.grouped", 8, 12, 3, groups=2), convolution("b.depth", 6, 6, 3, groups=6)]

IA3 = {
    "ia3": {"feedforward_modules": ["lin", "conv"]},
    "ia3_outputs": {"feedforward_modules": []},
    "ia3_inputs": {"feedforward_modules": TARGETS},
    "ia3_pattern": {"feedforward_modules": r".*\.(square|point)"},
}
OFT = {
    "oft": {"oft_block_size": 4},
    "oft_inverse": {"oft_block_size": 4, "use_cayley_neumann": False},
    "oft_blocks": {"oft_block_size": 0, "r": 2},
    "oft_shared": {"oft_block_size": 4, "block_share": True},
    "oft_constrained": {"oft_block_size": 4, "coft": True, "eps": 0.7},
    "oft_constrained_shared": {"oft_block_size": 4, "coft": True, "eps": 0.3, "block_share": True},
    "oft_constrained_inverse": {"oft_block_size": 2, "coft": True, "use_cayley_neumann": False},
} | {f"oft_terms_{terms}": {"oft_block_size": 4, "num_cayley_neumann_terms": terms} for terms in (1, 2, 3, 4, 6, 9)}
BOFT = {
    "boft": {"boft_block_size": 4},
    "boft_blocks": {"boft_block_size": 0, "boft_block_num": 4},
    "boft_odd": {"boft_block_size": 3, "target_modules": ["bare"]},
    "boft_stages_2": {"boft_block_size": 2, "boft_n_butterfly_factor": 2},
    "boft_stages_3": {"boft_block_size": 2, "boft_n_butterfly_factor": 3, "target_modules": ["lin", "square", "point"]},
    "boft_stages_of_4": {"boft_block_size": 4, "boft_n_butterfly_factor": 2, "target_modules": ["lin", "point"]},
}


class BlockDiagonal:
    """What PEFT's CUDA extension computes; without it PEFT does one stage only. Blocks [stages, n, b, b]."""

    @staticmethod
    def forward(blocks):
        return [torch.stack([torch.block_diag(*stage) for stage in blocks])]


def cases():
    """(name, layers, configuration, type of the base)"""
    for make, variants in ((IA3Config, IA3), (OFTConfig, OFT), (BOFTConfig, BOFT)):
        for name, options in variants.items():
            yield name, LAYERS, make(**({"target_modules": TARGETS} | options)), torch.float32
    gpt2 = {"target_modules": ["c_attn", "c_proj"], "feedforward_modules": r"h\.1\..*", "fan_in_fan_out": True}
    yield "ia3_gpt2", GPT2, IA3Config(**gpt2), torch.float32
    grouped = {"target_modules": ["grouped", "depth"], "feedforward_modules": ["grouped", "depth"]}
    yield "ia3_grouped", GROUPED, IA3Config(**grouped), torch.float32
    yield "ia3_fp16", LAYERS, IA3Config(target_modules=TARGETS, feedforward_modules=["lin"]), torch.float16
    yield "oft_bf16", LAYERS, OFTConfig(target_modules=TARGETS, oft_block_size=4), torch.bfloat16
    yield "boft_fp16", LAYERS, BOFTConfig(target_modules=TARGETS, boft_block_size=4), torch.float16


def model(layers, weights=None, dtype=torch.float32):
    made = tree(layers, Part()).to(dtype).eval().requires_grad_(False)
    if weights is not None:
        made.load_state_dict(weights)
    return made


def make(folder, layers, config, dtype):
    base = model(layers)
    for parameter in base.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)  # some biases start at 0
    weights = {key: value.to(dtype, copy=True) for key, value in base.state_dict().items()}
    trained = get_peft_model(model(layers, weights, dtype), config)
    for name, parameter in trained.named_parameters():
        if parameter.requires_grad:
            parameter.data += 0.3 * torch.randn_like(parameter)
    shutil.rmtree(folder, ignore_errors=True)
    trained.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    save_file(weights, folder / "base.safetensors")
    merged = PeftModel.from_pretrained(model(layers, weights, dtype), folder / "adapter").merge_and_unload()
    save_file({key: value.contiguous() for key, value in merged.state_dict().items()}, folder / "merged.safetensors")
    facts = {
        "adapter_file": "adapter/adapter_model.safetensors",
        "adapter_config": "adapter/adapter_config.json",
        "multiplier": 1.0,
    }
    (folder / "expected.json").write_text(json.dumps(facts, indent=1) + "\n")


def main():
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else RESOURCES
    for number, (name, layers, config, dtype) in enumerate(cases()):
        boft._FBD_CUDA = BlockDiagonal if name.startswith("boft_stages") else None
        torch.manual_seed(number)
        make(root / name, layers, config, dtype)
    print(f"{number + 1} adapters in {root.resolve()}")


if __name__ == "__main__":
    main()
