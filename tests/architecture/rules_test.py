#!/usr/bin/python3
"""The rules see what they are there to see: one bad file each, and good ones beside it."""

import unittest

import rules


def found(path, text):
    return list(rules.violations({path: text}))


def include(header):
    return f'#include "{header}"\n'


class RulesTest(unittest.TestCase):
    def assert_refused(self, path, header):
        self.assertEqual(len(found(path, include(header))), 1, f"{path} ← {header}")

    def assert_allowed(self, path, header):
        self.assertEqual(found(path, include(header)), [], f"{path} ← {header}")

    def test_engine_layers_see_only_what_is_below_them(self):
        self.assert_allowed("engine/train/a.cc", "engine/nn/b.h")
        self.assert_allowed("engine/nn/a.cc", "engine/kernels/b.h")
        self.assert_refused("engine/nn/a.cc", "engine/train/b.h")
        self.assert_refused("engine/kernels/a.h", "engine/nn/b.h")
        self.assert_refused("engine/blas/a.cc", "engine/kernels/b.h")
        self.assert_refused("engine/core/a.cc", "engine/blas/b.h")

    def test_the_engine_sees_no_messages_and_no_server(self):
        for header in ("grpcpp/grpcpp.h", "grpc/grpc.h", "google/protobuf/message.h",
                       "chainrule/v1/tensor.pb.h", "server/models/model.h", "client/lib/client.h"):
            self.assert_refused("engine/train/a.cc", header)

    def test_components_know_the_engine_and_no_messages(self):
        for folder in ("models", "store", "compute"):
            path = f"server/{folder}/a.cc"
            self.assert_allowed(path, "engine/train/trainer.h")
            self.assert_refused(path, "grpcpp/server.h")
            self.assert_refused(path, "chainrule/v1/model.pb.h")
            self.assert_refused(path, "server/convert/tensor.h")
            self.assert_refused(path, "server/rpc/model_service.h")

    def test_components_stand_on_each_other_in_one_order(self):
        self.assert_allowed("server/compute/a.cc", "server/models/b.h")
        self.assert_allowed("server/models/a.cc", "server/store/b.h")
        self.assert_refused("server/models/a.cc", "server/compute/b.h")
        self.assert_refused("server/store/a.cc", "server/models/b.h")

    def test_only_convert_sees_messages_and_numbers(self):
        self.assert_allowed("server/convert/a.cc", "chainrule/v1/tensor.pb.h")
        self.assert_allowed("server/convert/a.cc", "engine/nn/spec.h")
        self.assert_allowed("server/convert/a.cc", "server/models/settings.h")
        self.assert_refused("server/convert/a.cc", "server/compute/lanes.h")
        self.assert_refused("server/convert/a.cc", "grpcpp/server_context.h")
        self.assert_refused("server/rpc/a.cc", "engine/nn/spec.h")

    def test_rpc_knows_convert_and_the_components_and_app_knows_all(self):
        self.assert_allowed("server/rpc/a.cc", "server/convert/tensor.h")
        self.assert_allowed("server/rpc/a.cc", "server/models/model.h")
        self.assert_refused("server/rpc/a.cc", "server/app/options.h")
        self.assert_allowed("server/app/a.cc", "server/rpc/model_service.h")

    def test_the_client_knows_the_contract_alone(self):
        self.assert_allowed("client/cli/a.cc", "chainrule/v1/model.grpc.pb.h")
        self.assert_refused("client/cli/a.cc", "engine/core/matrix.h")
        self.assert_refused("client/lib/a.cc", "server/convert/tensor.h")

    def test_a_folder_without_arrows_is_refused(self):
        self.assertEqual(len(found("engine/extra/a.cc", "")), 1)

    def test_other_people_s_headers_are_not_looked_at(self):
        self.assert_allowed("engine/nn/a.cc", "absl/status/status.h")

    def test_long_files_are_refused(self):
        self.assertEqual(found("engine/nn/a.cc", "\n" * rules.MAX_LINES), [])
        self.assertEqual(len(found("engine/nn/a.cc", "\n" * (rules.MAX_LINES + 1))), 1)

    def test_paths_of_one_machine_are_refused(self):
        self.assertEqual(len(found("docker/Dockerfile", "COPY /" "work/main /src")), 1)
        self.assertEqual(len(found("README.md", "look in /" "home/someone")), 1)
        self.assertEqual(found("README.md", "the frame/work/shop"), [])

    def test_what_is_left_for_later_is_refused(self):
        self.assertEqual(len(found("engine/nn/a.cc", "// TO" "DO: all of it")), 1)


if __name__ == "__main__":
    unittest.main()
