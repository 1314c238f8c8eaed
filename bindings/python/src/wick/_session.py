"""Sessions: conversations that a model has computed."""
import ctypes
import json
import os
import weakref
from typing import Any, Dict, List, Optional, Union

from . import _raw
from ._library import Texts, call, check, info, library, sized, sized_items, sized_text
from ._request import Input, Message, request
from ._stream import Generation, Stream


class Session:
    """A conversation. What was computed of it stays: the next turn brings its own messages only."""

    def __init__(self, handle: Any, model: Any) -> None:
        self._handle, self._model = handle, model
        #: The stream of a restore.
        self.restoring: Optional[Stream] = None
        self._finalizer = weakref.finalize(self, library.wick_session_close, handle)
        self._finalizer.atexit = False

    def generate(self, input: Input = None, **options: Any) -> Generation:
        """Starts an answer, and returns at once.

        `input`: a text is appended as it is; a list of messages (dicts with `role`, `content`, and what else
        the template knows) goes through the chat template; a list of ids is appended; None: the session goes
        on where it is.

        Options, all of which may be left out:

        - `max_tokens`, `deadline` (seconds), `stop` (a text or several), `priority`, `buffer_events`,
          `max_tokens_per_second`, `cut` ("token", "word", "line", "sentence": what a TEXT is);
        - sampling, by the names of the header's wick_sampling: `temperature`, `top_p`, `top_k`, `min_p`,
          `seed`, `repeat_penalty`, ...; `logit_bias` ({id: bias}); `logprobs`, `top_logprobs`;
        - a grammar: `json=True`, `json_schema` (a dict or a text), `regex`, `lark`, `gbnf`, with
          `grammar_scope` ("all", "answer");
        - `tools` (as OpenAI's API has them), `tool_choice` ("auto", "none", "required", or a tool's name),
          `template` (more variables for the template), `template_time`;
        - `reasoning_budget` (tokens of thinking at most; 0: none), `answer_prefix`;
        - `echo_special`, `ignore_eos`, `prefill_only`, `parse_special`.

        Raises `Error` for what the header calls an error at once, and TypeError for an option that there is
        none of; what needs the model comes as the stream's end.
        """
        made, texts = request(input, options)
        stream = _raw.wick_stream()
        call("wick_generate", self._handle, ctypes.byref(made), ctypes.byref(stream))
        del texts
        return Generation(stream, self)

    def ask(self, text: str, **options: Any) -> Generation:
        """Starts an answer to what the user says: `generate` with one message."""
        return self.generate([{"role": "user", "content": text}], **options)

    def fork(self) -> "Session":
        """A second session that begins as this one is, in microseconds."""
        out = _raw.wick_session()
        call("wick_session_fork", self._handle, ctypes.byref(out))
        return Session(out, self._model)

    def clear(self) -> None:
        """Empties it, but for what it was made with."""
        check(library.wick_session_clear(self._handle))

    def rewind(self, token_count: int) -> None:
        """Goes back to where it had so many tokens: `session_tokens` of an END's figures."""
        check(library.wick_session_rewind(self._handle, token_count))

    def keep(self, text: Union[str, int]) -> None:
        """Of the last answer only this beginning (a text, or so many bytes of UTF-8) was shown."""
        check(library.wick_session_keep(self._handle, text if isinstance(text, int) else len(text.encode("utf-8"))))

    def saving(self, path: Union[str, "os.PathLike[str]"], *, with_kv: bool = False) -> Stream:
        """Starts to save it as it is now; `wait()` for the stream, or `await` it."""
        texts, options, stream = Texts(), sized(_raw.wick_store_options), _raw.wick_stream()
        options.path, options.with_kv = texts.str(os.fspath(path)), bool(with_kv)
        call("wick_session_save", self._handle, ctypes.byref(options), ctypes.byref(stream))
        return Stream(stream, self)

    def save(self, path: Union[str, "os.PathLike[str]"], *, with_kv: bool = False) -> None:
        """Saves it, and waits until it is on the disk; `Model.restore` reads it."""
        with self.saving(path, with_kv=with_kv) as stream:
            stream.wait()

    @property
    def messages(self) -> List[Message]:
        """The conversation, its system message first."""
        return json.loads(sized_text(lambda *place: library.wick_session_messages(self._handle, *place)))

    @property
    def tokens(self) -> List[int]:
        """The ids that it holds."""
        return sized_items(ctypes.c_uint32, lambda *place: library.wick_session_tokens(self._handle, *place))

    def info(self) -> Dict[str, Any]:
        """What is known of it: wick_session_info of the header."""
        return info("wick_session_info", self._handle)

    def set_system(self, text: Optional[str]) -> None:
        """Another system message from the next turn on; None: none."""
        texts = Texts()
        call("wick_session_set_system", self._handle, texts.str(text))

    def set_adapter(self, adapter: Any, scale: float = 0.0) -> None:
        """Another adapter from the next turn on; None: none."""
        handle = _raw.wick_adapter() if adapter is None else adapter._handle
        call("wick_session_set_adapter", self._handle, handle, scale)

    def close(self) -> None:
        """Lets go of it; a running answer is cancelled."""
        if self.restoring is not None:
            self.restoring.close()
        self._finalizer()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
