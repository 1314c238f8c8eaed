# What people do with wick, each in one word. The work is in scripts/ and tests/; cargo decides what has to be
# built.

SMALL  := $(or $(WICK_MODELS),models)/SmolLM2-135M-Instruct.Q4_1.gguf
MODEL  ?= $(SMALL)
PROMPT ?= Hello, who are you?
TARGET := $(or $(CARGO_TARGET_DIR),target)
PREFIX ?= /usr/local
WITH_COMMAND ?= 1
CC     ?= cc
# For the shell to quote.
export MODEL PROMPT

.PHONY: help run serve test hosts soak bench install fmt lint

help:
	@echo "make run [PROMPT='...'] [MODEL=file.gguf]  build the library, fetch a small model, stream an answer through examples/c/chat.c"
	@echo "make test                                  everything that must hold; about half an hour on 2 cores from nothing"
	@echo "make serve                                 the server wick-serve, beside the wick command (docs/serve.md)"
	@echo "make hosts                                 what stands on the library in packages of its own, by its real users"
	@echo "make soak [SOAK_SECONDS=7200]              the long runs: more schedules, more fuzzing, more cycles"
	@echo "make bench                                 the criterion benchmarks"
	@echo "make install [PREFIX=/usr/local] [DESTDIR=]  headers, libraries, pkg-config and CMake files, the wick command"
	@echo "             WITH_COMMAND=0                  ... without the command, which takes longer to build than the library"
	@echo "make fmt, make lint                        format; check the format and clippy"

# The library as an embedder gets it, and nothing beside it.
run: $(filter $(SMALL),$(MODEL))
	cargo rustc --locked --release --lib --crate-type staticlib
	@mkdir -p build
	$(CC) -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/chat.c "$(TARGET)/release/libwick.a" -lpthread -lm -ldl -o build/chat
	build/chat "$$MODEL" "$$PROMPT"

$(SMALL):
	scripts/fetch-models.sh

# A package of its own, with its own lock file; its program goes to where wick's is.
serve:
	cargo build --locked --release --manifest-path serve/Cargo.toml --target-dir "$(TARGET)"
	@echo "built $(TARGET)/release/wick-serve; docs/serve.md says how to ask it"

test:
	scripts/test.sh

hosts:
	scripts/hosts.sh

soak:
	scripts/soak.sh

bench:
	cargo bench --locked --features cli,testing,bench

install:
	PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" WITH_COMMAND="$(WITH_COMMAND)" scripts/install.sh

fmt:
	cargo fmt
	scripts/prose.py --wrap

lint:
	scripts/test.sh format clippy
