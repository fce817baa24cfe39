#include "server/convert/inference.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/core/checked_math.h"
#include "engine/core/error.h"
#include "server/convert/reply_size.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

using engine::ElementType;
using engine::InvalidField;
using inference::InferTensorContents;
using inference::ModelInferRequest;
using InputTensor = ModelInferRequest::InferInputTensor;

struct Datatype {
  absl::string_view name;
  ElementType type;
};
constexpr Datatype kDatatypes[] = {
    {"FP32", ElementType::kFloat32},  {"FP64", ElementType::kFloat64},
    {"INT8", ElementType::kInt8},     {"INT16", ElementType::kInt16},
    {"INT32", ElementType::kInt32},   {"INT64", ElementType::kInt64},
    {"UINT8", ElementType::kUint8},   {"UINT16", ElementType::kUint16},
    {"UINT32", ElementType::kUint32}, {"UINT64", ElementType::kUint64}};

absl::StatusOr<ElementType> ReadDatatype(const std::string& name) {
  for (const Datatype& datatype : kDatatypes) {
    if (datatype.name == name) return datatype.type;
  }
  return InvalidField("inputs[0].datatype",
                      absl::StrCat(Echo(name),
                                   "; must be FP32, FP64, INT8 to INT64 or UINT8 to "
                                   "UINT64"));
}

// The elements of typed contents, wherever the datatype has them.
struct Contents {
  absl::string_view field;
  ElementType type = ElementType::kFloat32;
  const void* data = nullptr;
  int64_t count = 0;
};

template <typename Field>
Contents Of(absl::string_view name, ElementType type, const Field& field) {
  return {name, type, field.data(), field.size()};
}

Contents ContentsOf(ElementType type, const InferTensorContents& contents) {
  switch (type) {
    case ElementType::kFloat32:
      return Of("fp32_contents", type, contents.fp32_contents());
    case ElementType::kFloat64:
      return Of("fp64_contents", type, contents.fp64_contents());
    case ElementType::kInt8:
    case ElementType::kInt16:
    case ElementType::kInt32:
      return Of("int_contents", ElementType::kInt32, contents.int_contents());
    case ElementType::kInt64:
      return Of("int64_contents", type, contents.int64_contents());
    case ElementType::kUint8:
    case ElementType::kUint16:
    case ElementType::kUint32:
      return Of("uint_contents", ElementType::kUint32, contents.uint_contents());
    case ElementType::kUint64:
      return Of("uint64_contents", type, contents.uint64_contents());
  }
  return {};
}

// Elements in whatever field.
int64_t CountAll(const InferTensorContents& contents) {
  return int64_t{contents.bool_contents_size()} + contents.int_contents_size() +
         contents.int64_contents_size() + contents.uint_contents_size() +
         contents.uint64_contents_size() + contents.fp32_contents_size() +
         contents.fp64_contents_size() + contents.bytes_contents_size();
}

std::string Expects(const ModelContext& model) {
  return absl::StrCat("model '", model.id, "' expects ");
}

