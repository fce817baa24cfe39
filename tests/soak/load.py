"""Calls without end: ten times what a server takes, and a million of them. Driven by
`chainrule bench`, so that the client is not what is measured."""

import json
import pathlib
import subprocess
import threading

import grpc
import numpy
from process_memory import Server, Watch, resident

# pylint: disable=import-error
from chainrule.v1 import model_pb2, model_service_pb2, prediction_service_pb2, tensor_pb2
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub
from google.rpc import error_details_pb2, status_pb2


def create(channel, widths):
    spec = model_pb2.ModelSpec(input_width=widths[0], layers=[
        model_pb2.LayerSpec(units=units, activation=model_pb2.ACTIVATION_TANH)
        for units in widths[1:-1]] + [model_pb2.LayerSpec(units=widths[-1])])
    ModelServiceStub(channel).CreateModel(model_service_pb2.CreateModelRequest(
        model_id="m", model=model_pb2.Model(spec=spec)))


def bench(binary, server, rpc, *, rows, concurrency, seconds):
    """What `chainrule bench` reports."""
    program = pathlib.Path(binary).with_name("chainrule")
    report = subprocess.run(
        [program, f"--server={server.address}", "--output=json", "bench", rpc, "--model=m",
         f"--rows={rows}", f"--concurrency={concurrency}", f"--duration={seconds}s", "--raw"],
        check=True, capture_output=True, text=True)
    return json.loads(report.stdout)


class Guest(threading.Thread):
    """A caller beside the load, who keeps what each of its calls was answered."""

    def __init__(self, channel, columns):
        super().__init__()
        self.stub, self.columns = PredictionServiceStub(channel), columns
        self.answered, self.refused = 0, []
        self.ended = threading.Event()

    def run(self):
        rows = numpy.zeros((1, self.columns), dtype=numpy.float32)
        request = prediction_service_pb2.PredictRequest(
            model="models/m", inputs=tensor_pb2.Tensor(shape=rows.shape, raw=rows.tobytes()))
        while not self.ended.wait(0.01):
            try:
                self.stub.Predict(request)
                self.answered += 1
            except grpc.RpcError as error:
                self.refused.append(error)

    def stop(self):
        self.ended.set()
        self.join()


def says_when_to_retry(error):
    """Whether a refusal says so in both of the ways in which callers look for it."""
    trailers = {key: value for key, value in error.trailing_metadata()}
    status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    unpacked = [detail.Unpack(message) for detail in status.details
                for message in (info, retry) if detail.Is(message.DESCRIPTOR)]
    return (error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and len(unpacked) == 2 and
            info.reason == "OVERLOADED" and retry.retry_delay.ToMilliseconds() > 0 and
            int(trailers.get("grpc-retry-pushback-ms", 0)) > 0)


def overload(binary, rpc, *, widths, rows, queue, seconds):
    """Capacity is what the server does with its queue full and nobody refused; then ten times
    as many calls are in flight, each refused one coming back at once."""
    with Server(binary, f"--max_queued_calls={queue}") as server:
        channel = grpc.insecure_channel(server.address)
        create(channel, widths)
        arguments = {"rows": rows, "seconds": max(1, seconds // 12)}
        full = bench(binary, server, rpc, concurrency=queue, **arguments)
        bench(binary, server, rpc, concurrency=10 * queue, **arguments)
        before = resident(server.pid)
        guest = Guest(channel, widths[0])
        guest.start()
        with Watch(server.pid) as watch:
            over = bench(binary, server, rpc, rows=rows, concurrency=10 * queue, seconds=seconds)
        guest.stop()
        return {
            "capacity": full["calls_per_second"], "full": full["latency_us"],
            "offered": (over["calls"] + over["errors"]) / over["seconds"],
            "admitted": over["calls_per_second"], "over": over["latency_us"],
            "first_error": over["first_error"], "errors": over["errors"],
            "before": before, "memory": watch, "after": resident(server.pid),
            "guest_answered": guest.answered, "guest_refused": guest.refused,
        }


def many(binary, *, calls, warm_up=2, seconds=5, concurrency=64):
    """That many predictions, one row each; and what the server takes before and after."""
    with Server(binary) as server:
        channel = grpc.insecure_channel(server.address)
        rest = resident(server.pid)
        create(channel, (30, 64, 1))
        bench(binary, server, "predict", rows=1, concurrency=concurrency, seconds=warm_up)
        before, done, errors, rates = resident(server.pid), 0, 0, []
        while done < calls:
            report = bench(binary, server, "predict", rows=1, concurrency=concurrency,
                           seconds=seconds)
            done += int(report["calls"])
            errors += int(report["errors"])
            rates.append(report["calls_per_second"])
        return {"rest": rest, "before": before, "after": resident(server.pid), "calls": done,
                "errors": errors, "rate": sorted(rates)[len(rates) // 2]}
