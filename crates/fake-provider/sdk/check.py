#!/usr/bin/env python3
"""Asks a fake provider, directly or through a proxy, with the official Python SDKs.

    python3 -m venv venv && venv/bin/pip install anthropic openai
    fake-provider --port 4010 --five-minutes 2s &
    venv/bin/python check.py --base-url http://127.0.0.1:4010 --five-minutes 2

The provider has to keep its other settings as they are without arguments. Prints one JSON document
with what was checked, and exits with 1 if anything was not as it has to be.

Each JSON body and each event is also held against the types of the SDK, which by themselves accept
nearly anything.
"""

import argparse
import json
import os
import sys
import time

import anthropic
import anthropic.types
import openai
import openai.types.chat
import openai.types.responses
from pydantic import TypeAdapter, ValidationError

REPLY = "one two six ten " * 4
REPLY_TOKENS = 16
QUESTION = "How are you?"
QUESTION_TOKENS = 3
SYSTEM_TOKENS = 2_000

# What a client sees if there is no answer at all; a proxy says so instead, with 502.
NO_ANSWER = ["APIConnectionError"]
NO_ANSWER_THROUGH_PROXY = ["InternalServerError", 502, None, False]

checks = []


def check(name, found, expected):
    checks.append({"check": name, "ok": found == expected, "found": found, "expected": expected})


def fits(name, kind, value):
    """Whether a body has all that the SDK's type needs."""
    try:
        TypeAdapter(kind).validate_python(value)
        found = "fits"
    except ValidationError as error:
        found = str(error)
    check(f"{name}: fits {getattr(kind, '__name__', 'the type of events')}", found, "fits")


def fault(text):
    return {"x-fake-fault": text}


def raised(call):
    """The class of what a call raises, its status, the seconds of Retry-After, and the request."""
    try:
        call()
    except (anthropic.APIStatusError, openai.APIStatusError) as error:
        seconds = error.response.headers.get("retry-after")
        return [type(error).__name__, error.status_code, seconds, bool(error.request_id)]
    except Exception as error:
        return [type(error).__name__]
    return ["nothing"]


def system_text(name):
    """2,000 tokens that no earlier run has asked for."""
    start = f"{name} {os.getpid()} {time.time_ns()} "
    return start + "s" * (4 * SYSTEM_TOKENS - len(start))


def count(usage):
    names = ["cache_creation_input_tokens", "cache_read_input_tokens", "input_tokens", "output_tokens"]
    return [getattr(usage, name) for name in names]


