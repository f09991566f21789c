"""Lossy exports by the launcher, loaded into the real PEFT: are they as far off as they say, and no further than asked?

    lossy.py [--launcher deploy/bin/doraxis] [--layers 20] [--max-rel-error 0.1] [--max-rank 128] [--work DIR]

Makes an adapter with DoRA on the input axis for each of three shapes, with that many layers like trained ones, and exports
them with `--input-axis low-rank`. What PEFT merges is compared in float64 with the weights of the input axis' formula: the
error of each layer and of all is to be the stated one within 1 %, none over the limit, and none over that of a truncated SVD
of the change at the same rank. A limit that is too small is to be refused with the layers' names; a table has the time of a
layer beside that of torch's full SVD and svd_lowrank, all on one thread by the clock, the export's with its reading and
warm-up. Then the golden adapters of the input axis, small and of all algorithms, with a limit of 0.5. Exit 1 if something is
not so. Needs the packages of ../predictions/requirements.txt and pyarrow.
"""

import argparse
import csv
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import peft
import pyarrow.dataset as ds
import torch
from exports import adapters, expected, golden_cases, loaded, parts
from low_rank import base_weight
from safetensors import safe_open
from safetensors.torch import load_file, save_file

LAUNCHER = Path(__file__).resolve().parents[5] / "deploy/bin/doraxis"
WEIGHTS = "adapter_model.safetensors"
SHAPES = {"1280x1280": (1280, 1280), "640x2560": (640, 2560), "640x640x3x3": (640, 640, 3, 3)}
RANK = 16
# of the magnitude its noise and its mean, relative to the norms of the base, and the size of the delta weight
DRIFTS = ((0.003, 1.0, 0.05), (0.003, 1.03, 0.05), (0.01, 1.0, 0.05), (0.01, 1.03, 0.05), (0.01, 1.0, 0.3))
EPSILON = 2.0**-23  # what LyCORIS adds to a norm


def layer(shape, drift, draw):
    """Base weight, factors and magnitude, as files hold them."""
    noise, mean, size = drift
    inputs, kernel = shape[1], shape[2:]
    base = base_weight(shape[0], int(np.prod(shape[1:])), draw)
    up = torch.randn(shape[0], RANK, generator=draw) * torch.arange(1, RANK + 1) ** -0.5
    down = torch.randn(RANK, base.shape[1], generator=draw)
    up *= size * base.norm() / (up @ down).norm()
    norms = base.reshape(shape[0], inputs, -1).norm(dim=(0, 2))
    ones = [1] * len(kernel)
    return {
        "base": base.reshape(shape).half(),
        "lora_up.weight": up.reshape(shape[0], RANK, *ones).half(),
        "lora_down.weight": down.reshape(RANK, inputs, *kernel).half(),
        "dora_scale": (norms * mean * (1 + noise * torch.randn(inputs, generator=draw))).reshape(1, inputs, *ones),
        "alpha": torch.tensor(float(RANK)),
    }


def worth(tensors):
    """The merged weight by the formula of the input axis, in float64: [out, in * kernel]."""
    values = {name: tensor.double().numpy() for name, tensor in tensors.items()}
    base = values["base"]
    delta = values["lora_up.weight"].reshape(len(base), -1) @ values["lora_down.weight"].reshape(RANK, -1)
    direction = (base.reshape(len(base), -1) + delta).reshape(*base.shape[:2], -1)
    norms = np.sqrt((direction**2).sum((0, 2), keepdims=True)) + EPSILON
    return (direction * values["dora_scale"].reshape(1, -1, 1) / norms).reshape(len(base), -1)


def make(work, layers):
    """The layers of each shape; their files."""
    made = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        draw = torch.Generator().manual_seed(6 + number)
        made[name] = [layer(shape, DRIFTS[i % len(DRIFTS)], draw) for i in range(layers)]
        base = {f"blocks.{i}.layer.weight": tensors["base"] for i, tensors in enumerate(made[name])}
        adapter = {
            f"lycoris_blocks_{i}_layer.{key}": tensor
            for i, tensors in enumerate(made[name])
            for key, tensor in tensors.items()
            if key != "base"
        }
        save_file(base, work / f"{name}-base.safetensors")
        save_file(adapter, work / f"{name}.safetensors")
    return made


