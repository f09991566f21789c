#!/usr/bin/env python3
"""What a Python user would write in place of the audit of a bucket: list, read headers, parse, classify, one Parquet row per
file; by obstore, the quickest of obstore, pyarrow and boto3 where all three were tried.

  s3_peer.py --endpoint URL --key KEY --secret SECRET --bucket NAME [--prefix P] --output DIR [--in-flight 64]

Prints one JSON line. Needs obstore, orjson, pyarrow.
"""
import argparse
import asyncio
import json
import struct
import time

import obstore
import orjson
from obstore.store import S3Store

from peer_scan import CAP, classify, cpu, write

FIRST_READ = 100_000


async def header(store, path, size):
    if size < 8:
        raise ValueError("too small")
    data = bytes(await obstore.get_range_async(store, path, start=0, end=min(FIRST_READ, size)))
    (length,) = struct.unpack("<Q", data[:8])
    if length > CAP or length + 8 > size:
        raise ValueError("header length")
    if length + 8 > len(data):
        data += bytes(await obstore.get_range_async(store, path, start=len(data), end=length + 8))
    found = orjson.loads(memoryview(data)[8 : 8 + length])
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


async def row(store, gate, path, size):
    async with gate:
        try:
            return (path, size, *classify(await header(store, path, size)), "")
        except Exception as error:
            return (path, size, 0, 0.0, "error", "none", f"{type(error).__name__}: {error}"[:100])


async def scan(store, prefix, in_flight):
    gate = asyncio.Semaphore(in_flight)
    files = [(each["path"], each["size"]) for page in obstore.list(store, prefix, chunk_size=1000) for each in page
             if each["path"].endswith(".safetensors")]
    return await asyncio.gather(*[row(store, gate, path, size) for path, size in files])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--endpoint", "--key", "--secret", "--bucket", "--output"):
        parser.add_argument(name, required=True)
    parser.add_argument("--prefix")
    parser.add_argument("--in-flight", type=int, default=64)
    args = parser.parse_args()
    store = S3Store(args.bucket, endpoint=args.endpoint, access_key_id=args.key, secret_access_key=args.secret,
                    region="us-east-1", virtual_hosted_style_request=False, client_options={"allow_http": True})
    start = time.perf_counter()
    rows = asyncio.run(scan(store, args.prefix, args.in_flight))
    write(rows, args.output)
    print(json.dumps({"files": len(rows), "errors": sum(each[4] == "error" for each in rows), "cpu_s": round(cpu(), 2),
                      "seconds": round(time.perf_counter() - start, 2)}))


if __name__ == "__main__":
    main()
