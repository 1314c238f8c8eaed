/* A small llama of random weights, and adapters for it, as GGUF files in memory: what needs them needs no
 * file. C99 and C++11. */
#ifndef SMALL_MODEL_H
#define SMALL_MODEL_H
#include "check.h"

enum { SMALL_LAYERS = 2, SMALL_WIDTH = 32, SMALL_KV = 16, SMALL_FEED = 48, SMALL_VOCAB = 60 };

typedef struct bytes {
  unsigned char *at;
  size_t len, room;
} bytes;

/* A file that is being written: its keys, what it says of its tensors, their data. */
typedef struct small_file {
  bytes keys, infos, data;
  uint32_t key_count, tensor_count;
} small_file;

static inline void put(bytes *to, const void *from, size_t len) {
  if (to->len + len > to->room) {
    to->room = 2 * (to->len + len);
    to->at = (unsigned char *)realloc(to->at, to->room);
    CHECK(to->at != NULL);
  }
  if (len > 0) memcpy(to->at + to->len, from, len);
  to->len += len;
}

/* The lowest `width` bytes of a number, the lowest first. */
static inline void put_number(bytes *to, uint64_t number, int width) {
  unsigned char byte;
  for (; width > 0; width--, number >>= 8) {
    byte = (unsigned char)number;
    put(to, &byte, 1);
  }
}

static inline void put_float(bytes *to, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_number(to, bits, 4);
}

static inline void put_text(bytes *to, const char *text) {
  put_number(to, strlen(text), 8);
  put(to, text, strlen(text));
}

/* A key and its value's type; the value has to follow in `keys`. */
static inline bytes *put_key(small_file *file, const char *key, uint32_t type) {
  file->key_count++;
  put_text(&file->keys, key);
  put_number(&file->keys, type, 4);
  return &file->keys;
}

static inline void put_key_text(small_file *file, const char *key, const char *text) { put_text(put_key(file, key, 8), text); }
static inline void put_key_number(small_file *file, const char *key, uint32_t number) { put_number(put_key(file, key, 4), number, 4); }
static inline void put_key_float(small_file *file, const char *key, float value) { put_float(put_key(file, key, 6), value); }

/* An array's elements have to follow. */
static inline bytes *put_key_array(small_file *file, const char *key, uint32_t type, uint64_t count) {
  bytes *to = put_key(file, key, 9);
  put_number(to, type, 4);
  put_number(to, count, 8);
  return to;
}

/* A tensor of F32, around `middle`, at most `reach` from it: the values follow from its name and `seed`. */
static inline void put_tensor(small_file *file, const char *name, uint64_t cols, uint64_t rows, float middle, float reach, uint32_t seed) {
  uint32_t state = seed * 2654435761u + 1;
  uint64_t count = cols * (rows > 0 ? rows : 1);
  const char *letter;
  for (letter = name; *letter; letter++) state = (state ^ (unsigned char)*letter) * 16777619u;
  put_text(&file->infos, name);
  put_number(&file->infos, rows > 0 ? 2 : 1, 4);
  put_number(&file->infos, cols, 8);
  if (rows > 0) put_number(&file->infos, rows, 8);
  put_number(&file->infos, 0, 4);
  put_number(&file->infos, file->data.len, 8);
  file->tensor_count++;
  for (; count > 0; count--) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    put_float(&file->data, middle + reach * ((float)(state >> 8) / 8388608.0f - 1.0f));
  }
  while (file->data.len % 32 > 0) put_number(&file->data, 0, 1);
}

/* The whole file; `file` is given up. */
static inline bytes finish_file(small_file *file) {
  bytes whole;
  memset(&whole, 0, sizeof whole);
  put(&whole, "GGUF", 4);
  put_number(&whole, 3, 4);
  put_number(&whole, file->tensor_count, 8);
  put_number(&whole, file->key_count, 8);
  put(&whole, file->keys.at, file->keys.len);
  put(&whole, file->infos.at, file->infos.len);
  while (whole.len % 32 > 0) put_number(&whole, 0, 1);
  put(&whole, file->data.at, file->data.len);
  free(file->keys.at);
  free(file->infos.at);
  free(file->data.at);
  return whole;
}

/* A model's matrix of a layer. */
typedef struct small_matrix {
  const char *part;
  uint64_t cols, rows;
} small_matrix;

