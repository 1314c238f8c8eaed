# What people do with wick, each in one word. The work is in scripts/ and tests/; cargo decides what has to be built.

SMALL  := $(or $(WICK_MODELS),models)/SmolLM2-135M-Instruct.Q4_1.gguf
MODEL  ?= $(SMALL)
PROMPT ?= Hello, who are you?
TARGET := $(or $(CARGO_TARGET_DIR),target)
PREFIX ?= /usr/local
CC     ?= cc
# For the shell to quote.
export MODEL PROMPT

.PHONY: help run test soak bench install fmt lint

help:
	@echo "make run [PROMPT='...'] [MODEL=file.gguf]  build the library, fetch a small model, stream an answer through examples/c/chat.c"
	@echo "make test                                  everything that must hold; 20 minutes on 2 cores from nothing"
	@echo "make soak [SOAK_SECONDS=7200]              the long runs: more schedules, more fuzzing, more cycles"
	@echo "make bench                                 the criterion benchmarks"
	@echo "make install [PREFIX=/usr/local] [DESTDIR=]  headers, libraries, pkg-config and CMake files"
	@echo "make fmt, make lint                        format; check the format and clippy"

run: $(filter $(SMALL),$(MODEL))
	cargo build --locked --release --features cli
	@mkdir -p build
	$(CC) -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/chat.c "$(TARGET)/release/libwick.a" -lpthread -lm -ldl -o build/chat
	build/chat "$$MODEL" "$$PROMPT"

$(SMALL):
	scripts/fetch-models.sh

test:
	scripts/test.sh

soak:
	scripts/soak.sh

bench:
	cargo bench --locked --features cli,testing,bench

install:
	PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install.sh

fmt:
	cargo fmt

lint:
	scripts/test.sh format clippy
