"""Streams: each ends once, however it is read and whoever leaves."""
import asyncio
import gc
import threading

import pytest
import wick
from wick import End, Kind


def test_events_come_in_order_and_end_once(fake):
    events = list(fake(reply="Hello, world").session().generate("Say it"))
    assert "".join(event.text for event in events if event.kind == Kind.TEXT) == "Hello, world"
    assert [event.seq for event in events] == list(range(len(events)))
    assert [event.kind == Kind.END for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1].end == End.STOP and events[-1].stats.output_tokens > 0
    assert events[-1].stats.ttft >= 0 and events[0].kind == Kind.STARTED


def test_a_text_waits_and_a_turn_is_kept(fake):
    session = fake(reply="Hello").session(system="Brief.")
    answer = session.ask("Hi")
    assert answer.text() == "Hello" == answer.answer
    assert [one["role"] for one in session.messages] == ["system", "user", "assistant"]
    assert session.messages[-1]["content"] == "Hello"
    assert session.info()["messages"] == 2 and len(session.tokens) == answer.stats.session_tokens


def test_pieces_are_texts_alone(fake):
    assert "".join(fake(reply="one two").session().ask("x").texts()) == "one two"


def test_ids_are_an_input_too(fake):
    model = fake(reply="yes").wait()
    ids = model.tokenize("abc")
    session = model.session()
    assert model.detokenize(ids) == "abc" and len(ids) == model.count_tokens("abc")
    assert session.generate(ids).text() == "yes"
    assert session.tokens[: len(ids)] == ids


def test_an_error_is_raised_with_its_name(fake):
    with pytest.raises(wick.Error, match="CONTEXT_FULL") as caught:
        fake(reply="x", context_length=8).session().generate("far longer than eight tokens").text()
    assert caught.value.name == "CONTEXT_FULL" and caught.value.code == -9 and caught.value.message


def test_an_error_in_the_middle_comes_behind_the_text(fake):
    answer, seen = fake(reply="Hello, world", token_bytes=1, fail_at=6).session().generate("x"), []
    with pytest.raises(wick.Error):
        for event in answer:
            seen.append(event)
    assert answer.end.end == End.ERROR and answer.answer and any(event.kind == Kind.TEXT for event in seen)
    with pytest.raises(wick.Error):
        answer.wait()


def test_leaving_a_loop_frees_the_session(fake):
    # They pause unread, so that neither can fill the context first.
    session = fake(reply="on and on ", endless=True).session()
    for event in session.generate("x", buffer_events=2):
        if event.kind == Kind.TEXT:
            break
    gc.collect()
    with session.generate("y", buffer_events=2) as second:
        next(second)
    assert session.generate("z", max_tokens=2).wait().end == End.LENGTH


def test_a_cancel_is_an_end(fake):
    # It pauses unread, so that it cannot fill its context first.
    answer = fake(endless=True, reply="x").session().generate("x", buffer_events=2)
    for event in answer:
        if event.kind == Kind.TEXT:
            answer.cancel()
    assert answer.end.end == End.CANCELLED


def test_a_deadline_is_an_end(fake):
    assert fake(endless=True, reply="x", delay_us=1000).session().generate("x", deadline=0.05).wait().end == End.DEADLINE


def test_a_close_wakes_the_reader_of_another_thread(fake):
    answer, over = fake(reply="x", gated=True).session().generate("x"), []

    def read():
        try:
            answer.wait()
        except wick.Error as error:
            over.append(error.name)

    reader = threading.Thread(target=read)
    reader.start()
    answer.close()
    reader.join(60)
    assert not reader.is_alive() and over == ["STALE_HANDLE"]


def test_threads_go_on_while_one_waits(fake, release):
    model = fake(reply="abc", gated=True)
    opener = threading.Thread(target=lambda: release(model, 100))
    answer = model.session().generate("x")
    opener.start()
    assert answer.text() == "abc"
    opener.join()


def test_notes_are_merged(fake, release):
    model = fake(reply="ab", gated=True)
    answer = model.session().generate("x")
    answer.note("seen")
    release(model, 100)
    assert [event.text for event in answer if event.kind == Kind.NOTE] == ["seen"]


def test_long_texts_come_in_one_piece(fake):
    long = "wörter " * 30_000
    events = [event for event in fake(echo=True, context_length=500_000).session().generate(long, cut="line", max_tokens=40_000)]
    assert long.startswith("".join(event.text for event in events[:-1]))
    assert events[-1].end in (End.LENGTH, End.STOP)


def test_asyncio_reads_without_a_thread(fake):
    async def main():
        model = await fake(reply="Hello, world", delay_us=200)
        before = threading.active_count()
        answers = [model.session().ask("x") for _ in range(20)]
        said = await asyncio.gather(*answers)
        assert said == ["Hello, world"] * 20 and threading.active_count() == before
        pieces = [event.text async for event in model.session().ask("x") if event.kind == Kind.TEXT]
        assert "".join(pieces) == "Hello, world"

    asyncio.run(main())


def test_a_cancelled_task_cancels_its_stream(fake, release):
    async def main():
        model = fake(reply="Hello", gated=True)
        session = model.session()
        answer = session.generate("x")
        task = asyncio.ensure_future(answer.wait_async())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async for event in answer:
            last = event
        assert last.end == End.CANCELLED
        async with session.generate("y") as answer:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(answer.__anext__(), 0.05) and await asyncio.wait_for(answer, 0.05)
        release(model, 1000)
        assert await session.generate("z") == "Hello"

    asyncio.run(main())


def test_a_close_ends_a_task_that_waits(fake):
    async def main():
        answer = fake(reply="x", gated=True).session().generate("x")
        task = asyncio.ensure_future(answer.wait_async())
        await asyncio.sleep(0.01)
        answer.close()
        with pytest.raises(wick.Error, match="STALE_HANDLE"):
            await asyncio.wait_for(task, 60)

    asyncio.run(main())


def test_the_log_is_told(fake):
    lines = []
    with wick.Runtime(log=lambda level, text: lines.append((level, text)), log_level=5) as runtime:
        from conftest import load_fake

        load_fake({"reply": "x"}, runtime).wait().session().generate("x").wait()
    assert lines and all(isinstance(text, str) and 1 <= level <= 5 for level, text in lines)


def test_a_shutdown_ends_what_is_read(fake):
    from conftest import load_fake

    runtime = wick.Runtime(threads=1)
    answer = load_fake({"reply": "x", "endless": True}, runtime).session().generate("x", buffer_events=2)
    next(answer)
    runtime.close()
    for event in answer:
        pass
    assert answer.end.end == End.SHUTDOWN
