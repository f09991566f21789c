#!/usr/bin/env python3
"""Low-rank forms of input-axis DoRA: how near, and how fast, beside torch's full SVD and its svd_lowrank; and that PEFT
makes of them what they say.

  low_rank.py bench --classpath PATHS [--work DIR] [--layers 20] [--ranks 16 64]
  low_rank.py record [FILE]      FILE: common/src/test/resources/low_rank

bench: generates layers of three shapes, lets torch and io.doraxis.peft.LowRankBenchmark (a test class of common)
approximate them on one thread each, and prints a table of medians; ends with 1 if PEFT's weights err by more than was
stated. record: writes a few small layers and what torch makes of them in float64, for the tests. Needs torch 2.13.0,
PEFT 0.21.2 and safetensors. Deterministic, but for times.
"""
import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import peft
import torch
from safetensors.torch import load_file, save_file

SHAPES = ((640, 640), (1280, 1280), (640, 5760))
FORMS = ("REFITTED_MAGNITUDE", "DORA", "LORA")
DRIFTS = ((0.003, 1.0, 0.05), (0.003, 1.03, 0.05), (0.01, 1.0, 0.05), (0.01, 1.03, 0.05), (0.01, 1.0, 0.3))


def base_weight(out, inputs, draw):
    """Like a trained one: strong directions that fall off as a power, noise, rows and columns of differing scale."""
    count = max(1, min(out, inputs) // 4)
    left = torch.randn(out, count, generator=draw) / out**0.5
    right = torch.randn(count, inputs, generator=draw) / inputs**0.5
    strengths = torch.arange(1, count + 1) ** -0.6 * out**0.5 * 1.5
    weight = 0.7 * torch.randn(out, inputs, generator=draw) / inputs**0.5 + (left * strengths) @ right
    weight *= torch.exp(0.25 * torch.randn(1, inputs, generator=draw) + 0.15 * torch.randn(out, 1, generator=draw))
    return 0.6 * weight


def layer(out, inputs, rank, drift, draw):
    """An adapter with a magnitude along the inputs that moved by `drift`: its noise, its mean, and the size of the delta."""
    noise, mean, size = drift
    base = base_weight(out, inputs, draw).half().float()
    lora_b = torch.randn(out, rank, generator=draw) * torch.arange(1, rank + 1) ** -0.5
    lora_a = torch.randn(rank, inputs, generator=draw)
    lora_b = (lora_b * size * base.norm() / (lora_b @ lora_a).norm()).half().float()
    lora_a = lora_a.half().float()
    direction = base.double() + lora_b.double() @ lora_a.double()
    magnitude = base.double().norm(dim=0) * mean * (1 + noise * torch.randn(inputs, generator=draw))
    return dict(base=base, lora_B=lora_b, lora_A=lora_a, merged=(direction * magnitude / direction.norm(dim=0)).float())


def truncated(matrix, rank):
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank]


def lora_error(tensors, rank):
    """Of the best rank: what no plain LoRA can beat."""
    change = tensors["merged"].double() - tensors["base"].double()
    return float((truncated(change, rank) - change).norm() / change.norm())


def dora_error(tensors, rank, rounds=20):
    """Row scales and the best rank in turn, from one scale for all rows, until they settle."""
    base, merged = tensors["base"].double(), tensors["merged"].double()
    scales = ((merged * base).sum() / (base * base).sum()).repeat(len(base))
    for _ in range(rounds):
        rest = merged - scales[:, None] * base
        error = truncated(rest, rank) - rest
        scales -= (error * base).sum(1) / (base * base).sum(1)
    return float(error.norm() / (merged - base).norm())


def refit_error(tensors):
    """The adapter's own factors, and the best magnitude along the outputs."""
    base, merged = tensors["base"].double(), tensors["merged"].double()
    direction = base + tensors["lora_B"].double() @ tensors["lora_A"].double()
    factors = (merged * direction).sum(1) / (direction * direction).sum(1)
    return float((factors[:, None] * direction - merged).norm() / (merged - base).norm())


def record(folder):
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    draw = torch.Generator().manual_seed(6)
    layers = {
        "square": layer(96, 96, 8, DRIFTS[2], draw),
        "mean_moved": layer(64, 112, 4, DRIFTS[1], draw),
        "tall": layer(128, 48, 4, DRIFTS[3], draw),
        "strong": layer(80, 80, 8, DRIFTS[4], draw),
        "drifted": layer(72, 96, 4, (0.1, 1.0, 0.05), draw),
    }
    expected = {}
    for name, tensors in layers.items():
        halves = {key: value.half() for key, value in tensors.items() if key != "merged"}
        save_file(halves | {"merged": tensors["merged"]}, folder / f"{name}.safetensors")
        ranks = [2, 4, 8, 16, 32]
        expected[name] = dict(
            refitted=refit_error(tensors),
            ranks=ranks,
            lora=[lora_error(tensors, rank) for rank in ranks],
            dora=[dora_error(tensors, rank) for rank in ranks],
        )
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def timed(work, runs=3):
    """The least CPU time: other work on the machine is no part of it."""
    least = float("inf")
    for _ in range(runs):
        start = time.thread_time()
        result = work()
        least = min(least, time.thread_time() - start)
    return result, least


