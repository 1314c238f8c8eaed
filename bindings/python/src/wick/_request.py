"""What is asked of a session, as the C struct has it."""
import ctypes
import json
from typing import Any, Iterable, List, Mapping, Optional, Tuple, Union

from . import _raw
from ._events import ToolCall
from ._library import Texts, nanoseconds, sized

Message = Mapping[str, Any]
Messages = Iterable[Message]
#: A text (as it is), messages (through the chat template), ids; None: the session goes on.
Input = Union[None, str, Messages, Iterable[int]]

_SAMPLING = {name for name, *_ in _raw.wick_sampling._fields_} - {"reserved"}
_CUTS = {"token": _raw.WICK_CUT_TOKEN, "word": _raw.WICK_CUT_WORD, "line": _raw.WICK_CUT_LINE, "sentence": _raw.WICK_CUT_SENTENCE}
_SCOPES = {"all": _raw.WICK_SCOPE_ALL, "answer": _raw.WICK_SCOPE_ANSWER}
_CHOICES = {"auto": _raw.WICK_TOOLS_AUTO, "none": _raw.WICK_TOOLS_NONE, "required": _raw.WICK_TOOLS_REQUIRED}
_GRAMMARS = {
    "json_schema": _raw.WICK_GRAMMAR_JSON_SCHEMA,
    "regex": _raw.WICK_GRAMMAR_REGEX,
    "lark": _raw.WICK_GRAMMAR_LARK,
    "gbnf": _raw.WICK_GRAMMAR_GBNF,
}
_PLAIN = {"max_tokens", "priority", "buffer_events", "top_logprobs", "max_tokens_per_second", "template_time"}
_FLAGS = {"logprobs", "echo_special", "ignore_eos", "prefill_only", "parse_special"}


def json_text(value: Any) -> Optional[str]:
    """JSON of a value; a text is JSON already; None: absent."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def raw_messages(texts: Texts, messages: Messages) -> Tuple[Any, int]:
    """The C structs of messages, and how many they are."""
    made = []
    for message in messages:
        if not isinstance(message, Mapping) or "role" not in message:
            raise TypeError(f'a message is a dict with a "role", not {message!r}')
        rest = {key: value for key, value in message.items() if key not in ("role", "content")}
        content, extra = texts.str(message.get("content")), texts.str(json.dumps(rest) if rest else None)
        made.append(_raw.wick_message(texts.str(message["role"]), content, extra))
    return texts.array(_raw.wick_message, made), len(made)


def tool_result(call: ToolCall, content: Any) -> Message:
    """The message that answers a call: a text, or a value that becomes JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    return {"role": "tool", "content": text, "tool_call_id": call.id, "name": call.name}


def _input(options: Any, texts: Texts, given: Input) -> None:
    if given is None:
        return
    if isinstance(given, str):
        options.prompt = texts.str(given)
        return
    items: List[Any] = list(given)
    if items and isinstance(items[0], int):
        options.prompt_tokens = texts.array(ctypes.c_uint32, items)
        options.prompt_token_count = len(items)
    elif items:
        options.messages, options.message_count = raw_messages(texts, items)


def _grammar(options: Any, texts: Texts, asked: dict) -> None:
    kinds = [name for name in (*_GRAMMARS, "json") if asked.get(name)]
    if len(kinds) > 1:
        raise ValueError(f"at most one of json, {', '.join(_GRAMMARS)}, not {' and '.join(kinds)}")
    for name in (*_GRAMMARS, "json"):
        grammar = asked.pop(name, None)
        if grammar and name == "json":
            options.grammar_kind = _raw.WICK_GRAMMAR_JSON
        elif grammar:
            options.grammar_kind, options.grammar = _GRAMMARS[name], texts.str(json_text(grammar))
    options.grammar_scope = _SCOPES[asked.pop("grammar_scope", "all")]


def _tools(options: Any, texts: Texts, asked: dict) -> None:
    options.tools_json = texts.str(json_text(asked.pop("tools", None)))
    options.template_json = texts.str(json_text(asked.pop("template", None)))
    choice = asked.pop("tool_choice", "auto")
    if isinstance(choice, Mapping):
        choice = choice["function"]["name"]
    if choice in _CHOICES:
        options.tool_choice = _CHOICES[choice]
    else:
        options.tool_choice, options.tool_name = _raw.WICK_TOOLS_NAMED, texts.str(choice)


def request(given: Input, asked: dict) -> Tuple[Any, Texts]:
    """The C struct of a request, and what it points to.

    Raises TypeError for an option that there is none of, and for values of other types.
    """
    asked, texts, options = dict(asked), Texts(), sized(_raw.wick_generate_options)
    _input(options, texts, given)
    _grammar(options, texts, asked)
    _tools(options, texts, asked)
    options.deadline_ns = nanoseconds(asked.pop("deadline", 0))
    options.cut = _CUTS[asked.pop("cut", "token")]
    options.answer_prefix = texts.str(asked.pop("answer_prefix", None))
    budget = asked.pop("reasoning_budget", None)
    # Here None is "no limit", and 0 is none of it.
    options.reasoning_budget = 0 if budget is None else budget or _raw.WICK_NO_REASONING
    stop = asked.pop("stop", None) or []
    stops = [texts.str(text) for text in ([stop] if isinstance(stop, str) else stop)]
    options.stop, options.stop_count = texts.array(_raw.wick_str, stops), len(stops)
    biases = [_raw.wick_logit_bias(token, bias) for token, bias in dict(asked.pop("logit_bias", None) or {}).items()]
    options.logit_bias, options.logit_bias_count = texts.array(_raw.wick_logit_bias, biases), len(biases)
    for name, value in asked.items():
        if name in _SAMPLING:
            setattr(options.sampling, name, value)
        elif name in _PLAIN:
            setattr(options, name, value)
        elif name in _FLAGS:
            setattr(options, name, bool(value))
        else:
            raise TypeError(f"there is no option {name!r}")
    return options, texts
