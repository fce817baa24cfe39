#!/usr/bin/python3
"""stream_faults_test.py SERVER FOLDER: every stream, and clients that stall, go, are cut off or
never read. Whatever they do, the server's counters return to zero, its spool is empty, and
its memory is bounded and comes back."""

import itertools
import re
import socket
import struct
import sys
import threading
import time
import unittest
import urllib.request

import grpc
import harness
import numpy

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)
sys.path.insert(0, str(harness.ROOT / "tests/soak"))

# pylint: disable=wrong-import-position
import process_memory  # noqa: E402
from chainrule.v1 import evaluation_pb2 as evaluation_pb2, model_pb2  # noqa: E402
from chainrule.v1 import model_service_pb2 as models_pb2  # noqa: E402
from chainrule.v1 import prediction_service_pb2 as prediction_pb2, tensor_pb2  # noqa: E402
from chainrule.v1 import training_service_pb2 as training_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402
from process_memory import MIB  # noqa: E402

MODEL, LARGE, NARROW, WIDTH = "models/m", "models/large", "models/narrow", 1000
BROKEN = (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN)


def tensor(rows):
    return tensor_pb2.Tensor(shape=[rows, WIDTH], raw=bytes(4 * rows * WIDTH))


def examples(rows):
    return tensor_pb2.Examples(inputs=tensor(rows),
                               targets=tensor_pb2.Tensor(shape=[rows, WIDTH],
                                                         raw=bytes(4 * rows * WIDTH)))


def with_header(header, request, count):
    yield header
    yield from itertools.repeat(request, count)


# Of each stream: what opens it, given its requests, and `count` requests after a header. The
# answers to them, where there are any, are of a megabyte or small.
def predict(channel, requests=None, **options):
    return PredictionServiceStub(channel).StreamPredict(requests, **options)


def predict_requests(count):
    return itertools.repeat(prediction_pb2.StreamPredictRequest(
        request=prediction_pb2.PredictRequest(model=MODEL, inputs=tensor(250))), count)


def evaluate(channel, requests=None, **options):
    return TrainingServiceStub(channel).StreamEvaluate(requests, **options)


def evaluate_requests(count):
    kind = evaluation_pb2.StreamEvaluateRequest
    header = kind()
    header.header.model = MODEL
    return with_header(header, kind(examples=examples(100)), count)


def gradients(channel, requests=None, **options):
    return TrainingServiceStub(channel).StreamGradients(requests, **options)


def gradients_requests(count):
    kind = training_pb2.StreamGradientsRequest
    header = kind()
    header.header.model = MODEL
    header.header.wrt.extend([training_pb2.GRADIENT_TARGET_INPUTS])
    return with_header(header, kind(examples=examples(250)), count)


def fit(channel, requests=None, **options):
    return TrainingServiceStub(channel).Fit(requests, **options)


def fit_requests(count):
    kind = training_pb2.FitRequest
    return with_header(kind(header=training_pb2.FitHeader(model=MODEL)),
                       kind(examples=examples(100)), count)


class OneAnswer:
    """A call with one answer, as an iterator over it."""

    def __init__(self, future):
        self.future, self.cancel = future, future.cancel

    def __iter__(self):
        yield self.future.result()


def import_model(channel, requests=None, **options):
    return OneAnswer(ModelServiceStub(channel).ImportModel.future(requests, **options))


