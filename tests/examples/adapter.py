#!/usr/bin/env python3
"""Writes an adapter of random values for a model: adapter.py MODEL.gguf SEED OUT.gguf. It changes the matrices of all layers by a
little. Knows GGUF's layout, and no type of tensor but F32."""

import array
import random
import struct
import sys

RANK = 4
# How far a value may be from 0: the model goes on to write words, but others.
REACH = 0.06
FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


def read_header(file):
    """(architecture, [(name, dims)]) of a model's file."""

    def number(form):
        return struct.unpack(form, file.read(struct.calcsize(form)))[0]

    def text():
        return file.read(number("<Q")).decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            kind, count = number("<I"), number("<Q")
            return [value(kind) for _ in range(count)]
        return number(FORMATS[kind])

    if file.read(4) != b"GGUF":
        raise SystemExit(f"{file.name} is no GGUF")
    number("<I")
    tensors, keys = number("<Q"), number("<Q")
    metadata = {text(): value(number("<I")) for _ in range(keys)}
    found = []
    for _ in range(tensors):
        name = text()
        found.append((name, [number("<Q") for _ in range(number("<I"))]))
        number("<I"), number("<Q")
    return metadata["general.architecture"], found


def main():
    _, model, seed, out = sys.argv
    with open(model, "rb") as file:
        architecture, tensors = read_header(file)
    rng = random.Random(int(seed))
    text = lambda value: struct.pack("<Q", len(value)) + value.encode()
    keys = [("general.type", "adapter"), ("general.architecture", architecture), ("adapter.type", "lora")]
    head = b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in keys)
    head += text("adapter.lora.alpha") + struct.pack("<If", 6, 2.0 * RANK)
    infos, data, count = b"", b"", 0
    for name, dims in tensors:
        if not name.startswith("blk.") or len(dims) != 2:
            continue
        for end, shape in (("lora_a", (dims[0], RANK)), ("lora_b", (RANK, dims[1]))):
            infos += text(f"{name}.{end}") + struct.pack("<IQQIQ", 2, *shape, 0, len(data))
            values = array.array("f", (rng.uniform(-REACH, REACH) for _ in range(shape[0] * shape[1])))
            if sys.byteorder == "big":
                values.byteswap()
            data += values.tobytes() + bytes(-len(values) * 4 % 32)
            count += 1
    whole = struct.pack("<4sIQQ", b"GGUF", 3, count, len(keys) + 1) + head + infos
    with open(out, "wb") as file:
        file.write(whole + bytes(-len(whole) % 32) + data)


if __name__ == "__main__":
    main()
