"""The golden adapters: their base models as torch modules, and the weights that each adapter is worth."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

AXES = ("INPUT", "OUTPUT")


class Part(nn.Module):
    """A part of a base model; only its layers are ever called. LyCORIS goes by class names: it has no target of this one."""


def layer(spec):
    """The layer that expected.json describes, weights not set."""
    kind = spec["type"]
    if kind == "Linear":
        return nn.Linear(spec["in_features"], spec["out_features"], bias=spec["bias"])
    if kind in ("Conv1d", "Conv2d"):
        make = nn.Conv1d if kind == "Conv1d" else nn.Conv2d
        shape = spec["in_channels"], spec["out_channels"], tuple(spec["kernel_size"])
        return make(*shape, spec["stride"], tuple(spec["padding"]), groups=spec["groups"], bias=spec["bias"])
    if kind == "Embedding":
        return nn.Embedding(spec["num_embeddings"], spec["embedding_dim"])
    if kind == "GPT2Conv1D":
        from transformers.pytorch_utils import Conv1D

        return Conv1D(spec["nf"], spec["nx"])
    if kind == "LayerNorm":
        return nn.LayerNorm(spec["dim"])
    if kind == "GroupNorm":
        return nn.GroupNorm(spec["groups"], spec["dim"])
    raise ValueError(f"no such layer: {kind}")


def tree(specs, root):
    """A base model of these layers: root, with blocks and layers added at their paths."""
    for spec in specs:
        *blocks, last = spec["path"].split(".")
        parent = root
        for block in blocks:
            if block not in parent._modules:
                parent.add_module(block, Part())
            parent = parent._modules[block]
        parent.add_module(last, layer(spec))
    return root


@dataclass(frozen=True)
class Case:
    """One golden adapter, as it is or with its modules called as sd-scripts calls them.

    renamed: the prefix that stands in place of `lycoris_`; None for the file as it is.
    """

    folder: Path
    renamed: str | None = None

    @property
    def name(self):
        return self.folder.name if self.renamed is None else f"{self.folder.name} as {self.renamed}"

    @cached_property
    def facts(self):
        return json.loads((self.folder / "expected.json").read_text())

    @property
    def adapter_file(self):
        return self.folder / self.facts["adapter_file"]

    @property
    def components(self):
        """Where the components are in the base model, by the prefix of their modules' names; empty if it is all one."""
        return {name: path.rstrip(".") for name, path in (self.facts.get("components") or {}).items()}

    @property
    def is_peft_directory(self):
        return self.adapter_file.parent != self.folder

    def _called(self, key):
        return key if self.renamed is None else key.replace("lycoris_", self.renamed, 1)

    def adapter(self):
        """The file's tensors."""
        return {self._called(key): tensor for key, tensor in load_file(self.adapter_file).items()}

    @property
    def first_module_key(self):
        """The first key with a module's name in it."""
        return next(key for key in self.adapter() if "." in key)

    def metadata(self):
        with safe_open(self.adapter_file, "pt") as file:
            return file.metadata()

    def base(self):
        """The base weights as stored."""
        return load_file(self.folder / self.facts["base_file"])

    def model(self, root=None):
        """The base model, in float32.

        root: the module that its blocks are added to
        """
        root = tree(self.facts["base_modules"], Part() if root is None else root)
        root.load_state_dict({key: weight.float() for key, weight in self.base().items()})
        return root.eval().requires_grad_(False)

    @cached_property
    def worth(self):
        """The weights of every tensor that the adapter touches, at strength 1; None where none are known."""
        merged = self.folder / "merged.safetensors"
        if merged.exists() and self.facts["multiplier"] == 1:
            return load_file(merged)
        axes = {module.get("true_axis_by_construction") for module in self.facts["modules"]}
        if len(axes) == 1 and (axis := axes.pop()) in AXES:
            return load_file(self.folder / f"merged_if_{axis.lower()}.safetensors")
        return None

    def error(self, found):
        """The largest error of a tensor, max|found - worth| / max|worth|.

        A base in half precision is worth what rounds to it: an error of one unit in the last place is none.
        """
        worst = 0.0
        for key, worth in self.worth.items():
            difference = (found[key].double() - worth.double()).abs()
            if worth.dtype != torch.float32:
                unit = torch.finfo(worth.dtype).eps * worth.double().abs()
                difference = (found[key].to(worth.dtype).double() - worth.double()).abs()
                difference = torch.where(difference <= unit, 0, difference)
            relative = float(difference.max() / worth.double().abs().max())
            worst = max(worst, math.inf if math.isnan(relative) else relative)
        return worst


def cases(root):
    """Every golden case whose worth is known, each lycoris_ file under sd-scripts' names too."""
    for folder in sorted(Path(root).iterdir()):
        if not (folder / "base.safetensors").exists():
            continue
        case = Case(folder)
        if case.worth is None:
            continue
        yield case
        if any(key.startswith("lycoris_") for key in case.adapter()):
            yield Case(folder, "lora_unet_")