static const small_matrix small_matrices[] = {
  { "attn_q", SMALL_WIDTH, SMALL_WIDTH },      { "attn_k", SMALL_WIDTH, SMALL_KV },     { "attn_v", SMALL_WIDTH, SMALL_KV },
  { "attn_output", SMALL_WIDTH, SMALL_WIDTH }, { "ffn_gate", SMALL_WIDTH, SMALL_FEED }, { "ffn_up", SMALL_WIDTH, SMALL_FEED },
  { "ffn_down", SMALL_FEED, SMALL_WIDTH },
};
enum { SMALL_MATRICES = 7 };

static inline bytes small_model(void) {
  small_file file;
  bytes *to;
  char name[64];
  size_t part;
  int layer, id;
  memset(&file, 0, sizeof file);
  put_key_text(&file, "general.architecture", "llama");
  put_key_number(&file, "llama.context_length", 512);
  put_key_number(&file, "llama.embedding_length", SMALL_WIDTH);
  put_key_number(&file, "llama.block_count", SMALL_LAYERS);
  put_key_number(&file, "llama.feed_forward_length", SMALL_FEED);
  put_key_number(&file, "llama.attention.head_count", 2);
  put_key_number(&file, "llama.attention.head_count_kv", 1);
  put_key_float(&file, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
  put_key_text(&file, "tokenizer.ggml.model", "llama");
  to = put_key_array(&file, "tokenizer.ggml.tokens", 8, SMALL_VOCAB);
  for (id = 0; id < SMALL_VOCAB; id++) {
    static const char *const first[] = { "<unk>", "<s>", "</s>", "\xe2\x96\x81" };
    if (id < 4) snprintf(name, sizeof name, "%s", first[id]);
    else if (id < 30) snprintf(name, sizeof name, "%c", 'a' + id - 4);
    else snprintf(name, sizeof name, "w%d", id);
    put_text(to, name);
  }
  to = put_key_array(&file, "tokenizer.ggml.scores", 6, SMALL_VOCAB);
  for (id = 0; id < SMALL_VOCAB; id++) put_float(to, (float)-id);
  to = put_key_array(&file, "tokenizer.ggml.token_type", 5, SMALL_VOCAB);
  for (id = 0; id < SMALL_VOCAB; id++) put_number(to, id < 3 ? 3 : 1, 4);
  put_tensor(&file, "token_embd.weight", SMALL_WIDTH, SMALL_VOCAB, 0, 1, 1);
  put_tensor(&file, "output_norm.weight", SMALL_WIDTH, 0, 1, 0.1f, 1);
  put_tensor(&file, "output.weight", SMALL_WIDTH, SMALL_VOCAB, 0, 0.5f, 1);
  for (layer = 0; layer < SMALL_LAYERS; layer++) {
    for (part = 0; part < SMALL_MATRICES; part++) {
      snprintf(name, sizeof name, "blk.%d.%s.weight", layer, small_matrices[part].part);
      put_tensor(&file, name, small_matrices[part].cols, small_matrices[part].rows, 0, 0.4f, 1);
    }
    snprintf(name, sizeof name, "blk.%d.attn_norm.weight", layer);
    put_tensor(&file, name, SMALL_WIDTH, 0, 1, 0.1f, 1);
    snprintf(name, sizeof name, "blk.%d.ffn_norm.weight", layer);
    put_tensor(&file, name, SMALL_WIDTH, 0, 1, 0.1f, 1);
  }
  return finish_file(&file);
}

/* An adapter for all matrices of the layers of a model of this architecture, which are as many columns
 * wider. */
static inline bytes small_adapter(const char *architecture, uint64_t rank, uint64_t wider, uint32_t seed) {
  small_file file;
  char name[64];
  size_t part;
  int layer;
  memset(&file, 0, sizeof file);
  put_key_text(&file, "general.type", "adapter");
  put_key_text(&file, "general.architecture", architecture);
  put_key_text(&file, "adapter.type", "lora");
  put_key_float(&file, "adapter.lora.alpha", 16.0f);
  for (layer = 0; layer < SMALL_LAYERS; layer++) {
    for (part = 0; part < SMALL_MATRICES; part++) {
      snprintf(name, sizeof name, "blk.%d.%s.weight.lora_a", layer, small_matrices[part].part);
      put_tensor(&file, name, small_matrices[part].cols + wider, rank, 0, 0.2f, seed);
      snprintf(name, sizeof name, "blk.%d.%s.weight.lora_b", layer, small_matrices[part].part);
      put_tensor(&file, name, rank, small_matrices[part].rows, 0, 0.2f, seed);
    }
  }
  return finish_file(&file);
}
#endif
