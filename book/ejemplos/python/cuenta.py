"""Cuántos bytes leyó y escribió un servidor, según su grabación."""

import json
import sys

read = written = 0
for line in open(sys.argv[1], encoding="utf-8"):
    record = json.loads(line)
    if record["what"] != "call" or "client" not in record:
        continue
    if record["call"] == "recvfrom":
        read += record.get("result", 0)
    if record["call"] == "sendto":
        written += record.get("result", 0)
print(f"leyó {read} bytes y escribió {written}")
