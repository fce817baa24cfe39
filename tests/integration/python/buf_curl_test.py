#!/usr/bin/python3
"""buf_curl_test.py SERVER BUF: `buf curl`, which knows the server by reflection alone, creates a
model, trains it and asks it. tests/support/install_buf.sh brings BUF."""

import json
import subprocess
import sys
import unittest

import harness

SERVER, BUF = sys.argv.pop(1), sys.argv.pop(1)
ROWS = {"shape": [4, 2], "values": [0, 0, 0, 1, 1, 0, 1, 1]}


class BufCurlTest(unittest.TestCase):
    def setUp(self):
        self.server = harness.ServerProcess(SERVER)
        self.addCleanup(self.server.__exit__)

    def curl(self, method, message):
        return subprocess.run(
            [BUF, "curl", "--http2-prior-knowledge", "--protocol", "grpc", "-d", json.dumps(message),
             f"http://{self.server.address}/chainrule.v1.{method}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)

    def answer(self, method, message):
        done = self.curl(method, message)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_reflection_is_enough_to_create_train_and_predict(self):
        spec = {"input_width": 2, "layers": [{"units": 8}, {"units": 1}]}
        model = self.answer("ModelService/CreateModel", {"model_id": "xor", "model": {"spec": spec}})
        self.assertEqual(model["name"], "models/xor")
        examples = {"inputs": ROWS, "targets": {"shape": [4], "values": [0, 1, 1, 0]}}
        trained = self.answer("TrainingService/Train",
                              {"model": "models/xor", "examples": examples, "epochs": 5000,
                               "learning_rate": 5})
        self.assertEqual(trained["modelStep"], "5000")
        outputs = self.answer("PredictionService/Predict", {"model": "models/xor", "inputs": ROWS})
        self.assertEqual([round(value) for value in outputs["outputs"]["values"]], [0, 1, 1, 0])

    def test_errors_carry_their_details(self):
        refused = self.curl("PredictionService/Predict", {"model": "models/none", "inputs": ROWS})
        self.assertNotEqual(refused.returncode, 0)
        error = json.loads(refused.stderr)
        self.assertEqual(error["code"], "not_found")
        self.assertEqual([detail["type"] for detail in error["details"]],
                         ["google.rpc.ErrorInfo", "google.rpc.ResourceInfo"])


if __name__ == "__main__":
    unittest.main()
