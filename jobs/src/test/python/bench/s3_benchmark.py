#!/usr/bin/env python3
"""Headers of a bucket over a network of some latency: the audit at several --io-concurrency, and a Python peer beside it.

  s3_benchmark.py [--work DIR] [--files 5000] [--latency 30] [--io-concurrency 1,16,64,128] [--rounds 1]
                  [--launcher deploy/bin/doraxis] [--classes jobs/target/test-classes]

A real S3 server holds a synthetic hub; a proxy before it makes every answer wait and counts requests. All run on the same
cores, one after the other. The seconds are those of the audit's run record and of the peer's own clock, so that start-up
of Java and Spark, and of Python, stands apart. With one read in flight a tenth of the hub is read. Needs obstore, orjson,
pyarrow, and what ./mvnw verify has built.
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
JOBS = os.path.abspath(os.path.join(HERE, "..", "..", "..", ".."))


def hub(args, files):
    path = os.path.abspath(os.path.join(args.work, f"hub-{files}"))
    if not os.path.exists(os.path.join(path, "truth.jsonl")):
        subprocess.run([sys.executable, os.path.join(HERE, "gen_hub.py"), "--output", path, "--files", str(files),
                        "--seed", "11"], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(path, "truth.jsonl")) as truth:
            for line in map(json.loads, truth):
                if line.get("why") == "big_hole_header":  # 99 MB that only a reader which looks at them first leaves alone
                    os.remove(os.path.join(path, line["path"]))
    return path


class Store:
    def __init__(self, args, folder):
        command = ["java", "-cp", os.path.abspath(args.classes), "io.doraxis.s3.DistantServer", folder, "hub",
                   str(args.latency)]
        self.process = subprocess.Popen(command, cwd=JOBS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint, self.key, self.secret = self.process.stdout.readline().split()

    def asked(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def audit(args, store, in_flight):
    output = os.path.abspath(os.path.join(args.work, "audit"))
    shutil.rmtree(output, ignore_errors=True)
    options = {"endpoint": store.endpoint, "endpoint.region": "us-east-1", "path.style.access": "true",
               "access.key": store.key, "secret.key": store.secret, "connection.ssl.enabled": "false",
               "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"}
    java = " ".join(f"-Dspark.hadoop.fs.s3a.{name}={value}" for name, value in options.items())
    environment = dict(os.environ, DORAXIS_JAVA_OPTS=os.environ.get("DORAXIS_JAVA_OPTS", "") + " " + java)
    subprocess.run([args.launcher, "audit", "--input", "s3a://hub/", "--output", output, "--no-modules",
                    "--io-concurrency", str(in_flight)], check=True, env=environment, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    (record,) = glob.glob(os.path.join(output, "runs", "*.json"))
    with open(record) as file:
        run = json.load(file)
    return run["objects_listed"], run["seconds"]


def peer(args, store):
    command = [sys.executable, os.path.join(HERE, "s3_peer.py"), "--endpoint", store.endpoint, "--key", store.key,
               "--secret", store.secret, "--bucket", "hub", "--output", os.path.join(args.work, "peer")]
    said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return said["files"], said["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="benchmark-work")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--latency", type=int, default=30)
    parser.add_argument("--io-concurrency", default="1,16,64,128")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--launcher", default="deploy/bin/doraxis")
    parser.add_argument("--classes", default="jobs/target/test-classes")
    args = parser.parse_args()
    runs = [(f"doraxis, {n} in flight", int(n)) for n in args.io_concurrency.split(",")] + [("obstore, 64 in flight", 0)]
    for _ in range(args.rounds):
        for name, in_flight in runs:
            store = Store(args, hub(args, args.files // 10 if in_flight == 1 else args.files))
            files, seconds = audit(args, store, in_flight) if in_flight else peer(args, store)
            asked = store.asked()
            store.close()
            print(f"{name:28} {files:6} objects {seconds:7.1f} s {files / seconds:7.0f}/s   "
                  f"{asked['GET'] / files:.3f} GET each, {asked['HEAD']} HEAD, {asked['LIST']} LIST", flush=True)


if __name__ == "__main__":
    main()
