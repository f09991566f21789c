"""The table of predictions: what doraxis says of every golden adapter, beside what the programs did with it.

    table.py                     audits the golden adapters with the launcher and prints consumer by case

A cell is the prediction; `=` behind it where the program was run and did that, `?` where it was run and nothing is
predicted, `X` with what happened where the prediction is wrong. Exit 1 if one is wrong.
Needs pyarrow and the packages of requirements.txt.
"""

import argparse
import collections
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.dataset as ds
from golden import cases
from observe import RESOURCES
from safetensors.torch import save_file

LAUNCHER = Path(__file__).resolve().parents[5] / "deploy/bin/doraxis"
SHORT = {"SILENTLY_WRONG": "WRONG", "APPROXIMATE": "APPROX"}
# a fact of the base that no adapter file shows: its convolution's groups do not divide the rank
OF_THE_BASE = {("diffusers@0.42", "grouped_conv_dora_out as lora_unet_")}


def audited(golden, scratch):
    """The consumers column for each case's name."""
    hub, out = scratch / "hub", scratch / "out"
    for case in cases(golden):
        folder = hub / case.name
        folder.mkdir(parents=True)
        if case.is_peft_directory:
            shutil.copytree(case.adapter_file.parent, folder, dirs_exist_ok=True)
        else:
            save_file(case.adapter(), folder / "adapter.safetensors", case.metadata())
    subprocess.run([LAUNCHER, "audit", "--input", hub, "--output", out], check=True, capture_output=True)
    rows = ds.dataset(out / "checkpoints", format="parquet", partitioning="hive").to_table().to_pylist()
    return {Path(row["uri"].removesuffix("/adapter.safetensors")).name: dict(row["consumers"]) for row in rows}


def cell(program, name, predicted, observed):
    """(text, kind) of one cell; kind is equal, open, wrong or none."""
    text = SHORT.get(predicted, predicted)
    if observed is None:
        return text, "none"
    if predicted == observed:
        return f"{text} =", "equal"
    if predicted == "UNKNOWN":
        return f"{text} ?", "open"
    if (program, name) in OF_THE_BASE:
        return f"{text} (base)", "of the base"
    return f"{text} X {SHORT.get(observed, observed)}", "wrong"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", type=Path, default=RESOURCES / "golden", help="folder of golden cases")
    parser.add_argument("--observations", type=Path, default=RESOURCES / "observed.json")
    arguments = parser.parse_args()
    observed = json.loads(arguments.observations.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        predicted = audited(arguments.golden, Path(scratch))
    programs = sorted({program for consumers in predicted.values() for program in consumers})
    counts = collections.defaultdict(collections.Counter)
    rows = []
    for name, consumers in sorted(predicted.items()):
        row = [name]
        for program in programs:
            seen = observed.get(program, {"cases": {}})["cases"].get(name)
            text, kind = cell(program, name, consumers[program]["outcome"], seen and seen["outcome"])
            counts[program][kind] += 1
            row.append(text)
        rows.append(row)
    rows.insert(0, ["case", *programs])
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    wrong = 0
    for program in programs:
        kinds = counts[program]
        run = sum(kinds.values()) - kinds["none"]
        if run:
            wrong += kinds["wrong"]
            print(
                f"{program}: {kinds['equal']} of {kinds['equal'] + kinds['wrong']} predictions as observed; "
                f"{kinds['open']} cases not predicted, {kinds['of the base']} decided by the base"
            )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
