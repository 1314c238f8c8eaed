"""Sessions: requests as the header has them, saves, forks, tools, grammars; and models."""
import json

import pytest
import wick
from wick import Channel, End, Kind
from wick import _raw
from wick._request import request

SCHEMA = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"], "additionalProperties": False}
DICE = {"type": "function", "function": {"name": "roll_dice", "description": "Rolls dice.", "parameters": SCHEMA}}


def test_the_layout_is_the_librarys():
    import ctypes

    for kind, (size, offsets) in _raw.LAYOUT.items():
        assert ctypes.sizeof(kind) == size, kind
        assert {name: getattr(kind, name).offset for name in offsets} == offsets, kind


def test_every_option_of_the_header_can_be_given():
    given = {name: 1 for name, *_ in _raw.wick_sampling._fields_ if name != "reserved"}
    plain = dict(max_tokens=5, priority=-2, buffer_events=7, top_logprobs=3, max_tokens_per_second=9, template_time=11)
    flags = dict(logprobs=True, echo_special=True, ignore_eos=True, prefill_only=True, parse_special=True)
    rest = dict(stop=["a", "b"], logit_bias={3: -1.5}, regex="[a-z]+", grammar_scope="answer", tools=[DICE],
                tool_choice="roll_dice", template={"a": 1}, reasoning_budget=0, cut="sentence", answer_prefix="Well",
                deadline=1.5)
    made, _texts = request([{"role": "user", "content": "x", "name": "me"}], {**given, **plain, **flags, **rest})
    assert all(getattr(made.sampling, name) == 1 for name in given)
    assert all(getattr(made, name) == value for name, value in {**plain, **flags}.items())
    assert (made.stop_count, made.logit_bias_count, made.logit_bias[0].token) == (2, 1, 3)
    assert made.deadline_ns == 1_500_000_000 and made.reasoning_budget == _raw.WICK_NO_REASONING
    assert (made.grammar_kind, made.grammar_scope) == (_raw.WICK_GRAMMAR_REGEX, _raw.WICK_SCOPE_ANSWER)
    assert (made.tool_choice, made.tool_name.len) == (_raw.WICK_TOOLS_NAMED, len("roll_dice"))
    assert (made.cut, made.answer_prefix.len, made.message_count) == (_raw.WICK_CUT_SENTENCE, 4, 1)
    used = {"struct_size", "prompt", "messages", "message_count", "prompt_tokens", "prompt_token_count", "tools_json",
            "template_json", "sampling", "stop", "stop_count", "logit_bias", "logit_bias_count", "grammar_kind", "grammar",
            "deadline_ns", "cut", "answer_prefix", "grammar_scope", "tool_choice", "tool_name", "reasoning_budget",
            # Not for Python: how events are read, and room.
            "queue", "on_event", "user", "drop", "reserved", "reserved0", *plain, *flags}
    assert {name for name, *_ in _raw.wick_generate_options._fields_} == used


def test_what_is_no_option_is_refused(fake):
    session = fake(reply="x").session()
    with pytest.raises(TypeError, match="temprature"):
        session.generate("x", temprature=1)
    with pytest.raises(TypeError, match="role"):
        session.generate([{"content": "x"}])
    with pytest.raises(ValueError, match="at most one"):
        session.generate("x", json=True, regex="a")
    with pytest.raises(wick.Error, match="INVALID_ARGUMENT.*top_p"):
        session.generate("x", top_p=2)


