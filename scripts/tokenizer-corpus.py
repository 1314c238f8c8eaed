#!/usr/bin/env python3
"""Writes tests/text/tokenizers.json: small vocabularies of our own, and what the originals make of random texts.

Usage: scripts/tokenizer-corpus.py [--many N OUT] [--real TOKENIZER.JSON]...
       (pip install tokenizers==0.23.3 sentencepiece==0.2.3)

A model is a name, the metadata of its GGUF file and its cases, [text, ids]: without BOS and EOS, special tokens parsed.
WordPiece and BPE of characters are Hugging Face's library's, unigram is SentencePiece's own. `--many` makes N cases a
model and writes them to OUT, which the test reads by WICK_TOKENIZER_CORPUS, and adds a unigram model with the rules of
T5's normalisation (`nmt_nfkc`); `--real` adds a published vocabulary to them: of WordPiece, or Gemma's.
"""
import argparse
import io
import json
import pathlib
import random
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "text" / "tokenizers.json"
MARK = "\u2581"
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

WORDS = """the of and a to in is was he for it with as his on be at by had not are but from or have an they which one you
were all her she there would their we him been has when who will no more if out so up said what its about than into them
can only other time new some could these two may first then do any like my now over such our man me even most made after
also did many off before must well back through years where much your way down should because long each just state people
r\u00e9sum\u00e9 na\u00efve caf\u00e9 \u00fcber stra\u00dfe gar\u00e7on ma\u00f1ana \u00c5ngstr\u00f6m Z\u00fcrich
\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u03b1\u03b2\u03b3 \u4e16\u754c \u4f60\u597d \u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4
don't can't it's 1990 2026 3.14 10,000 user@host.org e.g. U.S.A. C++ function() return x; <b>""".split()
LETTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;:!?'\"-_()[]{}<>|/\\@#$%^&*+=~`\t\n\r"
    "\u00e9\u00fc\u00df\u00c5\u0130\u0131\u0301\u0308\u0323\u093f\u05b0\u0e34\u4e16\u754c\uac00\u1112\u1161\uf900\u2126"
    "\u200b\u200d\u00ad\ufeff\u00a0\u3000\u2003\x00\x06\x0b\x0c\x85\ufffd\ue000\u2581\u2014\u2026\u3002\uff01\u20ac"
    "\U0001f600\U0001f469\U00020000\U0002b820\u00bd\u2460\u0660\uff21\ufb01\u1e9e\u03a3\u01c5\u30ab\uff76")


def text_of(rng):
    """A text of words, letters, runs and whatever has a code point."""
    parts = []
    for _ in range(rng.randrange(1, 9)):
        kind = rng.randrange(10)
        if kind < 4:
            parts.append(rng.choice(WORDS))
        elif kind < 6:
            parts.append("".join(rng.choice(LETTERS) for _ in range(rng.randrange(1, 6))))
        elif kind == 6:
            parts.append(rng.choice("a \nz.\u4e16\u0301\u2581") * rng.choice([1, 2, 3, 5, 31, 33, 101]))
        elif kind == 7:
            parts.append(rng.choice(WORDS).upper())
        elif kind == 8:
            parts.append(rng.choice(["[MASK]", "[UNK]", "[CLS", "</s>", "<unk>", "<tool>", "<0x41>", "##s", "<mask>"]))
        else:
            # Assigned long ago: the originals' tables are older than today's Unicode.
            code = rng.choice([rng.randrange(0x20, 0x250), rng.randrange(0x370, 0x700), rng.randrange(0x1E00, 0x2100),
                               rng.randrange(0x3040, 0x3100), rng.randrange(0x4E00, 0x9FA0), rng.randrange(0xAC00, 0xD7A0)])
            parts.append(chr(code) if unicodedata.ucd_3_2_0.category(chr(code)) != "Cn" else "?")
        parts.append(rng.choice(["", " ", " ", " ", "  ", "\n"]))
    return "".join(parts)


def lines(rng, count):
    return [" ".join(rng.choice(WORDS) for _ in range(12)) for _ in range(count)]


def as_gguf_wordpiece(tokenizer, lowercase, strip_accents):
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    assert [number for _, number in vocabulary] == list(range(len(vocabulary)))

    def written(token):
        if token in special or (token.startswith("[") and token.endswith("]")):
            return token
        return token[2:] if token.startswith("##") else MARK + token

    keys = {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.tokens": [written(token) for token, _ in vocabulary],
        "tokenizer.ggml.token_type": [CONTROL if token in special else NORMAL for token, _ in vocabulary],
        "tokenizer.ggml.cls_token_id": tokenizer.token_to_id("[CLS]"),
        "tokenizer.ggml.seperator_token_id": tokenizer.token_to_id("[SEP]"),
        "tokenizer.ggml.unknown_token_id": tokenizer.token_to_id("[UNK]"),
        "tokenizer.ggml.normalizer.lowercase": lowercase,
    }
    if strip_accents is not None:
        keys["tokenizer.ggml.normalizer.strip_accents"] = strip_accents
    return keys


