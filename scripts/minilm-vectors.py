#!/usr/bin/env python3
"""Prints what tests/model/minilm.rs compares with: ids and vectors of texts by all-MiniLM-L6-v2.

The model is computed in float64 from its own weights (model.safetensors) by the formulas of BERT (Devlin et
al. 2018), its tokens by its own tokenizer.json, its pooling and normalisation as its modules.json says.

  pip install numpy safetensors tokenizers
  scripts/minilm-vectors.py models/all-MiniLM-L6-v2
"""

import json
import math
import pathlib
import sys

import numpy
from safetensors.numpy import load_file
from tokenizers import Tokenizer

TEXTS = [
    "The key to the cellar hangs behind the stove.",
    "Where is the key?",
    "",
    "Ça va? Größe, naïve Übung — 東京タワー 🦊 don't!",
    "wolves " * 200,
]
SHOWN = 12  # elements of each vector, and its sum

folder = pathlib.Path(sys.argv[1])
config = json.loads((folder / "config.json").read_text())
weights = {name: value.astype(numpy.float64) for name, value in load_file(folder / "model.safetensors").items()}
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_truncation()
tokenizer.no_padding()
heads, layers, eps = config["num_attention_heads"], config["num_hidden_layers"], config["layer_norm_eps"]
erf = numpy.vectorize(math.erf)


def linear(x, name):
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def norm(x, name):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / numpy.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * weights[name + ".weight"] + weights[name + ".bias"]


def vector(ids):
    embedded = "embeddings."
    x = weights[embedded + "word_embeddings.weight"][ids]
    x = x + weights[embedded + "position_embeddings.weight"][: len(ids)]
    x = norm(x + weights[embedded + "token_type_embeddings.weight"][0], embedded + "LayerNorm")
    for layer in range(layers):
        name = f"encoder.layer.{layer}."
        split = lambda y: y.reshape(len(ids), heads, -1).transpose(1, 0, 2)
        q, k, v = (split(linear(x, name + "attention.self." + part)) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        mixed = mixed.transpose(1, 0, 2).reshape(len(ids), -1)
        x = norm(x + linear(mixed, name + "attention.output.dense"), name + "attention.output.LayerNorm")
        inner = linear(x, name + "intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        x = norm(x + linear(inner, name + "output.dense"), name + "output.LayerNorm")
    mean = x.mean(0)
    return mean / numpy.linalg.norm(mean)


for text in TEXTS:
    ids = tokenizer.encode(text).ids
    found = vector(ids)
    print(json.dumps(text, ensure_ascii=False))
    print(" ", len(ids), ids[:16])
    print(" ", [round(float(value), 7) for value in found], ",")