class Anthropic:
    def __init__(self, base_url):
        self.client = anthropic.Anthropic(base_url=base_url, api_key="sk-fake", max_retries=0)

    def body(self, system, **more):
        control = more.pop("cache_control", {"type": "ephemeral"})
        body = {
            "model": "claude-fake-1",
            "max_tokens": 100,
            "system": [{"type": "text", "text": system, "cache_control": control}],
            "messages": [{"role": "user", "content": QUESTION}],
        }
        return {**body, **more}

    def ask(self, system, **more):
        return self.client.messages.create(**self.body(system, **more))

    def plain(self):
        system = system_text("plain")
        raw = self.client.messages.with_raw_response.create(**self.body(system))
        fits("anthropic plain", anthropic.types.Message, json.loads(raw.text()))
        cold = raw.parse()
        check("anthropic plain: text", [block.text for block in cold.content], [REPLY])
        check("anthropic plain: stop_reason", cold.stop_reason, "end_turn")
        check("anthropic plain: request id", bool(cold._request_id), True)
        check("anthropic cold", count(cold.usage), [SYSTEM_TOKENS, 0, QUESTION_TOKENS, REPLY_TOKENS])
        warm = self.ask(system)
        check("anthropic warm", count(warm.usage), [0, SYSTEM_TOKENS, QUESTION_TOKENS, REPLY_TOKENS])
        short = self.ask(system, max_tokens=2)
        check("anthropic short", [short.content[0].text, short.stop_reason], ["one two ", "max_tokens"])
        hour = self.ask(system_text("hour"), cache_control={"type": "ephemeral", "ttl": "1h"})
        written = hour.usage.cache_creation
        tiers = [written.ephemeral_5m_input_tokens, written.ephemeral_1h_input_tokens]
        check("anthropic one hour", tiers, [0, SYSTEM_TOKENS])
        check("anthropic models", len(list(self.client.models.list())), 2)

    def streaming(self):
        system = system_text("streaming")
        self.ask(system)
        with self.client.messages.stream(**self.body(system)) as stream:
            text = "".join(stream.text_stream)
            message = stream.get_final_message()
        check("anthropic stream: text", text, REPLY)
        check("anthropic stream: usage", count(message.usage), [0, SYSTEM_TOKENS, QUESTION_TOKENS, REPLY_TOKENS])
        check("anthropic stream: stop_reason", message.stop_reason, "end_turn")
        with self.client.messages.with_streaming_response.create(**self.body(system, stream=True)) as raw:
            events = [json.loads(line[6:]) for line in raw.iter_lines() if line.startswith("data: ")]
        for event in events:
            # The SDK drops pings before it looks at their type.
            if event["type"] != "ping":
                fits(f"anthropic stream: {event['type']}", anthropic.types.RawMessageStreamEvent, event)
        kinds = ["message_start", "content_block_start", "ping"]
        kinds += ["content_block_delta"] * REPLY_TOKENS
        kinds += ["content_block_stop", "message_delta", "message_stop"]
        check("anthropic stream: events", [event["type"] for event in events], kinds)

    def pings(self):
        system = system_text("ping")
        cold = self.ask(system, max_tokens=0)
        check("anthropic ping: cold", count(cold.usage), [SYSTEM_TOKENS, 0, QUESTION_TOKENS, 0])
        raw = self.client.messages.with_raw_response.create(**self.body(system, max_tokens=0))
        fits("anthropic ping", anthropic.types.Message, json.loads(raw.text()))
        ping = raw.parse()
        check("anthropic ping: warm", count(ping.usage), [0, SYSTEM_TOKENS, QUESTION_TOKENS, 0])
        check("anthropic ping: content", [ping.content, ping.stop_reason], [[], "max_tokens"])
        tool = {"name": "read", "input_schema": {"type": "object"}}
        refused = {
            "stream": {"stream": True},
            "thinking": {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
            "format": {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            "tool": {"tools": [tool], "tool_choice": {"type": "tool", "name": "read"}},
            "any tool": {"tools": [tool], "tool_choice": {"type": "any"}},
        }
        for name, more in refused.items():
            found = raised(lambda: self.ask(system, max_tokens=0, **more))
            check(f"anthropic ping refused: {name}", found, ["BadRequestError", 400, None, True])

    def lifetime(self, seconds):
        system = system_text("lifetime")
        miss = [SYSTEM_TOKENS, 0, QUESTION_TOKENS]
        hit = [0, SYSTEM_TOKENS, QUESTION_TOKENS]
        check("anthropic lifetime: cold", count(self.ask(system).usage)[:3], miss)
        time.sleep(0.6 * seconds)
        check("anthropic lifetime: ping at 0.6", count(self.ask(system, max_tokens=0).usage)[:3], hit)
        time.sleep(0.6 * seconds)
        check("anthropic lifetime: turn at 1.2", count(self.ask(system).usage)[:3], hit)
        time.sleep(1.1 * seconds)
        check("anthropic lifetime: turn at 2.3", count(self.ask(system).usage)[:3], miss)

    def errors(self):
        system = system_text("errors")
        table = {
            "400": ["BadRequestError", 400, None, True],
            "401": ["AuthenticationError", 401, None, True],
            "429:7": ["RateLimitError", 429, "7", True],
            "429": ["RateLimitError", 429, None, True],
            "500": ["InternalServerError", 500, None, True],
            "529": ["OverloadedError", 529, None, True],
            "drop": NO_ANSWER,
        }
        for text, expected in table.items():
            for stream in [False, True]:
                call = lambda: self.ask(system, stream=stream, extra_headers=fault(text))
                check(f"anthropic {text}, stream {stream}", raised(call), expected)
        hang = lambda: self.ask(system, timeout=0.5, extra_headers=fault("hang"))
        check("anthropic hang", raised(hang), ["APITimeoutError"])
        drain = lambda text: list(self.ask(system, stream=True, extra_headers=fault(text)))
        # The status was 200, and the SDK has no other class for what follows it.
        check("anthropic error event", raised(lambda: drain("error:3")), ["APIStatusError", 200, None, True])
        check("anthropic broken stream", raised(lambda: drain("drop:5")) != ["nothing"], True)
        check("anthropic slow stream", len(drain("slow:1")), 2 + REPLY_TOKENS + 3)
        # None of the refusals has written anything; the streams have.
        check("anthropic after errors", count(self.ask(system).usage)[:2], [0, SYSTEM_TOKENS])


class OpenAI:
    def __init__(self, base_url):
        self.client = openai.OpenAI(base_url=f"{base_url}/v1", api_key="sk-fake", max_retries=0)

    def chat_body(self, system, **more):
        messages = [{"role": "system", "content": system}, {"role": "user", "content": QUESTION}]
        return {"model": "gpt-fake-1", "messages": messages, **more}

    def responses_body(self, system, **more):
        return {"model": "gpt-fake-1", "instructions": system, "input": QUESTION, **more}

    def prompt_tokens(self, system):
        return (len(f"system\n{system}\nuser\n{QUESTION}\n") + 3) // 4

    def chat(self):
        create = self.client.chat.completions.create
        system = system_text("chat")
        raw = self.client.chat.completions.with_raw_response.create(**self.chat_body(system))
        fits("openai chat", openai.types.chat.ChatCompletion, json.loads(raw.text))
        cold = raw.parse()
        check("openai chat: text", cold.choices[0].message.content, REPLY)
        check("openai chat: finish_reason", cold.choices[0].finish_reason, "stop")
        check("openai chat: request id", bool(cold._request_id), True)
        cached = lambda usage: [usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens]
        check("openai chat: cold", cached(cold.usage), [self.prompt_tokens(system), 0])
        warm = create(**self.chat_body(system))
        check("openai chat: warm", cached(warm.usage), [self.prompt_tokens(system), 1_920])
        check("openai chat: output", warm.usage.completion_tokens, REPLY_TOKENS)
        short = create(**self.chat_body(system, max_completion_tokens=1))
        check("openai chat: short", [short.choices[0].message.content, short.choices[0].finish_reason], ["one ", "length"])
        none = lambda: create(**self.chat_body(system, max_completion_tokens=0))
        check("openai chat: no output", raised(none), ["BadRequestError", 400, None, True])

        usage = {"include_usage": True}
        chunks = list(create(**self.chat_body(system, stream=True, stream_options=usage)))
        for chunk in chunks:
            fits("openai chat stream", openai.types.chat.ChatCompletionChunk, chunk.to_dict())
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        check("openai chat stream: text", text, REPLY)
        check("openai chat stream: usage", cached(chunks[-1].usage), [self.prompt_tokens(system), 1_920])
        check("openai chat stream: other usage", {chunk.usage for chunk in chunks[:-1]}, {None})
        check("openai chat stream: chunks", len(chunks), REPLY_TOKENS + 3)
        check("openai models", [model.id for model in self.client.models.list()], ["gpt-5.6-fake", "gpt-fake-1"])

    def responses(self):
        create = self.client.responses.create
        system = system_text("responses")
        raw = self.client.responses.with_raw_response.create(**self.responses_body(system))
        fits("openai responses", openai.types.responses.Response, json.loads(raw.text))
        cold = raw.parse()
        check("openai responses: text", [cold.output_text, cold.status], [REPLY, "completed"])
        cached = lambda usage: [usage.input_tokens, usage.input_tokens_details.cached_tokens]
        check("openai responses: cold", cached(cold.usage), [self.prompt_tokens(system), 0])
        warm = create(**self.responses_body(system))
        check("openai responses: warm", cached(warm.usage), [self.prompt_tokens(system), 1_920])
        few = lambda: create(**self.responses_body(system, max_output_tokens=1))
        check("openai responses: too little output", raised(few), ["BadRequestError", 400, None, True])

        events = list(create(**self.responses_body(system, stream=True)))
        for event in events:
            fits(f"openai responses stream: {event.type}", openai.types.responses.ResponseStreamEvent, event.to_dict())
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        check("openai responses stream: text", text, REPLY)
        check("openai responses stream: numbers", [event.sequence_number for event in events], list(range(REPLY_TOKENS + 8)))
        check("openai responses stream: usage", cached(events[-1].response.usage), [self.prompt_tokens(system), 1_920])
        with self.client.responses.stream(**self.responses_body(system)) as stream:
            final = stream.get_final_response()
        check("openai responses stream: final", final.output_text, REPLY)

    def breakpoints(self):
        """What is different from GPT-5.6 on."""
        create = self.client.responses.create
        system = system_text("breakpoints")
        # The instructions and the question each round up.
        prompt = SYSTEM_TOKENS + 2 + (len(f"user\n{QUESTION}\n") + 3) // 4
        body = {**self.responses_body(system), "model": "gpt-5.6-fake"}
        counts = lambda usage: [usage.input_tokens_details.cache_write_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens]
        raw = self.client.responses.with_raw_response.create(**body, prompt_cache_options={"prewarm": True})
        fits("openai prewarm", openai.types.responses.Response, json.loads(raw.text))
        prewarm = raw.parse()
        check("openai prewarm: cold", counts(prewarm.usage), [prompt, 0, 0])
        check("openai prewarm: output", [prewarm.output, prewarm.status], [[], "completed"])
        check("openai prewarm: turn", counts(create(**body).usage), [0, prompt, REPLY_TOKENS])
        again = create(**body, prompt_cache_options={"prewarm": True})
        check("openai prewarm: warm", counts(again.usage), [0, prompt, 0])
        events = list(create(**body, stream=True, prompt_cache_options={"prewarm": True}))
        check("openai prewarm stream", [event.type for event in events], ["response.created", "response.in_progress", "response.completed"])
        explicit = create(**body, prompt_cache_options={"mode": "explicit"})
        check("openai explicit without breakpoints", counts(explicit.usage), [0, 0, REPLY_TOKENS])
        older = lambda: create(**self.responses_body(system), prompt_cache_options={"prewarm": True})
        check("openai prewarm of an earlier model", raised(older), ["BadRequestError", 400, None, True])
        body = {**self.chat_body(system), "model": "gpt-5.6-fake"}
        counts = lambda usage: [usage.prompt_tokens_details.cache_write_tokens, usage.prompt_tokens_details.cached_tokens]
        # The same prefix as that of the responses; this provider has one cache for both.
        check("openai breakpoints: chat", counts(self.client.chat.completions.create(**body).usage), [0, prompt])

    def errors(self):
        table = {
            "400": ["BadRequestError", 400, None, True],
            "401": ["AuthenticationError", 401, None, True],
            "429:7": ["RateLimitError", 429, "7", True],
            "429": ["RateLimitError", 429, None, True],
            "500": ["InternalServerError", 500, None, True],
            "529": ["InternalServerError", 503, None, True],
            "drop": NO_ANSWER,
        }
        system = system_text("errors")
        calls = {
            "chat": lambda **more: self.client.chat.completions.create(**self.chat_body(system), **more),
            "responses": lambda **more: self.client.responses.create(**self.responses_body(system), **more),
        }
        for name, call in calls.items():
            for text, expected in table.items():
                for stream in [False, True]:
                    found = raised(lambda: call(stream=stream, extra_headers=fault(text)))
                    check(f"openai {name} {text}, stream {stream}", found, expected)
            hang = lambda: call(timeout=0.5, extra_headers=fault("hang"))
            check(f"openai {name} hang", raised(hang), ["APITimeoutError"])
            drain = lambda text: list(call(stream=True, extra_headers=fault(text)))
            check(f"openai {name} broken stream", raised(lambda: drain("drop:5")) != ["nothing"], True)
        # In a stream of chat completions an error is raised; in one of responses it is an event.
        drain = lambda name: list(calls[name](stream=True, extra_headers=fault("error:3")))
        check("openai chat error event", raised(lambda: drain("chat")), ["APIError"])
        check("openai responses error event", [event.type for event in drain("responses")][2:], ["response.output_item.added", "error"])
        for event in drain("responses"):
            fits(f"openai responses error: {event.type}", openai.types.responses.ResponseStreamEvent, event.to_dict())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-url", required=True, help="such as http://127.0.0.1:4010")
    parser.add_argument("--through-proxy", action="store_true", help="the proxy of cache-warmer is in between")
    parser.add_argument("--five-minutes", type=float, metavar="SECONDS", help="also wait for entries to expire, after so long")
    args = parser.parse_args()
    base_url = args.base_url.rstrip("/")
    if args.through_proxy:
        NO_ANSWER[:] = NO_ANSWER_THROUGH_PROXY
    claude, gpt = Anthropic(base_url), OpenAI(base_url)
    parts = [claude.plain, claude.streaming, claude.pings, claude.errors, gpt.chat, gpt.responses, gpt.breakpoints, gpt.errors]
    if args.five_minutes is not None:
        parts.append(lambda: claude.lifetime(args.five_minutes))
    for part in parts:
        try:
            part()
        except Exception as error:
            name = getattr(part, "__qualname__", "lifetime")
            check(f"{name} ran to its end", f"{type(error).__name__}: {error}", "yes")
    differences = [entry for entry in checks if not entry["ok"]]
    report = {
        "schema": 1,
        "anthropic": anthropic.__version__,
        "openai": openai.__version__,
        "python": sys.version.split()[0],
        "checks": len(checks),
        "differences": differences,
    }
    print(json.dumps(report, indent=2, default=str))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
