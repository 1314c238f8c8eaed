//! Text to tokens and back: tokenizer, streaming detokenizer, chat template.