def wordpiece(rng, lowercase, strip_accents):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=420, special_tokens=special, show_progress=False,
                                        initial_alphabet=["\u0e34", "\u2581", "\u00bd"])
    tokenizer.train_from_iterator(lines(rng, 300), trainer)
    return as_gguf_wordpiece(tokenizer, lowercase, strip_accents), lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def characters(rng):
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", MARK)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\n]+|\n+"), "isolated")
    special = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([line + "\n" * (n % 4) for n, line in enumerate(lines(rng, 300))], trainer)
    # Bytes are no special tokens of text; a user-defined token is.
    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = [token for token in described["added_tokens"] if not token["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(described))
    tokenizer.add_tokens(["<tool>"])
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])

    def kind(token):
        if token == "<tool>":
            return USER_DEFINED
        return BYTE if token.startswith("<0x") else UNKNOWN if token == "<unk>" else CONTROL if token in special else NORMAL

    return as_gguf_characters(tokenizer, vocabulary, kind), lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def as_gguf_characters(tokenizer, vocabulary, kind):
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return {
        "tokenizer.ggml.model": "gemma4",
        "tokenizer.ggml.tokens": [token for token, _ in vocabulary],
        "tokenizer.ggml.token_type": [kind(token) for token, _ in vocabulary],
        "tokenizer.ggml.merges": [" ".join(merge) for merge in merges],
        "tokenizer.ggml.bos_token_id": tokenizer.token_to_id("<bos>"),
        "tokenizer.ggml.eos_token_id": tokenizer.token_to_id("<eos>"),
        "tokenizer.ggml.unknown_token_id": tokenizer.token_to_id("<unk>"),
        "tokenizer.ggml.add_bos_token": False,
    }


def published(path):
    """(name, (keys, encode)) of a tokenizer.json: WordPiece, or Gemma's with Gemma 4's way to cut texts."""
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    if json.loads(tokenizer.to_str())["model"]["type"] == "WordPiece":
        return "bert, published", (as_gguf_wordpiece(tokenizer, True, None), encode)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\n]+|\n+"), "isolated")
    added = {token.content: token for token in tokenizer.get_added_tokens_decoder().values()}
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    assert [number for _, number in vocabulary] == list(range(len(vocabulary)))

    def kind(token):
        if token == "<unk>":
            return UNKNOWN
        if token in added:
            return CONTROL if added[token].special else USER_DEFINED
        return BYTE if token.startswith("<0x") and len(token) == 6 else NORMAL

    return "gemma4, published", (as_gguf_characters(tokenizer, vocabulary, kind), encode)


def unigram(rng, fewer_spaces, prefix, rules_of_t5=False):
    rules = {"\ufb01": "fi", "\uff21": "A", "\t": " ", "\n": " ", "\u3000": " ", "\u00a0": " ", "\u200b": " ", "\u00ad": "",
             "e\u0301": "\u00e9", "\u0130": "i", "\u2026": "...", "\u00bd": "1/2"}
    table = "".join(
        " ".join(f"{ord(c):04X}" for c in key) + "\t" + " ".join(f"{ord(c):04X}" for c in value) + "\n"
        for key, value in rules.items())
    path = pathlib.Path("/tmp/wick-rules.tsv")
    path.write_text(table)
    model = io.BytesIO()
    normalisation = {"normalization_rule_name": "nmt_nfkc"} if rules_of_t5 else {"normalization_rule_tsv": str(path)}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines(rng, 300)), model_writer=model, vocab_size=330, model_type="unigram",
        **normalisation, add_dummy_prefix=prefix, remove_extra_whitespaces=fewer_spaces,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2, hard_vocab_limit=False)
    path.unlink()
    loaded = proto.ModelProto.FromString(model.getvalue())
    keys = {
        "tokenizer.ggml.model": "t5",
        "tokenizer.ggml.tokens": [piece.piece for piece in loaded.pieces],
        "tokenizer.ggml.scores": [piece.score for piece in loaded.pieces],
        "tokenizer.ggml.token_type": [piece.type for piece in loaded.pieces],
        "tokenizer.ggml.precompiled_charsmap": list(loaded.normalizer_spec.precompiled_charsmap),
        "tokenizer.ggml.add_space_prefix": prefix,
        "tokenizer.ggml.remove_extra_whitespaces": fewer_spaces,
    }
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return keys, processor.encode


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--many", nargs=2, metavar=("N", "OUT"))
    arguments.add_argument("--real", metavar="TOKENIZER.JSON", action="append", default=[])
    chosen = arguments.parse_args()
    count, out = (int(chosen.many[0]), pathlib.Path(chosen.many[1])) if chosen.many else (130, OUT)
    rng = random.Random(2026)
    built = {
        "bert": wordpiece(rng, True, None),
        "bert, cased": wordpiece(rng, False, False),
        "gemma4": characters(rng),
        "t5": unigram(rng, True, True),
        "t5, spaces kept": unigram(rng, False, False),
    }
    if chosen.many:
        built["t5, its own rules"] = unigram(rng, True, True, rules_of_t5=True)
    built.update(published(path) for path in chosen.real)
    models_ = []
    for name, (keys, encode) in built.items():
        texts = [text_of(rng) for _ in range(count)]
        models_.append({"name": name, "keys": keys, "cases": [[text, encode(text)] for text in texts]})
    with out.open("w") as file:
        file.write("[\n" + ",\n".join(json.dumps(model, separators=(",", ":")) for model in models_) + "\n]\n")
    print(f"{out}: {len(models_)} vocabularies, {count} texts each, {out.stat().st_size} bytes")


main()
