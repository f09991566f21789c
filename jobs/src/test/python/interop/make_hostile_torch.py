#!/usr/bin/env python3
"""Writes the torch files of jobs/src/test/resources/torch: small ones that a merge must refuse. Needs torch."""
import pathlib

import torch

folder = pathlib.Path(__file__).parents[2] / "resources" / "torch"
folder.mkdir(parents=True, exist_ok=True)
weight = torch.zeros(2, 3)

# a view that would fill the memory of any machine, of a storage of four bytes
torch.save({"a.weight": weight, "huge": torch.zeros(1).expand(1 << 20, 1 << 20)}, folder / "expanded.pt")

# a name that no tensor of a safetensors file can have
torch.save({"a.weight": weight, "__metadata__": torch.zeros(3)}, folder / "metadata_name.pt")
