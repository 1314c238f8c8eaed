#!/usr/bin/env python3
"""How long 1,000 short texts take by all-MiniLM-L6-v2 in ONNX Runtime and in llama.cpp, beside wick's
`--bench embed` (docs/benchmarks.md). Tokens, pooling and normalisation count; the load does not.

  pip install numpy safetensors tokenizers onnx onnxruntime llama-cpp-python gguf
  scripts/embed-peers.py texts > texts.txt
  scripts/embed-peers.py onnx MODEL_FOLDER texts.txt THREADS TEXTS_A_BATCH
  scripts/embed-peers.py llama MODEL_FOLDER texts.txt THREADS TOKENS_A_BATCH [f32|bf16|q8_0]

The ONNX model is built from the folder's weights with ONNX Runtime's own fused operators; its texts come
sorted by length, in batches filled up with padding. The GGUF is written from the same weights.
"""

import json
import pathlib
import random
import sys
import tempfile
import time

ROUNDS = 3
WORDS = """the key to cellar hangs behind stove where is it harbour quiet morning two boats lay at pier smith
daughter left for coast last spring wolves have been seen northern gate mill has stood still since drought
innkeeper owes forty coins old bridge may not bear loaded cart she keeps letters under floor of attic he never
speaks about war river rose after rain took fence with""".split()
PARTS = {
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}


def texts():
    draw = random.Random(7)
    return [" ".join(draw.choice(WORDS) for _ in range(draw.randint(6, 18))) for _ in range(1000)]


def weights(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text())


def timed(name, run):
    run()
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        run()
        print(f"{name} {time.perf_counter() - begun:.3f} s", flush=True)


def build_onnx(folder, path):
    import numpy as np
    import onnx
    from onnx import TensorProto as T
    from onnx import helper, numpy_helper

    w, config = weights(folder)
    own, tensors, nodes = "com.microsoft", [], []

    def const(name, value):
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(op, inputs, output, domain="", **more):
        nodes.append(helper.make_node(op, inputs, [output], domain=domain, **more))
        return output

    eps = config["layer_norm_eps"]
    table = w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
    size = node("Slice", [node("Shape", ["ids"], "shape"), const("one", np.array([1])), const("two", np.array([2]))], "size")
    zero = const("zero", np.array([0]))
    x = node("Gather", [const("words", w["embeddings.word_embeddings.weight"]), "ids"], "word")
    x = node("Add", [x, node("Slice", [const("positions", table), zero, size, zero], "position")], "sum")
    norm = [const(f"norm_{end}", w[f"embeddings.LayerNorm.{end}"]) for end in ("weight", "bias")]
    x = node("LayerNormalization", [x, *norm], "begin", epsilon=eps)
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}."

        def behind(matrix, norm, x, rest):
            product = node("MatMul", [x, const(at + matrix, w[f"{at}{matrix}.weight"].T)], at + matrix + "_")
            ends = [w[f"{at}{norm}.weight"], w[f"{at}{norm}.bias"], w[f"{at}{matrix}.bias"]]
            ends = [const(f"{at}{norm}{index}", end) for index, end in enumerate(ends)]
            return node("SkipLayerNormalization", [product, rest, *ends], at + norm + "_", own, epsilon=eps)

        qkv = [f"{at}attention.self.{part}." for part in ("query", "key", "value")]
        matrix = const(at + "qkv", np.concatenate([w[part + "weight"].T for part in qkv], 1))
        bias = const(at + "qkv_bias", np.concatenate([w[part + "bias"] for part in qkv]))
        heads = config["num_attention_heads"]
        mixed = node("Attention", [x, matrix, bias, "mask"], at + "mixed", own, num_heads=heads)
        x = behind("attention.output.dense", "attention.output.LayerNorm", mixed, x)
        up = node("MatMul", [x, const(at + "up", w[at + "intermediate.dense.weight"].T)], at + "up_")
        up = node("BiasGelu", [up, const(at + "up_bias", w[at + "intermediate.dense.bias"])], at + "inner", own)
        x = behind("output.dense", "output.LayerNorm", up, x)
    inputs = [helper.make_tensor_value_info(name, kind, ["b", "s"]) for name, kind in (("ids", T.INT64), ("mask", T.INT32))]
    outputs = [helper.make_tensor_value_info(x, T.FLOAT, ["b", "s", config["hidden_size"]])]
    graph = helper.make_graph(nodes, "bert", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(own, 1)])
    model.ir_version = 9
    onnx.save(model, path)