class Block(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        out, inputs, *kernel = weight.shape
        self.layer = torch.nn.Conv2d(inputs, out, kernel, bias=False) if kernel else torch.nn.Linear(inputs, out, bias=False)
        self.layer.weight.data = weight.float()


class Model(torch.nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.blocks = torch.nn.ModuleList(Block(tensors["base"]) for tensors in layers)


@torch.no_grad()
def merged_by_peft(layers, folder):
    model = peft.PeftModel.from_pretrained(Model(layers), folder)
    merged = model.merge_and_unload(safe_merge=True)
    return [block.layer.weight.double().numpy().reshape(len(block.layer.weight), -1) for block in merged.blocks]


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def of_torch(change, rank):
    """The error of a truncated SVD at that rank, the time that it takes, and that of svd_lowrank."""
    change = torch.from_numpy(change).float()
    values, full_s = timed(lambda: torch.linalg.svd(change, full_matrices=False)[1])
    _, lowrank_s = timed(lambda: torch.svd_lowrank(change, q=rank + 10, niter=2))
    return float(values[rank:].double().norm() / values.double().norm()), full_s, lowrank_s


def call(arguments, out, *more):
    command = [arguments.launcher, "export", "--output", out, "--input-axis", "low-rank", "--allow-lossy", *more]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def check(what, right):
    print(f"{'ok  ' if right else 'FAIL'} {what}")
    return right


def check_shape(name, layers, folder, row, limit):
    """One adapter against its row of the exports table; whether all is as it says, and a line of the table of times."""
    with safe_open(folder / WEIGHTS, "pt") as file:
        stated = json.loads(file.metadata()["doraxis.rel_errors"])
        total = float(file.metadata()["doraxis.rel_error"])
    written = load_file(folder / WEIGHTS)
    off, farther, far, times = 0, [], 0, []
    squares = changes = 0
    for number, (tensors, merged) in enumerate(zip(layers, merged_by_peft(layers, folder))):
        expected = worth(tensors)
        change = expected - tensors["base"].double().numpy().reshape(expected.shape)
        norm = np.linalg.norm(change)
        distance = np.linalg.norm(merged - expected)
        squares, changes = squares + distance**2, changes + norm**2
        off = max(off, abs(distance / norm / stated[f"lycoris_blocks_{number}_layer"] - 1))
        far = max(far, distance / norm)
        rank = len(written[f"base_model.model.blocks.{number}.layer.lora_A.weight"])
        truncated, *seconds = of_torch(change, rank)
        farther += [number] * bool(distance / norm > truncated)
        times.append((rank, truncated, distance / norm, *seconds))
    off = max(off, abs((squares / changes) ** 0.5 / total - 1))
    in_row = dict(row["rel_errors"])
    right = [
        check(f"{name}: each error, and that of all, is the stated one within {off:.1e} of it", off < 0.01),
        check(f"{name}: none is over {limit}: {far:.4f} at most", far <= limit),
        check(f"{name}: none is over that of a truncated SVD of the same rank {farther}", not farther),
        check(f"{name}: the row has the same errors", all(abs(in_row[key] / error - 1) < 1e-3 for key, error in stated.items())
              and abs(row["rel_error"] / total - 1) < 1e-3 and in_row[row["rel_error_worst_module"]] == max(in_row.values())),
    ]
    ranks, truncated, errors, full, lowrank = (statistics.median(column) for column in zip(*times))
    ours = dict(row["seconds"])["fit"] / len(layers)
    line = f"{name:12} {len(layers):6} {ranks:6.0f} {errors:9.4f} {truncated:9.4f} {full:9.3f} {lowrank:12.3f} {ours:9.3f}"
    return all(right), line


@torch.no_grad()
def errors_by_peft(case, folder):
    """Of the layers of a golden adapter that are not exact: the errors, and whether PEFT warned of keys."""
    base = {key: value.double() for key, value in case.base().items()}
    model = case.model()
    merged, warned = {}, []
    for path, place in parts(case, folder):
        wrapped, said = loaded(model.get_submodule(path) if path else model, place)
        warned += said
        inside = f"{path}." if path else ""
        merged |= {inside + key: value for key, value in wrapped.merge_and_unload(safe_merge=True).state_dict().items()}
    errors = [
        float((merged[key].double() - value.double()).norm() / (value.double() - base[key]).norm())
        for key, value in expected(case, "input").items()
    ]
    return [error for error in errors if error > 1e-4], warned


def check_golden(arguments, work):
    plan = work / "golden.csv"
    chosen = [case for case in golden_cases() if case.facts["axis"] not in ("NONE", "OUTPUT") and not case.is_peft_directory]
    with plan.open("w", newline="") as file:
        rows = [(case.adapter_file, case.folder / "base.safetensors", work / "golden" / case.name) for case in chosen]
        csv.writer(file).writerows([("adapter", "base", "output"), *rows])
    done = call(arguments, work / "golden", "--plan", plan, "--assume-axis", "input", "--allow-unmatched", "--verify",
                "--max-rel-error", 0.5)
    print(done.stdout.splitlines()[0] if done.stdout else done.stderr)
    layers, wrong = 0, []
    for case in chosen:
        folder = work / "golden" / case.name
        with safe_open(adapters(folder)[0] / WEIGHTS, "pt") as file:
            stated = sorted(json.loads(file.metadata()["doraxis.rel_errors"]).values())
        errors, warned = errors_by_peft(case, folder)
        layers += len(stated)
        same = len(errors) == len(stated) and all(abs(a / b - 1) < 0.01 for a, b in zip(sorted(errors), stated))
        wrong += [case.name] * (not same or bool(warned))
    return check(f"{len(chosen)} golden adapters, {layers} lossy layers: as far off in PEFT as stated {wrong}", not wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", default=LAUNCHER)
    parser.add_argument("--layers", type=int, default=20, help="of each shape")
    parser.add_argument("--max-rel-error", type=float, default=0.1)
    parser.add_argument("--max-rank", type=int, default=128)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    work = arguments.work or Path(tempfile.mkdtemp(prefix="doraxis-lossy."))
    work.mkdir(parents=True, exist_ok=True)
    made = make(work, arguments.layers)
    with (work / "plan.csv").open("w", newline="") as file:
        rows = [(work / f"{name}.safetensors", work / f"{name}-base.safetensors", work / f"{name}-peft") for name in made]
        csv.writer(file).writerows([("adapter", "base", "output"), *rows])
    limits = ["--max-rel-error", arguments.max_rel_error, "--max-rank", arguments.max_rank]
    done = call(arguments, work / "run", "--plan", work / "plan.csv", "--master", "local[1]", "--verify", *limits)
    print(done.stdout.splitlines()[0] if done.stdout else done.stderr)
    table = ds.dataset(work / "run/exports", format="parquet").to_table().to_pylist()
    right, lines = [len(table) == len(made) and all(row["status"] == "DONE" for row in table)], []
    for name, layers in made.items():
        (row,) = (row for row in table if row["output"].endswith(f"/{name}-peft"))
        print(f"{name}: {', '.join(f'{count} {what}' for what, count in row['plan'])}")
        fine, line = check_shape(name, layers, work / f"{name}-peft", row, arguments.max_rel_error)
        right.append(fine)
        lines.append(line)
    name, layers = next(iter(made.items()))
    refused = call(arguments, work / "refused", "--input", work / f"{name}.safetensors", "--base",
                   work / f"{name}-base.safetensors", "--max-rel-error", 0.01, "--max-rank", 4)
    print(refused.stderr.strip()[:300])
    right.append(check("what cannot be is refused by name", refused.returncode == 4 and "NOT_WITHIN_ERROR" in refused.stderr
                       and "lycoris_blocks_0_layer is " in refused.stderr and not (work / "refused").exists()))
    right.append(check_golden(arguments, work))
    print("medians      layers   rank     error   trunc'd  full SVD  svd_lowrank   the fit\n"
          "                          of export   SVD's          s            s         s")
    print("\n".join(lines))
    if arguments.work is None:
        shutil.rmtree(work)
    sys.exit(0 if all(right) else 1)


if __name__ == "__main__":
    main()
