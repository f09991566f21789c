#!/usr/bin/env python3
"""Writes the module names and weight shapes of known models as compact text, for `io.doraxis.naming`.

  compact_families.py DIR OUTPUT

DIR holds one JSON file per model: {"params": {name: shape}}, the parameters of the model's class as its library builds
it. Modules whose names differ in numbers only, with one shape, share a line; {0-2,5} stands for each of those numbers.
"""
import collections
import itertools
import json
import os
import re
import sys

FAMILIES = [  # file, family, library's class
    ("sd15_unet", "SD15"), ("sd21_unet", "SD21"), ("sdxl_unet", "SDXL"), ("sd3_medium", "SD3_MEDIUM"),
    ("flux_dev", "FLUX1"), ("pixart_sigma", "PIXART_SIGMA"), ("wan21_1_3b", "WAN21_1_3B"), ("wan21_14b", "WAN21_14B"),
    ("hunyuan_video", "HUNYUAN_VIDEO"), ("qwen_image", "QWEN_IMAGE"), ("lumina2", "LUMINA2"),
    ("llama3_8b", "LLAMA3_8B"), ("clip_l", "CLIP_L"), ("clip_g", "CLIP_G"), ("openclip_h", "CLIP_H"),
    ("t5_xxl_enc", "T5_XXL")]


def ranges(numbers):
    parts, numbers = [], sorted(numbers)
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in run]
        parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return "{" + ",".join(parts) + "}"


def boxes(tuples):
    """Sets of number tuples as products of sets, one set a position."""
    if not tuples or len(next(iter(tuples))) == 0:
        return [()] if tuples else []
    by_rest = collections.defaultdict(set)
    for first, *rest in tuples:
        by_rest[first].add(tuple(rest))
    by_set = collections.defaultdict(set)
    for first, rest in by_rest.items():
        by_set[frozenset(rest)].add(first)
    return [(firsts, *box) for rest, firsts in by_set.items() for box in boxes(set(rest))]


def main():
    source, output = sys.argv[1:]
    lines = ["# Modules of known models: their names as the model's own library gives them, and the shape of their weight.",
             "# {0-2,5} stands for each of these numbers. Written by compact_families.py."]
    for file, family in FAMILIES:
        params = json.load(open(os.path.join(source, file + ".json")))["params"]
        groups = collections.OrderedDict()
        for name, shape in params.items():
            if not name.endswith(".weight"):
                continue
            name = name[:-len(".weight")]
            numbers = tuple(int(part) for part in name.split(".") if part.isdigit())
            pattern = ".".join("#" if part.isdigit() else part for part in name.split("."))
            groups.setdefault((pattern, tuple(shape)), set()).add(numbers)
        lines.append(f"family {family}")
        for (pattern, shape), tuples in groups.items():
            for box in boxes(tuples):
                name = pattern
                for numbers in box:
                    name = name.replace("#", ranges(numbers), 1)
                lines.append(f"{name} {'x'.join(map(str, shape))}")
    with open(output, "w") as out:
        out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