def of_torch(change, ranks):
    """In float32, on one thread."""
    (left, values, right), whole_s = timed(lambda: torch.linalg.svd(change, full_matrices=False), runs=1)
    for rank in ranks:
        whole = ((left[:, :rank] * values[:rank]) @ right[:rank] - change).norm() / change.norm()
        parts, lowrank_s = timed(lambda: torch.svd_lowrank(change, q=rank + 10, niter=2))
        few, strengths, others = (part[..., :rank] for part in parts)
        lowrank = ((few * strengths) @ others.T - change).norm() / change.norm()
        yield rank, dict(full_s=whole_s, full=float(whole), lowrank_s=lowrank_s, lowrank=float(lowrank))


def peft_error(tensors, form):
    """Of the weight that PEFT merges, relative to the change."""
    out, inputs = tensors["base"].shape
    rank = len(form["lora_A.weight"])
    model = torch.nn.Sequential(torch.nn.Linear(inputs, out, bias=False))
    model[0].weight.data = tensors["base"].clone()
    model = peft.get_peft_model(
        model,
        peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=["0"], use_dora="lora_magnitude_vector" in form),
    )
    loaded = peft.set_peft_model_state_dict(model, {f"base_model.model.0.{key}": value for key, value in form.items()})
    assert not loaded.unexpected_keys, loaded
    weight = model.merge_and_unload()[0].weight.data.double()
    return float((weight - tensors["merged"].double()).norm() / (tensors["merged"].double() - tensors["base"].double()).norm())


def bench(args):
    torch.set_num_threads(1)
    work = Path(args.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    rows = {}
    for shape in SHAPES:
        for number in range(args.layers):
            draw = torch.Generator().manual_seed(1000 * number + sum(shape))
            tensors = layer(*shape, 16, DRIFTS[number % len(DRIFTS)], draw)
            name = f"{shape[0]}x{shape[1]}-{number:02}.safetensors"
            save_file(tensors, work / name)
            for rank, row in of_torch(tensors["merged"] - tensors["base"], args.ranks):
                rows[name, rank] = row
    command = [*args.java.split(), "-cp", args.classpath, "io.doraxis.peft.LowRankBenchmark", str(work), *map(str, args.ranks)]
    for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
        ours = json.loads(line)
        rows[ours["layer"], ours["rank"]] |= ours
    table(rows, args)
    worst = 0
    for (name, rank), row in rows.items():
        tensors = load_file(work / name)
        for form in FORMS:
            stated, found = row[form], peft_error(tensors, load_file(work / "fits" / f"{name}.{rank}.{form}"))
            worst = max(worst, abs(found / stated - 1))
    shutil.rmtree(work)
    print(f"{len(FORMS) * len(rows)} forms loaded and merged by PEFT {peft.__version__}: the error is the stated one within {worst:.1e} of it")
    return worst > 0.01


def table(rows, args):
    print(f"{len(rows) // len(args.ranks)} layers; medians of CPU ms and of the error relative to the change")
    print("                 |   full SVD      |   svd_lowrank   | ours: SVD |      LORA       |      DORA       | REFITTED_MAGNITUDE")
    print("shape       rank |     ms   error  |     ms   error  |     ms    |     ms   error  |     ms   error  |     ms   error")
    for shape in SHAPES:
        for rank in args.ranks:
            some = [row for (name, of), row in rows.items() if name.startswith("{}x{}-".format(*shape)) and of == rank]
            cells = [f"{1e3 * median(some, key + '_s'):7.1f} {median(some, key):7.4f} " for key in ("full", "lowrank", "LORA", "DORA", "REFITTED_MAGNITUDE")]
            cells.insert(2, f"{1e3 * median(some, 'svd_s'):7.1f}   ")
            print(f"{shape[0]:4}x{shape[1]:<5} {rank:5} | " + " | ".join(cells))
    for form in ("lowrank", "LORA", "DORA"):
        ratios = [row[form] / row["full"] for row in rows.values()]
        print(f"{form}: {min(ratios):.4f} to {max(ratios):.4f} of the full SVD's error at the same rank")


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    measure = modes.add_parser("bench")
    measure.add_argument("--classpath", required=True, help="classes and test classes of common, and jackson-core")
    measure.add_argument("--java", default="java -Xmx2g -XX:+UseSerialGC")
    measure.add_argument("--work", default="low-rank-work")
    measure.add_argument("--layers", type=int, default=20, help="of each shape")
    measure.add_argument("--ranks", type=int, nargs="+", default=[16, 64])
    write = modes.add_parser("record")
    write.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[5] / "common/src/test/resources/low_rank")
    args = parser.parse_args()
    sys.exit(record(args.folder) if args.mode == "record" else bench(args))


if __name__ == "__main__":
    main()