def onnx_runtime(folder, lines, threads, batch):
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    with tempfile.TemporaryDirectory() as place:
        path = str(pathlib.Path(place) / "model.onnx")
        build_onnx(folder, path)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run():
        ids = [encoded.ids for encoded in tokenizer.encode_batch(lines)]
        order = sorted(range(len(ids)), key=lambda text: len(ids[text]))
        out = [None] * len(ids)
        for first in range(0, len(order), batch):
            part = order[first : first + batch]
            most = len(ids[part[-1]])
            given = np.zeros((len(part), most), np.int64)
            mask = np.zeros((len(part), most), np.int32)
            for row, text in enumerate(part):
                given[row, : len(ids[text])] = ids[text]
                mask[row, : len(ids[text])] = 1
            rows = session.run(None, {"ids": given, "mask": mask})[0]
            means = (rows * mask[..., None]).sum(1)
            for text, mean in zip(part, means / np.linalg.norm(means, axis=1, keepdims=True)):
                out[text] = mean
        return out

    timed(f"onnxruntime {onnxruntime.__version__}, {batch} texts a batch", run)


def build_gguf(folder, path, kind):
    import gguf
    import numpy as np

    w, config = weights(folder)
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    vocab = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    control = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    tokens = sorted(vocab, key=vocab.get)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")
    writer.add_token_list([t if t in control else t[2:] if t.startswith("##") else "\u2581" + t for t in tokens])
    writer.add_token_types([3 if token in control else 1 for token in tokens])
    writer.add_token_type_count(2)
    writer.add_bos_token_id(vocab["[CLS]"])
    writer.add_eos_token_id(vocab["[SEP]"])
    writer.add_sep_token_id(vocab["[SEP]"])
    writer.add_unk_token_id(vocab["[UNK]"])
    writer.add_pad_token_id(vocab["[PAD]"])
    types = {"bf16": gguf.GGMLQuantizationType.BF16, "q8_0": gguf.GGMLQuantizationType.Q8_0}

    def put(name, value, is_matrix=False):
        value = np.ascontiguousarray(value.astype(np.float32))
        if is_matrix and kind in types:
            writer.add_tensor(name, gguf.quants.quantize(value, types[kind]), raw_dtype=types[kind])
        else:
            writer.add_tensor(name, value)

    put("token_embd.weight", w["embeddings.word_embeddings.weight"], True)
    put("position_embd.weight", w["embeddings.position_embeddings.weight"])
    put("token_types.weight", w["embeddings.token_type_embeddings.weight"])
    for end in ("weight", "bias"):
        put(f"token_embd_norm.{end}", w[f"embeddings.LayerNorm.{end}"])
        for layer in range(config["num_hidden_layers"]):
            for part, name in PARTS.items():
                is_matrix = end == "weight" and "norm" not in part
                put(f"blk.{layer}.{part}.{end}", w[f"encoder.layer.{layer}.{name}.{end}"], is_matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama(folder, lines, threads, batch, kind):
    import llama_cpp as L
    import numpy as np

    quiet = L.llama_log_callback(lambda *_: None)
    L.llama_log_set(quiet, None)
    L.llama_backend_init()
    with tempfile.TemporaryDirectory() as place:
        path = str(pathlib.Path(place) / "model.gguf")
        build_gguf(folder, path, kind)
        model = L.llama_model_load_from_file(path.encode(), L.llama_model_default_params())
    options = L.llama_context_default_params()
    options.n_ctx = options.n_batch = options.n_ubatch = batch
    options.n_seq_max = most = min(256, batch // 4)
    options.n_threads = options.n_threads_batch = threads
    options.embeddings = True
    context = L.llama_init_from_model(model, options)
    vocab, width = L.llama_model_get_vocab(model), L.llama_model_n_embd(model)
    given, ids = L.llama_batch_init(batch, 0, 1), (L.llama_token * 600)()
    lines = [line.encode() for line in lines]

    def compute(count, texts, out):
        given.n_tokens = count
        if L.llama_decode(context, given) != 0:
            raise RuntimeError("llama_decode")
        for sequence, text in enumerate(texts):
            vector = np.ctypeslib.as_array(L.llama_get_embeddings_seq(context, sequence), shape=(width,))
            out[text] = vector / np.linalg.norm(vector)

    def run():
        out, count, texts = [None] * len(lines), 0, []
        for text, line in enumerate(lines):
            length = L.llama_tokenize(vocab, line, len(line), ids, len(ids), True, False)
            if count + length > batch or len(texts) == most:
                compute(count, texts, out)
                count, texts = 0, []
            for position in range(length):
                given.token[count], given.pos[count] = ids[position], position
                given.n_seq_id[count], given.logits[count] = 1, 1
                given.seq_id[count][0] = len(texts)
                count += 1
            texts.append(text)
        compute(count, texts, out)
        return out

    timed(f"llama-cpp-python {L.__version__} {kind}, {batch} tokens a batch", run)


if sys.argv[1] == "texts":
    print("\n".join(texts()))
else:
    program, folder, file, threads, batch = sys.argv[1:6]
    folder, lines = pathlib.Path(folder), pathlib.Path(file).read_text().splitlines()
    if program == "onnx":
        onnx_runtime(folder, lines, int(threads), int(batch))
    else:
        llama(folder, lines, int(threads), int(batch), sys.argv[6] if len(sys.argv) > 6 else "f32")
