"""The README's first steps, run as they stand there by a newcomer who has a JDK and Python.

    newcomer.py

They run in a folder of links to this checkout, so that what they make stays out of it. The packages that they install are those
that this Python has, which the new environment is shown by a .pth file: pip finds them installed, and CI fetches nothing twice.
Exit 1 if a command fails, if there are more than ten, or if what they say is not what the README promises.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[5]
MARK = "<!-- newcomer -->\n"
MOST = 10


def block():
    """The indented lines behind the mark."""
    behind = (ROOT / "README.md").read_text().split(MARK)[1]
    return textwrap.dedent(re.match(r"\n((?:(?: {4}.*)?\n)+)", behind).group(1)).strip() + "\n"


def commands(script):
    """Its commands: a line each, or to the end of what is given to it."""
    return re.findall(r"^.*<<'(\w+)'\n(?:.*\n)*?\1$|^.+$", script, re.MULTILINE)


def main():
    script = block()
    count = len(commands(script))
    print(f"{count} commands")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for entry in ROOT.iterdir():
            if entry.name not in {"target", ".venv", "demo-out", ".git"}:
                (home / entry.name).symlink_to(entry)
        packages = sysconfig.get_paths()["purelib"]
        shown = script.replace("python3 -m venv .venv\n", f"""python3 -m venv .venv
for site in .venv/lib/python3.*/site-packages; do echo '{packages}' >"$site/of_ci.pth"; done
""")
        done = subprocess.run(["bash", "-euxo", "pipefail", "-c", shown], cwd=home, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    difference = re.search(r"largest difference from LyCORIS' weights: (\S+)", done.stdout)
    checks = {
        "all end with status 0": done.returncode == 0,
        f"there are at most {MOST}": count <= MOST,
        "DuckDB reads the axes": all(re.search(rf"{axis} *│ *\d+", done.stdout) for axis in ("INPUT", "OUTPUT", "AMBIGUOUS")),
        "PEFT computes LyCORIS' weights": difference and float(difference.group(1)) < 1e-6,
    }
    for what, holds in checks.items():
        print(f"{'ok  ' if holds else 'FAIL'} {what}")
    sys.exit(not all(checks.values()))


if __name__ == "__main__":
    main()