absl::Status CheckOutputs(const ModelInferRequest& request, const ModelContext& model) {
  for (int i = 0; i < request.outputs_size(); ++i) {
    const std::string field = absl::StrCat("outputs[", i, "]");
    if (request.outputs(i).name() != model.settings->output_name) {
      return InvalidField(field + ".name",
                          absl::StrCat(Echo(request.outputs(i).name()), "; the output of model '",
                                       model.id, "' is ", Echo(model.settings->output_name)));
    }
    if (request.outputs(i).parameters().contains("classification")) {
      return InvalidField(
          field + ".parameters",
          "classification; no parameters are allowed, this server does not have that extension");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckInput(const ModelInferRequest& request, const ModelContext& model) {
  const std::string& wanted = model.settings->input_name;
  if (request.inputs_size() != 1) {
    return InvalidField("inputs", absl::StrCat(request.inputs_size(), " tensors; ", Expects(model),
                                               "one, ", Echo(wanted)));
  }
  if (request.inputs(0).name() == wanted) return absl::OkStatus();
  return InvalidField("inputs[0].name", absl::StrCat(Echo(request.inputs(0).name()), "; ",
                                                     Expects(model), Echo(wanted)));
}

// Returns the rows.
absl::StatusOr<int64_t> ReadShape(const InputTensor& tensor, const ModelContext& model) {
  const std::span<const int64_t> shape(tensor.shape().data(),
                                       static_cast<size_t>(tensor.shape_size()));
  const int64_t columns = model.network().input_width;
  if (shape.size() != 2 || shape[0] < 0 || shape[1] != columns) {
    return InvalidField("inputs[0].shape", absl::StrCat(ShapeText(shape), "; ", Expects(model),
                                                        "[rows, ", columns, "]"));
  }
  if (shape[0] > model.limits->max_rows) {
    return engine::LimitExceeded("inputs[0].shape[0]", "max_rows", shape[0],
                                 model.limits->max_rows);
  }
  return shape[0];
}

absl::Status WrongSize(absl::string_view field, absl::string_view found, const InputTensor& tensor,
                       int64_t count) {
  return InvalidField(field, absl::StrCat(found, "; ", Echo(tensor.datatype()),
                                          " of this shape has ", count, " elements"));
}

absl::StatusOr<engine::ElementRows> ReadRaw(const ModelInferRequest& request, ElementType type,
                                            int64_t count) {
  const std::string& raw = request.raw_input_contents(0);
  if (request.raw_input_contents_size() != 1) {
    return InvalidField(
        "raw_input_contents",
        absl::StrCat(request.raw_input_contents_size(), "; must be one for each input, or none"));
  }
  if (request.inputs(0).has_contents()) {
    return InvalidField("inputs[0].contents", "set; not allowed beside raw_input_contents");
  }
  if (static_cast<int64_t>(raw.size()) != count * engine::ElementBytes(type)) {
    return WrongSize("raw_input_contents[0]", absl::StrCat(raw.size(), " bytes"), request.inputs(0),
                     count);
  }
  return engine::ElementRows{type, raw.data(), 1};
}

absl::StatusOr<engine::ElementRows> ReadTyped(const InputTensor& tensor, ElementType type,
                                              int64_t count) {
  const Contents contents = ContentsOf(type, tensor.contents());
  if (contents.count != count) {
    return WrongSize(absl::StrCat("inputs[0].contents.", contents.field),
                     absl::StrCat(contents.count, " elements"), tensor, count);
  }
  if (CountAll(tensor.contents()) > count) {
    return InvalidField(
        "inputs[0].contents",
        absl::StrCat(CountAll(tensor.contents()), " elements; none are allowed beside ",
                     contents.field, ", where ", Echo(tensor.datatype()), " has them"));
  }
  return engine::ElementRows{contents.type, contents.data, 1};
}

}  // namespace

absl::StatusOr<InferArguments> CheckInfer(const ModelInferRequest& request,
                                          const ModelContext& model) {
  if (absl::Status status = CheckInput(request, model); !status.ok()) return status;
  if (absl::Status status = CheckOutputs(request, model); !status.ok()) return status;
  const InputTensor& tensor = request.inputs(0);
  const absl::StatusOr<ElementType> type = ReadDatatype(tensor.datatype());
  if (!type.ok()) return type.status();
  const absl::StatusOr<int64_t> rows = ReadShape(tensor, model);
  if (!rows.ok()) return rows.status();
  const int64_t columns = model.network().input_width;
  const std::optional<int64_t> bytes =
      engine::CheckedMultiply(*rows, columns * int64_t{sizeof(double)});
  if (!bytes) {
    return InvalidField("inputs[0].shape[0]",
                        absl::StrCat(*rows, "; must be no more rows than can be counted"));
  }
  const bool raw = !request.raw_input_contents().empty();
  absl::StatusOr<engine::ElementRows> elements =
      raw ? ReadRaw(request, *type, *rows * columns) : ReadTyped(tensor, *type, *rows * columns);
  if (!elements.ok()) return elements.status();
  elements->columns = columns;
  ReplySize size;
  size.AddTensor(*rows, model.network().output_width());
  for (const std::string* text :
       {&request.id(), &request.model_name(), &model.settings->output_name}) {
    size.Add(static_cast<int64_t>(text->size()), 1);
  }
  const absl::StatusOr<int64_t> reply_bytes = size.Check("inputs", *model.limits);
  if (!reply_bytes.ok()) return reply_bytes.status();
  return InferArguments{{*elements, *rows}, raw, *reply_bytes};
}

engine::MatrixView PlaceInference(const InferArguments& arguments, const ModelSettings& settings,
                                  inference::ModelInferResponse* response) {
  const int64_t rows = arguments.inputs.rows;
  const int64_t columns = settings.network.output_width();
  auto* output = response->add_outputs();
  output->set_name(settings.output_name);
  output->set_datatype("FP32");
  output->add_shape(rows);
  output->add_shape(columns);
  if (arguments.raw) {
    std::string* raw = response->add_raw_output_contents();
    raw->resize(static_cast<size_t>(rows * columns) * sizeof(float));
    return {reinterpret_cast<float*>(raw->data()), rows, columns};
  }
  auto* values = output->mutable_contents()->mutable_fp32_contents();
  values->Reserve(static_cast<int>(rows * columns));
  return {values->AddNAlreadyReserved(static_cast<int>(rows * columns)), rows, columns};
}

void WriteInference(const ModelInferRequest& request, int64_t model_step, int64_t version,
                    inference::ModelInferResponse* response) {
  response->set_model_name(request.model_name());
  if (version > 0) response->set_model_version(absl::StrCat(version));
  response->set_id(request.id());
  (*response->mutable_parameters())["model_step"].set_int64_param(model_step);
}

}  // namespace chainrule::server
