#!/usr/bin/env python3
"""Decides the axis of square layers with flat magnitudes by their values, on generated adapters of known axis.

  value_axis.py [--work DIR] [--adapters 200] [--launcher deploy/bin/doraxis]

Makes a base model of square layers whose rows and columns differ in scale as trained ones do, and adapters of one to six
layers on either axis, their magnitudes the base's norms with 2 to 30 % drift. Prints how many were decided, and ends
with 1 when one was decided wrongly. Needs numpy, safetensors, pyarrow.
"""
import argparse
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.dataset as ds
from safetensors.numpy import save_file

SIZES = (64, 128, 320, 640)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="value-axis-work")
    parser.add_argument("--adapters", type=int, default=200)
    parser.add_argument("--launcher", default="deploy/bin/doraxis")
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    bases, hub = os.path.join(args.work, "bases"), os.path.join(args.work, "hub")
    os.makedirs(bases)
    os.makedirs(hub)
    random = np.random.default_rng(7)
    models = []
    for model in range(2):
        weights = {}
        for i in range(8):
            n = SIZES[i % len(SIZES)]
            spread = (0.02, 0.1, 0.3)[i % 3]
            weights[f"blocks.{i}.proj.weight"] = (
                random.standard_normal((n, n)) * np.exp(spread * random.standard_normal((n, 1)))
                * np.exp(spread * random.standard_normal((1, n))) / np.sqrt(n)).astype(np.float32)
        save_file(weights, os.path.join(bases, f"model{model}.safetensors"))
        models.append(weights)
    truth = {}
    for i in range(args.adapters):
        axis = "INPUT" if i % 2 else "OUTPUT"
        weights = models[i // 2 % 2]
        drift = 0.02 + 0.28 * random.random()
        tensors = {}
        for name in random.choice(list(weights), size=1 + random.integers(6), replace=False):
            weight = weights[name].astype(np.float64)
            rank = 4
            down = random.standard_normal((rank, weight.shape[1])) / np.sqrt(weight.shape[1])
            up = random.standard_normal((weight.shape[0], rank)) * 0.05
            norm = np.linalg.norm(weight, axis=0 if axis == "INPUT" else 1)
            module = "lycoris_" + name[:-len(".weight")].replace(".", "_")
            tensors[module + ".lora_down.weight"] = down.astype(np.float32)
            tensors[module + ".lora_up.weight"] = up.astype(np.float32)
            tensors[module + ".alpha"] = np.float32(rank)
            tensors[module + ".dora_scale"] = (norm * np.exp(drift * random.standard_normal(norm.shape))).astype(np.float32)
        file = f"adapter{i:03}.safetensors"
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, os.path.join(hub, file))
        truth[file] = (axis, f"model{i // 2 % 2}.safetensors", drift)
    run = lambda *words: subprocess.run([args.launcher, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run("atlas", "--input", bases, "--output", os.path.join(args.work, "atlas"))
    run("audit", "--input", hub, "--output", os.path.join(args.work, "out"), "--atlas", os.path.join(args.work, "atlas"),
        "--values", "ambiguous")
    rows = ds.dataset(os.path.join(args.work, "out", "checkpoints"), format="parquet").to_table().to_pylist()
    decided = wrong = base_right = base_named = 0
    by_drift = {}
    for row in rows:
        axis, base, drift = truth[os.path.basename(row["uri"])]
        bucket = by_drift.setdefault(int(drift * 10) / 10, [0, 0])
        bucket[1] += 1
        if row["axis"] != "AMBIGUOUS":
            decided += 1
            bucket[0] += 1
            if row["axis"] != axis or row["axis_confidence"] != "LIKELY":
                wrong += 1
                print("WRONG", row["uri"], row["axis"], axis, drift, row["evidence"])
        if row["base_match"]:
            base_named += 1
            base_right += base in row["base_match"].split(",")[0]
    for drift in sorted(by_drift):
        print(f"drift from {drift:.1f}: {by_drift[drift][0]} of {by_drift[drift][1]} decided")
    print(f"base model right: {base_right} of {base_named} named")
    print(f"{decided} of {len(rows)} decided, {wrong} wrong")
    sys.exit(1 if wrong or len(rows) != args.adapters or not decided else 0)


if __name__ == "__main__":
    main()