def import_requests(count):
    kind = models_pb2.ImportModelRequest
    header = kind(header=models_pb2.ImportModelHeader(model_id="new", total_bytes=400 * MIB))
    return with_header(header, kind(data=bytes(MIB // 2)), count)


def export_model(channel, requests=None, **options):
    del requests
    return ModelServiceStub(channel).ExportModel(models_pb2.ExportModelRequest(model=LARGE),
                                                 **options)


STREAMS = {
    "StreamPredict": (predict, predict_requests), "StreamEvaluate": (evaluate, evaluate_requests),
    "StreamGradients": (gradients, gradients_requests), "Fit": (fit, fit_requests),
    "ImportModel": (import_model, import_requests), "ExportModel": (export_model, lambda _: ()),
}


class Relay:
    """A way to the server that can be cut, as a network is: both ends are reset."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.passed, self.ends = 0, []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        server = socket.create_connection(self.target)
        self.ends = [client, server]
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
                self.passed += len(data)
        except OSError:
            pass

    def cut(self):
        self.listener.close()
        for end in self.ends:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RD)  # who waits in recv holds it
            end.close()


class StreamFaultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = process_memory.Server(SERVER, "--fit_memory=1MiB", "--grpc_memory=256MiB",
                                           "--http_listen=127.0.0.1:0")
        cls.channel = cls.connect()
        for name, width, units in ((MODEL, WIDTH, WIDTH), (LARGE, 3 * WIDTH, 3 * WIDTH),
                                   (NARROW, WIDTH, 1)):
            layer = model_pb2.LayerSpec(units=units, activation=model_pb2.ACTIVATION_IDENTITY)
            spec = model_pb2.ModelSpec(input_width=width, layers=[layer],
                                       loss=model_pb2.LOSS_MEAN_SQUARED_ERROR)
            ModelServiceStub(cls.channel).CreateModel(models_pb2.CreateModelRequest(
                model_id=name.removeprefix("models/"), model=model_pb2.Model(spec=spec)))

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        code, stdout, _ = cls.server.stop()
        assert code == 0 and stdout == "", (code, stdout)

    @classmethod
    def connect(cls, address=None):
        return grpc.insecure_channel(address or cls.server.address,
                                     options=[("grpc.use_local_subchannel_pool", 1)])

    def queued(self):
        text = urllib.request.urlopen(f"http://{self.server.http}/metrics").read().decode()
        return [float(re.search(rf"^chainrule_queued_{what} (\S+)$", text, re.MULTILINE)[1])
                for what in ("calls", "bytes")]

    def settles(self):
        """Returns when nothing is left; the test's own timeout ends it if that never is."""
        while self.queued() != [0, 0] or not self.server.nothing_is_spooled():
            pass
        self.answers()

    def answers(self):
        try:
            PredictionServiceStub(self.channel).Predict(
                prediction_pb2.PredictRequest(model=MODEL, inputs=tensor(1)))
        except grpc.RpcError as error:  # gRPC refuses where --grpc_memory is used up
            full = error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            if not (harness.UNDER_ADDRESS_SANITIZER and full):
                raise

    def ends_with(self, call, codes):
        with self.assertRaises((grpc.RpcError, grpc.FutureCancelledError)) as failed:
            for _ in call:
                pass
        if isinstance(failed.exception, grpc.RpcError):
            self.assertIn(failed.exception.code(), codes, failed.exception)

    @staticmethod
    def stalling(requests, gone):
        """Requests that stop coming without an end."""
        yield from requests
        gone.wait()

    def test_nothing_at_all_is_answered(self):
        for start, _ in STREAMS.values():
            if start in (predict, export_model):
                list(start(self.channel, iter(())))
            else:
                self.ends_with(start(self.channel, iter(())), (grpc.StatusCode.INVALID_ARGUMENT,))
        self.settles()

    def test_a_writer_that_stalls_until_its_deadline(self):
        for start, requests in STREAMS.values():
            gone = threading.Event()
            if start is export_model:
                continue
            call = start(self.channel, self.stalling(requests(5), gone), timeout=0.3)
            self.ends_with(call, (grpc.StatusCode.DEADLINE_EXCEEDED,))
            gone.set()
        self.settles()

    def test_a_client_that_cancels_in_the_middle(self):
        for (start, requests), sent in itertools.product(STREAMS.values(), (0, 1, 5)):
            gone = threading.Event()
            call = start(self.channel, self.stalling(requests(sent), gone))
            if sent and hasattr(call, "__next__"):
                next(call)
            call.cancel()
            self.ends_with(call, (grpc.StatusCode.CANCELLED,))
            gone.set()
        self.settles()

    def test_a_connection_that_is_reset_in_the_middle(self):
        for start, requests in STREAMS.values():
            relay, gone = Relay(self.server.address), threading.Event()
            channel = self.connect(relay.address)
            call = start(channel, self.stalling(requests(40), gone))
            while relay.passed < (MIB if start is not export_model else 70_000):
                self.answers()
            relay.cut()
            self.ends_with(call, BROKEN)
            gone.set()
            channel.close()
        self.settles()

    @unittest.skipIf(harness.UNDER_THREAD_SANITIZER, "it has memory of its own")
    def test_readers_that_never_read_cost_bounded_memory(self):
        """Sixteen at once of each, of whom each has as many MB to read as there are messages."""
        messages = 60 if harness.UNDER_ADDRESS_SANITIZER else 400
        process_memory.forget_peak(self.server.pid)
        before = process_memory.resident(self.server.pid)
        for start, requests in STREAMS.values():
            if start in (fit, import_model):  # those keep what they are sent, up to a limit
                continue
            channels = [self.connect() for _ in range(4)]
            sent = [0]
            calls = [start(channel, self.counted(requests(messages), sent))
                     for channel in channels for _ in range(4)]
            self.stands_still(sent)
            if start in (predict, gradients):  # whose answers are large
                self.assertLess(sent[0], 16 * messages)
                self.assertGreater(self.queued()[1], 16 * MIB, "what is not read counts")
            # gRPC's buffers, and of each stream what it works on and what waits to leave.
            self.assertLess(process_memory.peak(self.server.pid) - before, (256 + 16 * 16) * MIB)
            for call in calls:
                call.cancel()
            for channel in channels:
                channel.close()
            self.settles()
        self.comes_back_to(before + 150 * MIB)

    @unittest.skipIf(harness.UNDER_THREAD_SANITIZER, "it has memory of its own")
    def test_answers_to_one_large_message_are_made_as_they_are_read(self):
        """Bytes of 40 MB, each of which is answered by a float."""
        rows = 40_000
        kind = training_pb2.StreamGradientsRequest
        header = kind()
        header.header.model = NARROW
        header.header.wrt.extend([training_pb2.GRADIENT_TARGET_INPUTS])
        pixels = tensor_pb2.Tensor(shape=[rows, WIDTH], dtype=tensor_pb2.DATA_TYPE_UINT8,
                                   raw=bytes(rows * WIDTH))
        targets = tensor_pb2.Tensor(shape=[rows, 1], raw=bytes(4 * rows))
        message = kind(examples=tensor_pb2.Examples(inputs=pixels, targets=targets))
        before = process_memory.resident(self.server.pid)
        process_memory.forget_peak(self.server.pid)
        sent = [0]
        call = gradients(self.channel, self.counted(with_header(header, message, 1), sent))
        self.stands_still(sent)
        grown = process_memory.peak(self.server.pid) - before
        answered = 0
        for answer in call:
            answered += answer.input_gradients.shape[0] if answer.HasField("input_gradients") else 0
        self.assertEqual(answered, rows)
        # The message as it came and as it is read, and some answers; the answers are 153 MiB.
        others = (80 if harness.UNDER_ADDRESS_SANITIZER else 48) * MIB
        self.assertLess(grown, 2 * rows * WIDTH + others)
        self.settles()

    def comes_back_to(self, resident):
        """What was freed goes back a moment after the last large call."""
        end = time.monotonic() + 30
        while process_memory.resident(self.server.pid) > resident and time.monotonic() < end:
            self.answers()
        self.assertLess(process_memory.resident(self.server.pid), resident)

    @staticmethod
    def counted(requests, sent):
        for request in requests:
            sent[0] += 1
            yield request

    def stands_still(self, sent):
        """Returns when nobody could send anything while the server answered many others."""
        before = None
        while sent[0] != before:
            before = sent[0]
            for _ in range(300):
                self.answers()

    @unittest.skipIf(harness.UNDER_THREAD_SANITIZER, "it has memory of its own")
    def test_memory_comes_back_from_all_of_it(self):
        def once():
            for start, requests in STREAMS.values():
                gone = threading.Event()
                call = start(self.channel, self.stalling(requests(20), gone))
                if hasattr(call, "__next__"):
                    next(call)
                call.cancel()
                gone.set()
            self.settles()

        for _ in range(3):
            once()
        before = process_memory.resident(self.server.pid)
        for _ in range(15):
            once()
        self.comes_back_to(before + 48 * MIB)


if __name__ == "__main__":
    unittest.main()