def test_one_seed_one_text(fake):
    model = fake(random=5)
    texts = [model.session().generate("x", temperature=1, seed=seed, max_tokens=20).text() for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_likelihoods_and_biases(fake):
    events = [e for e in fake(reply="abc").session().generate("x", top_logprobs=2) if e.kind == Kind.TEXT]
    assert all(e.logprob <= 0 and len(e.alternatives) == 2 for e in events)
    assert all(e.logprob is None for e in fake(reply="abc").session().generate("x"))


def test_stop_strings(fake):
    end = fake(reply="one two three").session().generate("x", stop=" two").wait()
    assert (end.end, end.text) == (End.STOP_STRING, " two")


def test_a_session_is_saved_forked_rewound_and_kept(fake, tmp_path):
    model = fake(reply="Hello, there")
    session = model.session(system="Brief.")
    first = session.ask("one")
    first.text()
    session.save(tmp_path / "game.wick", with_kv=True)
    fork = session.fork()
    session.ask("two").text()
    assert len(session.messages) == 5 and len(fork.messages) == 3
    session.rewind(first.stats.session_tokens)
    session.keep("Hello")
    assert session.ask("three").text() == "Hello, there"
    assert [one["content"] for one in session.messages] == ["Brief.", "one", "Hello", "three", "Hello, there"]
    again = model.restore(tmp_path / "game.wick")
    assert again.messages == fork.messages and again.ask("two").text() == "Hello, there"
    again.set_system("Long.")
    again.clear()
    assert [one["content"] for one in again.messages] in (["Long."], ["Brief."])
    with pytest.raises(wick.Error, match="UNSUPPORTED"):  # The fake model shares no keys and values.
        model.warm(tmp_path / "game.wick").wait()
    with pytest.raises(wick.Error) as caught:
        model.restore(tmp_path / "none.wick")
    assert caught.value.name == "IO"


def test_a_tool_is_called_and_answered(fake):
    markup = '<tool_call>\n{"name": "roll_dice", "arguments": {"count": 2}}\n</tool_call>'
    session = fake(reply=markup, context_length=8192).session(tools=[DICE])
    answer = session.ask("Roll two dice")
    events = list(answer)
    (call,) = answer.tool_calls
    assert (call.name, call.arguments) == ("roll_dice", {"count": 2})
    assert any(event.channel == Channel.TOOL for event in events if event.kind == Kind.TEXT)
    session.generate([wick.tool_result(call, {"dice": [3, 4]})], tool_choice="none", max_tokens=3).wait()
    result = next(message for message in session.messages if message["role"] == "tool")
    assert result["tool_call_id"] == call.id and json.loads(result["content"]) == {"dice": [3, 4]}


def test_a_grammar_binds_the_answer(fake):
    said = fake(random=3).session().generate("x", json_schema=SCHEMA, max_tokens=200, temperature=1, seed=1)
    if said.wait().end == End.STOP:
        assert isinstance(json.loads(said.answer)["count"], int)
    else:
        assert said.answer.lstrip().startswith("{")
    assert fake(random=4).session().generate("x", regex="[ab]{3}").text() in {
        a + b + c for a in "ab" for b in "ab" for c in "ab"
    }
    with pytest.raises(wick.Error) as caught:
        fake(reply="x").session().generate("x", regex="(").wait()
    assert caught.value.name == "GRAMMAR"


def test_vectors(fake):
    import asyncio

    model = fake(reply="x", vector_length=8)
    one, two = model.embed("a"), model.embed(["a", "b"])
    assert len(one) == 8 and two[0] == one and abs(sum(value * value for value in one) - 1) < 1e-4
    assert asyncio.run(_vectors(model)) == two


async def _vectors(model):
    return await model.embedding(["a", "b"])


def test_a_model_says_what_it_is(fake):
    model = fake(reply="x").wait()
    messages = [{"role": "user", "content": "Hi"}]
    assert model.info()["backend"] == "fake" and "Hi" in model.render(messages)
    assert model.count_messages(messages) > 1 and wick.version() == _raw.VERSION
    assert "testing" in wick.build_info()["features"] and wick.default_runtime().info()["state"] == "running"


def test_a_file_that_is_no_model(tmp_path):
    with pytest.raises(wick.Error) as caught:
        wick.Model(tmp_path / "none.gguf")
    assert caught.value.name == "IO" and "none.gguf" in caught.value.message
    (tmp_path / "bad.gguf").write_bytes(b"GGUF\3\0\0\0" + b"\xff" * 60)
    with pytest.raises(wick.Error) as caught:
        wick.Model(tmp_path / "bad.gguf")
    assert caught.value.name == "MODEL_INVALID"


def test_a_load_that_fails_says_so(fake):
    model = fake(load_error="no such weights")
    with pytest.raises(wick.Error, match="no such weights"):
        model.wait()


def test_a_real_model(real, tmp_path):
    session = real.session(system="You are brief.")
    text = session.ask("What is the capital of France?", max_tokens=24).text()
    assert text and session.messages[-1]["content"] == text
    session.save(tmp_path / "real.wick", with_kv=True)
    assert real.warm(tmp_path / "real.wick").wait().end == End.READY
    assert real.restore(tmp_path / "real.wick").messages == session.messages
    said = real.session().ask("Give me a count.", json_schema=SCHEMA, max_tokens=40).text()
    assert isinstance(json.loads(said)["count"], int)
