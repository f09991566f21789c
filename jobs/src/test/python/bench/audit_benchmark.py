#!/usr/bin/env python3
"""Marginal CPU per file of the audit and of Python peers, on the same synthetic hubs in the same run.

  audit_benchmark.py [--work DIR] [--small 5000] [--large 15000] [--rounds 5] [--only NAME,...] [--torch SHARE]
                     [--launcher deploy/bin/doraxis]

The marginal CPU is that of the large hub minus that of the small one, divided by the files between them, so that
start-up and the JIT's warm-up stand apart. Each round runs everything once, small before large. Other work on the
machine only ever adds CPU time, so the least of the rounds is taken of each hub; the range over the rounds is printed
beside it. With --torch that share of the hubs' whole files is as torch.save writes them; the peers read safetensors only and
are left out then. Needs pyarrow, safetensors, numpy, orjson.
"""
import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ("safe_open", "raw-json", "raw-orjson")
NAMES = ("checkpoints only", "with modules", *PEERS)


def hub(args, files):
    path = os.path.join(args.work, f"hub-{files}" + (f"-torch-{args.torch}" if args.torch else ""))
    if not os.path.exists(os.path.join(path, "truth.jsonl")):
        subprocess.run([sys.executable, os.path.join(HERE, "gen_hub.py"), "--output", path, "--files", str(files),
                        "--seed", "11", "--torch", str(args.torch)], check=True, stdout=subprocess.DEVNULL)
    for folder, _, names in os.walk(path):  # the same warm page cache for everyone
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                file.read(1 << 20)
    return path


def run(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start


def audit(args, path, *options):
    output = os.path.join(args.work, "audit")
    shutil.rmtree(output, ignore_errors=True)
    return run([args.launcher, "audit", "--input", path, "--output", output, *options])


def peer(args, path, mode):
    return run([sys.executable, os.path.join(HERE, "peer_scan.py"), "--input", path,
                "--output", os.path.join(args.work, "peer"), "--mode", mode])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="benchmark-work")
    parser.add_argument("--small", type=int, default=5000)
    parser.add_argument("--large", type=int, default=15000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="some of: " + ", ".join(NAMES))
    parser.add_argument("--torch", type=float, default=0, metavar="SHARE")
    parser.add_argument("--launcher", default="deploy/bin/doraxis")
    args = parser.parse_args()
    args.launcher = os.path.abspath(args.launcher)
    os.makedirs(args.work, exist_ok=True)
    subprocess.run([args.launcher, "--version"], check=True, stdout=subprocess.DEVNULL)  # builds, should it have to
    contestants = {"checkpoints only": lambda path: audit(args, path, "--no-modules"),
                   "with modules": lambda path: audit(args, path)}
    for mode in PEERS:
        contestants[mode] = lambda path, mode=mode: peer(args, path, mode)
    wanted = args.only.split(",") if args.only else [name for name in NAMES if not (args.torch and name in PEERS)]
    names = [name for name in NAMES if name in wanted]
    small, large = hub(args, args.small), hub(args, args.large)
    few, many = {name: [] for name in names}, {name: [] for name in names}
    for round_ in range(args.rounds):
        for name in names:
            few[name].append(contestants[name](small))
            many[name].append(contestants[name](large))
            print(f"round {round_ + 1}: {name}: {few[name][-1][0]:.1f} and {many[name][-1][0]:.1f} CPU s", file=sys.stderr)

    def marginal(name):
        return 1000 * (min(many[name])[0] - min(few[name])[0]) / (args.large - args.small)

    best = min([marginal(name) for name in names if name in PEERS], default=float("nan"))
    print(f"{'':18}{'marginal CPU ms/file':>28}{'of best peer':>14}{f'{args.small} files: CPU s':>20}{'wall s':>8}")
    for name in names:
        each = [1000 * (m[0] - f[0]) / (args.large - args.small) for f, m in zip(few[name], many[name])]
        least = f"{marginal(name):.2f} [{min(each):.2f}-{max(each):.2f}]"
        cpu, wall = min(few[name])
        ratio = "-" if best != best else f"{marginal(name) / best:.2f}"
        print(f"{name:18}{least:>28}{ratio:>14}{cpu:>20.1f}{wall:>8.1f}")
    print(json.dumps({"small": few, "large": many}))


if __name__ == "__main__":
    main()
