"""The server by the openai package: what its users do with it."""
import asyncio
import json
import os

import openai

ADDRESS = os.environ["WICK_ADDRESS"] + "/v1"
ASK = {"model": "small", "messages": [{"role": "user", "content": "Hi"}]}
client = openai.OpenAI(base_url=ADDRESS, api_key="a-token", max_retries=0)

assert [model.id for model in client.models.list()] == ["small"]
assert client.models.retrieve("small").owned_by == "wick"

answer = client.chat.completions.create(**ASK, seed=7, logprobs=True, top_logprobs=2)
assert answer.choices[0].message.content == "Hello, world", answer
assert answer.choices[0].finish_reason == "stop"
assert len(answer.choices[0].logprobs.content) == answer.usage.completion_tokens == 3
assert answer.usage.total_tokens == answer.usage.prompt_tokens + 3

with client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}) as stream:
    chunks = list(stream)
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
assert text == "Hello, world", text
assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
assert chunks[-1].usage.completion_tokens == 3

# The helper that puts a stream together, strictly.
with client.chat.completions.stream(**ASK) as stream:
    final = stream.get_final_completion()
assert final.choices[0].message.content == "Hello, world"

answer = client.completions.create(model="small", prompt="Hi", logprobs=1)
assert answer.choices[0].text == "Hello, world" and answer.choices[0].logprobs.text_offset == [0, 4, 8]

# Vectors, which this client asks for as base64.
vectors = client.embeddings.create(model="small", input=["one", "two"]).data
assert [vector.index for vector in vectors] == [0, 1]
assert all(abs(sum(value * value for value in vector.embedding) - 1) < 1e-3 for vector in vectors)

# A form that the answer has to have; the model, left to itself, says "Hello, world".
form = {"type": "json_schema", "json_schema": {"name": "mood", "strict": True, "schema": {
    "type": "object", "properties": {"mood": {"enum": ["calm"]}}, "required": ["mood"], "additionalProperties": False}}}
answer = client.chat.completions.create(**ASK, response_format=form)
assert json.loads(answer.choices[0].message.content) == {"mood": "calm"}, answer

# Sending an answer back as it came.
message = client.chat.completions.create(**ASK).choices[0].message
talk = ASK["messages"] + [message, {"role": "user", "content": "And?"}]
assert client.chat.completions.create(model="small", messages=talk).choices[0].message.content == "Hello, world"

# What goes wrong is the exception that it should be.
for kind, change in [
    (openai.NotFoundError, {"model": "large"}),
    (openai.BadRequestError, {"n": 2}),
    (openai.BadRequestError, {"messages": []}),
]:
    try:
        client.chat.completions.create(**{**ASK, **change})
    except kind as error:
        assert error.message and error.type == "invalid_request_error", error
    else:
        raise AssertionError(f"{change} was taken")
try:
    openai.OpenAI(base_url=ADDRESS, api_key="another", max_retries=0).models.list()
except openai.AuthenticationError:
    pass
else:
    raise AssertionError("another token was taken")


async def many():
    """Fifty at once, and one that is left in the middle."""
    async with openai.AsyncOpenAI(base_url=ADDRESS, api_key="a-token", max_retries=0) as client:
        async def one():
            stream = await client.chat.completions.create(**ASK, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        assert await asyncio.gather(*[one() for _ in range(50)]) == ["Hello, world"] * 50
        stream = await client.chat.completions.create(**ASK, stream=True)
        async for _ in stream:
            break
        await stream.close()
        assert await one() == "Hello, world"


asyncio.run(many())
