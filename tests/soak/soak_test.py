#!/usr/bin/python3
"""soak_test.py SERVER FOLDER: the short form of soak.py, which judges memory and nothing that
a busy machine changes; and what becomes of a spool when things go wrong."""

import itertools
import os
import resource
import signal
import sys
import threading
import unittest

import grpc
import process_memory
from process_memory import MIB, Server

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
process_memory.harness.generate(FOLDER)

import fit  # noqa: E402
import load  # noqa: E402
from chainrule.v1 import model_service_pb2, training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402


def reason(error):
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    next(detail for detail in status.details if detail.Is(info.DESCRIPTOR)).Unpack(info)
    return info.reason


class FitInLittleMemoryTest(unittest.TestCase):
    def test_rows_beyond_the_memory_cost_disk_and_no_memory(self):
        run = fit.run(SERVER, total_bytes=64 * MIB, fit_memory=16 * MIB, epochs=2)
        self.assertLess(run["peak"] - run["rest"], 48 * MIB)
        self.assertTrue(run["clean"])
        memory = fit.run(SERVER, total_bytes=64 * MIB, fit_memory=256 * MIB, epochs=2)
        self.assertGreater(memory["peak"] - memory["rest"], 64 * MIB)
        self.assertEqual(run["losses"], memory["losses"])


class SpoolTest(unittest.TestCase):
    """A Fit of 32 MiB, all of them spooled, that something happens to."""

    def serve(self, *flags, **popen):
        server = Server(SERVER, "--fit_memory=1MiB", *flags, **popen)
        self.addCleanup(server.__exit__)
        channel = grpc.insecure_channel(server.address)
        self.addCleanup(channel.close)
        fit.create(channel, 784, 16)
        self.training, self.models = TrainingServiceStub(channel), ModelServiceStub(channel)
        return server

    def fit(self, epochs=1):
        return self.training.Fit(fit.requests(32 * MIB, 784, epochs, 32))

    def step(self):
        return self.models.GetModel(model_service_pb2.GetModelRequest(name="models/m")).step

    def fails(self, answers):
        with self.assertRaises(grpc.RpcError) as failed:
            for _ in answers:
                pass
        return failed.exception

    def learns_again(self, server):
        while not server.nothing_is_spooled():  # who was cut off hears of it before the server
            self.step()
        self.assertEqual(list(self.fit())[-1].result.stop_reason,
                         training_service_pb2.STOP_REASON_COMPLETED)

    def wait_until_it_trains(self, answers):
        while next(answers).WhichOneof("kind") != "epoch_report":
            pass

    def test_a_client_that_goes_takes_it_along(self):
        server = self.serve()
        answers = self.fit(epochs=1_000_000)
        self.wait_until_it_trains(answers)
        self.assertEqual(len(server.spool_files()), 1)
        answers.cancel()
        self.assertEqual(self.fails(answers).code(), grpc.StatusCode.CANCELLED)
        self.learns_again(server)

    def test_a_writer_that_stalls_and_is_reset_takes_it_along(self):
        server = self.serve()
        gone = threading.Event()

        def some_rows():
            yield from itertools.islice(fit.requests(32 * MIB, 784, 1, 32), 9)
            gone.wait()

        answers = self.training.Fit(some_rows())
        for _ in range(8):
            next(answers)
        self.assertEqual(len(server.spool_files()), 1)
        answers.cancel()
        gone.set()
        self.assertEqual(self.fails(answers).code(), grpc.StatusCode.CANCELLED)
        self.learns_again(server)

    def test_a_kill_leaves_nothing(self):
        server = self.serve()
        answers = self.fit(epochs=1_000_000)  # a call that nobody holds is cancelled
        self.wait_until_it_trains(answers)
        self.assertEqual(len(server.spool_files()), 1)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        self.assertEqual(list(server.spool.iterdir()), [])

    def test_a_disk_that_is_full_says_so_and_nothing_was_learned(self):
        # Files may not grow beyond 8 MiB: Python ignores SIGXFSZ, and so does its child.
        size = 8 * MIB
        server = self.serve(restore_signals=False, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)))
        error = self.fails(self.fit())
        self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(reason(error), "STORAGE_FAILED")
        self.assertIn("the spool of this call: write; nothing was learned", error.details())
        self.assertEqual(self.step(), 0)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.learns_again(server)

    def test_a_disk_that_loses_rows_ends_their_call_and_nothing_else(self):
        server = self.serve()
        answers = self.fit(epochs=1_000_000)
        self.wait_until_it_trains(answers)
        for path in server.spool_files():
            os.truncate(path, 4096)
        error = self.fails(answers)
        self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(reason(error), "STORAGE_FAILED")
        self.assertIn(f"model 'models/m' is at step {self.step()}", error.details())
        self.learns_again(server)


class LoadTest(unittest.TestCase):
    def test_ten_times_the_queue_leaves_memory_flat(self):
        for rpc in ("predict", "train"):
            with self.subTest(rpc):
                run = load.overload(SERVER, rpc, widths=(64, 256, 8), rows=64, queue=16, seconds=3)
                self.assertGreater(run["admitted"], 0)
                self.assertRegex(run["first_error"], "^RESOURCE_EXHAUSTED: ")
                most = max(run["after"], *(value for _, value in run["memory"].samples))
                self.assertLess(most - run["before"], 32 * MIB)
                self.assertTrue(run["guest_refused"])
                self.assertTrue(all(map(load.says_when_to_retry, run["guest_refused"])))

    def test_many_predictions_leave_nothing_behind(self):
        run = load.many(SERVER, calls=20_000, warm_up=1, seconds=1)
        self.assertEqual(run["errors"], 0)
        self.assertLess(run["rest"], 40 * MIB)
        self.assertLess(run["after"] - run["before"], 4 * MIB)


if __name__ == "__main__":
    unittest.main()
