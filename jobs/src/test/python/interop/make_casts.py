#!/usr/bin/env python3
"""Floats and what torch casts them to, for the tests of merges that change the type.

  make_casts.py [FILE]      FILE: common/src/test/resources/casts.safetensors

Needs torch 2.13.0. Deterministic.
"""
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

TYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}


def floats():
    """Of all sizes; and of each type some of its numbers, what lies in the middle between two, and just beside that."""
    draw = torch.Generator().manual_seed(4)
    exponents = torch.randint(-150, 128, (400,), generator=draw).double()
    values = [torch.randn(400, generator=draw), (torch.randn(400, generator=draw).double() * 2**exponents).float()]
    for dtype in TYPES.values():
        width = torch.uint8 if dtype.itemsize == 1 else torch.int16
        patterns = torch.randint(0, 128 if dtype.itemsize == 1 else 32767, (150,), generator=draw)
        low = patterns.to(width).view(dtype).double()
        high = (patterns + 1).to(width).view(dtype).double()
        middle = ((low + high) / 2).float()
        values += [low.float(), middle, middle.nextafter(torch.tensor(torch.inf)), -middle.nextafter(torch.tensor(0.0))]
    made = torch.cat(values)
    return torch.cat([made[made.isfinite()], torch.tensor([0.0, -0.0, 448, 464, 465, 480, 57344, 61440, 65504, 65520, 3.4e38])])


def main():
    file = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[5] / "common/src/test/resources/casts.safetensors")
    values = floats()
    save_file({"values": values} | {f"as {name}": values.to(dtype) for name, dtype in TYPES.items()}, file)
    print(len(values), "floats;", *(f"{name} {int((~values.to(d).float().isfinite()).sum())} too large" for name, d in TYPES.items()))


if __name__ == "__main__":
    main()
